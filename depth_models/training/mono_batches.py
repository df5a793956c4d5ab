"""The views of every step of a training of depth from one image."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_models.data import textures
from depth_models.data.depth_datasets import GeneratedViews, open_depth_dataset
from depth_models.data.depth_datasets.kept import Kept, KeptOnDisk, Samples
from depth_models.data.samples import DepthSample
from depth_models.training.batches import shares
from depth_models.training.config import SourceConfig
from depth_models.training.mono_augment import augmented, covering, cropped
from depth_models.training.mono_config import MonoDataConfig


class MonoBatch(NamedTuple):
    image: Tensor  # [B,H,W,3] uint8
    depth: Tensor  # [B,1,H,W] m, 0 where unknown: see `valid`
    valid: Tensor  # [B,1,H,W] bool: known
    step: int  # steps that were done when these views are drawn


class Views:
    """Several sources, each with its share; cameras are left behind, for no network is told of them."""

    def __init__(self, config: MonoDataConfig, *, use: str = 'training') -> None:
        """Opens what is read; OSError or ValueError where that is not as it should be.

        use: 'training' or 'validation', where data sets are split.
        """
        self.config = config
        self.shares = shares(config.sources)
        self.samples = [_opened(source, config, use) for source in config.sources]

    def batch(self, step: int, indices: range) -> MonoBatch:
        """Those of one step by their numbers in its batch; the same arguments give the same views."""
        samples = [self.draw(np.random.default_rng([self.config.seed, step, index])) for index in indices]
        depth = torch.from_numpy(np.stack([sample.depth for sample in samples]))[:, None]
        valid = torch.isfinite(depth) & (depth > 0)
        return MonoBatch(torch.from_numpy(np.stack([sample.image for sample in samples])),
                         torch.where(valid, depth, 0.0), valid, step)

    def draw(self, rng: np.random.Generator, number: int | None = None) -> DepthSample:
        """A view at the size of the training, of any source or of a certain one."""
        if number is None:
            number = 0 if len(self.samples) == 1 else int(rng.choice(len(self.samples), p=self.shares))
        samples = self.samples[number]
        sample = covering(samples[int(rng.integers(len(samples)))], self.config.view_size)
        if self.config.sources[number].augment:
            sample = augmented(rng, sample, self.config.augment)
        return cropped(rng, sample, (self.config.height, self.config.width))


def _opened(source: SourceConfig, config: MonoDataConfig, use: str) -> Samples:
    if source.kind == 'world':
        views = generated(config)
        return KeptOnDisk(views, Path(config.kept)) if config.kept else Kept(views)
    return open_depth_dataset(source.path, source.kind, use=use)


def generated(config: MonoDataConfig) -> GeneratedViews:
    """Of the config's seed, so that no view of the training is one of the validation."""
    height, width = config.rendered or config.view_size
    return GeneratedViews(config.views, config.seed, (height, width), config.scenes,
                          colours=config.coloured, furniture=Path(config.furniture))


def draw_ahead(config: MonoDataConfig) -> None:
    """What generated views need, before there are workers; those that are kept on a disk are all drawn."""
    if not any(source.kind == 'world' for source in config.sources):
        return
    if config.coloured:
        textures.atlas()
    if config.kept:
        KeptOnDisk(generated(config), Path(config.kept)).fill(os.cpu_count() or 1)
