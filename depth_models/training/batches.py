"""
The pairs of every step. Pair `index` of step `step` depends on (seed, step, index) alone, so it is
the same for any number of workers, of devices, and in a run that was resumed.
"""

import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from depth_models.data import textures
from depth_models.data.layered_scenes import render_stereo
from depth_models.data.samples import StereoSample
from depth_models.data.stereo_datasets import StereoDataset, open_stereo_dataset
from depth_models.training.augment import augmented, cropped
from depth_models.training.config import AugmentConfig, DataConfig, SourceConfig

VALIDATION_SEED = 999_983  # of pairs that no training run draws
GRACE = 10  # s that a worker lives on after SIGTERM, for the step that is under way


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
        weights = np.array([source.weight for source in sources])
        self.shares = weights / weights.sum()

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


def share_of_rank(batch: int, rank: int, ranks: int) -> range:
    """Which pairs of a batch one of several devices draws; ValueError where they cannot be shared."""
    if batch % ranks:
        raise ValueError(f'data.batch must be a multiple of the {ranks} devices, got {batch}')
    return range(rank * batch // ranks, (rank + 1) * batch // ranks)


class StepBatches(IterableDataset[StereoBatch]):
    """The batches of the steps from `start` on, in order, shared out among the workers in turn."""

    def __init__(self, mixture: Mixture, config: DataConfig, start: int, indices: range) -> None:
        self.mixture, self.config, self.start, self.indices = mixture, config, start, indices

    def __iter__(self) -> Iterator[StereoBatch]:
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.start + number  # the loader takes from the workers in turn
        while True:
            yield draw_batch(self.mixture, self.config, step, self.indices)
            step += of


class TimedBatches:
    """An endless loader that counts how long the training waited for it."""

    def __init__(self, dataset: StepBatches, *, pin_memory: bool) -> None:
        self.waited = 0.0  # s
        workers = dataset.config.workers
        textures.atlas(), textures.light_map()  # made here, the workers inherit them
        self._loader = DataLoader(
            dataset, batch_size=None, num_workers=workers, pin_memory=pin_memory,
            prefetch_factor=dataset.config.prefetch if workers else None,
            worker_init_fn=_outlive_the_signal, generator=torch.Generator().manual_seed(0))

    def __iter__(self) -> Iterator[StereoBatch]:
        with warnings.catch_warnings():
            # of Python 3.12 on: the workers draw pairs, and touch none of this process's threads
            warnings.filterwarnings('ignore', 'This process .* is multi-threaded, use of fork',
                                    DeprecationWarning)
            batches = iter(self._loader)
        while True:
            began = time.perf_counter()
            batch = next(batches)
            self.waited += time.perf_counter() - began
            yield batch


def _outlive_the_signal(_: int) -> None:
    """Ctrl-C and SIGTERM reach a whole process group: the training ends the workers when it is done.

    A worker that is gone at once would end the step that is about to be saved.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE) and None)
