"""The views of every step of a training of sparse depth, and what is measured of them."""

from dataclasses import astuple, fields
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from depth_models.data.sparse_patterns import PATTERNS, Errors, noisy
from depth_models.frames import Image, Map
from depth_models.sparse_maps import is_measured
from depth_models.training.mono_augment import displaced
from depth_models.training.mono_batches import Views
from depth_models.training.sparse_config import MeasuringConfig, PatternShares, SparseDataConfig

BORDER = 1.05  # ratio of depths within a few px that makes a border
NAMES = [share.name for share in fields(PatternShares)]


class SparseBatch(NamedTuple):
    image: Tensor  # [B,H,W,3] uint8
    sparse: Tensor  # [B,1,H,W] m, 0 where nothing was measured
    depth: Tensor  # [B,1,H,W] m, 0 where unknown: see `valid`
    valid: Tensor  # [B,1,H,W] bool: known
    doubt: Tensor  # [B,1,1,1] 1 where the network is told that measurements may be wrong
    step: int  # steps that were done when these views are drawn


class SparseViews(Views):
    """Several sources of views, each with its share; every draw is measured anew."""

    def __init__(self, config: SparseDataConfig, *, use: str = 'training') -> None:
        super().__init__(config, use=use)
        self.measuring, self.max_depth = config.measuring, config.max_depth

    def sparse_batch(self, step: int, indices: range) -> SparseBatch:
        """Those of one step by their numbers in its batch; the same arguments give the same views."""
        made = [self.measured(np.random.default_rng([self.config.seed, step, index])) for index in indices]
        image, sparse, depth, doubt = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*made))
        sparse, depth = sparse[:, None], depth[:, None]
        # where nothing was measured there is nothing to learn
        valid = torch.isfinite(depth) & (depth > 0) & (sparse > 0).any(-1, True).any(-2, True)
        return SparseBatch(image, sparse, torch.where(valid, depth, 0.0), valid,
                           doubt.float().view(-1, 1, 1, 1), step)

    def measured(self, rng: np.random.Generator) -> tuple[Image, Map, Map, bool]:
        """A view: image, what its own sensor measured or one would (0 where nothing), truth, doubt."""
        sample = self.draw(rng)
        with np.errstate(invalid='ignore'):
            depth = np.where(sample.depth <= self.max_depth, sample.depth, np.float32(np.nan))
        if sample.sparse is None:
            sparse, doubt = measured_of(rng, depth, sample.image, self.measuring)
        else:
            sparse, doubt = sample.sparse, bool(rng.random() < self.measuring.doubted)
        sparse = np.where(is_measured(sparse), sparse, np.float32(0))
        return displaced(rng, sample.image, self.measuring), sparse, depth, doubt


def measured_of(rng: np.random.Generator, depth: Map, image: Image, config: MeasuringConfig
                ) -> tuple[Map, bool]:
    """What a sensor drawn at random measures of a view: [H,W] m, NaN where nothing; whether to doubt it."""
    shares = np.array(astuple(config.patterns))
    name = NAMES[int(rng.choice(len(NAMES), p=shares / shares.sum()))]
    # the draws that follow are made whatever they are for, so that one number does not shift the others
    density = float(np.exp(rng.uniform(np.log(config.least_density), np.log(config.most_density))))
    with_noise, with_outliers, with_shadow, doubted = rng.random(4) < (
        config.noisy, config.wrong, config.shadowed, config.doubted)
    relative, quadratic, outliers = rng.random(3) * (
        config.relative_noise, config.quadratic_noise, config.most_outliers)
    if name == 'corners':
        density = min(density, config.most_corners)
    sparse = PATTERNS[name](rng, depth, image, density)
    if with_shadow:
        sparse = np.where(borders(depth, 1 + 2 * int(rng.integers(1, 4))), np.float32(np.nan), sparse)
    errors = Errors(
        relative=relative * with_noise, quadratic=quadratic * with_noise, outliers=outliers * with_outliers)
    return noisy(rng, sparse, depth, errors), bool(with_outliers or doubted)


def borders(depth: Map, side: int) -> np.ndarray:
    """[H,W] bool: within windows of `side` px, depth goes from one surface to another."""
    known = np.isfinite(depth)
    window = np.ones((side, side), np.uint8)
    far = cv2.dilate(np.where(known, depth, np.float32(0)), window)
    near = cv2.erode(np.where(known, depth, np.float32(1e6)), window)
    return np.asarray(far > BORDER * near)
