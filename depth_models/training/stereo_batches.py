"""The pairs of every step of a stereo training, from one source or several."""

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_models.data.layered_scenes import render_stereo
from depth_models.data.samples import StereoSample
from depth_models.data.stereo_datasets import StereoDataset, open_stereo_dataset
from depth_models.training.augment import augmented, cropped
from depth_models.training.batches import shares
from depth_models.training.config import AugmentConfig, DataConfig, SourceConfig


class StereoBatch(NamedTuple):
    left: Tensor  # [B,H,W,3] uint8
    right: Tensor  # [B,H,W,3]
    disparity: Tensor  # [B,1,H,W] px, 0 where unknown: see `valid`
    valid: Tensor  # [B,1,H,W] bool: known and within the searched range
    matchable: Tensor  # [B,1,H,W] bool: not of a blank pair
    step: int  # steps that were done when these pairs are drawn


class Source:
    """One kind of pairs, cut to one size."""

    def __init__(self, config: SourceConfig, augment: AugmentConfig) -> None:
        """Opens what is read; OSError or ValueError where that is not as it should be."""
        self.config, self.augment = config, augment
        self.samples: StereoDataset | None = None
        if config.kind == 'world':
            self.render = import_module('depth_models.data.world').render_world
        elif config.kind == 'layered':
            self.render = render_stereo
        else:
            self.samples = open_stereo_dataset(config.path, config.kind)

    def draw(self, rng: np.random.Generator, size: tuple[int, int], max_disparity: int) -> StereoSample:
        """A pair of this size; the same state of `rng` gives the same pair."""
        if self.samples is None:
            return self.render(rng, size, max_disparity)
        sample = self.samples[int(rng.integers(len(self.samples)))]
        if self.config.augment:
            sample = augmented(rng, sample, self.augment)
        return cropped(rng, sample, size)


class Mixture:
    """Several sources, each with its share."""

    def __init__(self, sources: Sequence[SourceConfig], augment: AugmentConfig) -> None:
        self.sources = [Source(source, augment) for source in sources]
        self.shares = shares(sources)

    def draw(self, rng: np.random.Generator, size: tuple[int, int], max_disparity: int) -> StereoSample:
        number = 0 if len(self.sources) == 1 else int(rng.choice(len(self.sources), p=self.shares))
        return self.sources[number].draw(rng, size, max_disparity)


def draw_batch(mixture: Mixture, config: DataConfig, step: int, indices: range | None = None
               ) -> StereoBatch:
    """The batch of one step; the same arguments give the same batch. indices: of its pairs."""
    size = (config.height, config.width)
    lefts, rights, disparities, blanks = [], [], [], []
    for index in range(config.batch) if indices is None else indices:
        rng = np.random.default_rng([config.seed, step, index])
        blank = rng.random() < config.blank_share
        sample = mixture.draw(rng, size, config.max_disparity)
        left, right = _blank_pair(rng, sample.left.shape) if blank else (sample.left, sample.right)
        lefts.append(left)
        rights.append(right)
        disparities.append(sample.disparity)
        blanks.append(blank)
    disparity = torch.from_numpy(np.stack(disparities))[:, None]
    valid = (disparity > 0) & (disparity < config.max_disparity)  # NaN is neither
    matchable = ~torch.tensor(blanks).view(-1, 1, 1, 1).expand_as(disparity)
    return StereoBatch(torch.from_numpy(np.stack(lefts)), torch.from_numpy(np.stack(rights)),
                       disparity.nan_to_num(0.0), valid, matchable.contiguous(), step)


def _blank_pair(rng: np.random.Generator, shape: tuple[int, ...]
                ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A covered, dazzled or empty view: one level with a little noise, the same in both views."""
    level = rng.choice([0.0, 255.0, rng.uniform(0, 255)])
    noise = rng.choice([0.0, 1.0, 3.0])
    left, right = (np.clip(level + noise * rng.standard_normal(shape), 0, 255).astype(np.uint8)
                   for _ in range(2))
    return left, right
