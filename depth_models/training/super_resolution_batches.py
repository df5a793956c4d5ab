"""The maps of every step of a training of super-resolution, and what is left of them at low resolution."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from depth_models.data.degradation import CLEAN, Degradation, low_res_of
from depth_models.data.samples import DepthSample
from depth_models.frames import Image, Map
from depth_models.training.mono_augment import covering, displaced, relit
from depth_models.training.mono_batches import Views
from depth_models.training.super_resolution_config import (
    DegradingConfig,
    DepthGANDataConfig,
    GuidedDataConfig,
    SuperResolutionDataConfig,
)
from depth_models.training.super_resolution_relative import FrozenRelative, drawn_relative


class UpscalingBatch(NamedTuple):
    """Maps are in m, or as many of inverse depth."""

    low_res: Tensor  # [B,1,h,w], 0 where missing
    depth: Tensor  # [B,1,H,W] 0 where unknown: see `valid`
    valid: Tensor  # [B,1,H,W] bool: known
    step: int  # steps that were done when these views are drawn


class GuidedBatch(NamedTuple):
    """The same, with what guides the network."""

    low_res: Tensor
    image: Tensor  # [B,H,W,3] uint8
    relative: Tensor  # [B,1,H,W] inverse depth but for a scale and a shift
    drawn: Tensor  # [B] bool: `relative` was drawn from the truth, and is no network's
    depth: Tensor
    valid: Tensor
    step: int


class Crop(NamedTuple):
    """Where a sample was cut from a view, and how it was turned."""

    source: int
    number: int  # of the view in its source
    view: DepthSample
    window: tuple[slice, slice]
    flips: tuple[bool, bool]  # upside down, left to right

    def of(self, values: np.ndarray) -> np.ndarray:
        """That part of an array [H,W,...] of the view; not copied."""
        steps = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return np.asarray(values[self.window][steps])


class UpscalingViews(Views):
    """Several sources of views, each with its share; what is seen of them is cropped at random."""

    def __init__(self, config: SuperResolutionDataConfig, *, use: str = 'training') -> None:
        super().__init__(config, use=use)
        self.data = config

    def crop(self, rng: np.random.Generator) -> Crop:
        """What a step sees of a view. Before anything else is done to it: that goes by the pixel."""
        data = self.data
        source = int(rng.choice(len(self.samples), p=self.shares))
        number = int(rng.integers(len(self.samples[source])))
        view = covering(self.samples[source][number], data.view_size)
        top, left = (int(rng.integers(have - need + 1)) for have, need in zip(
            view.depth.shape, (data.height, data.width)))
        flips = rng.random(2) < (data.augment.vertical_flip, data.augment.horizontal_flip)
        if not data.sources[source].augment:
            flips[:] = False
        return Crop(source, number, view, (slice(top, top + data.height), slice(left, left + data.width)),
                    (bool(flips[0]), bool(flips[1])))

    def maps(self, rng: np.random.Generator, crop: Crop, factor: int) -> tuple[Map, Map, Map]:
        """Low-resolution map and truth, in m or inverse to it; the truth in m. NaN where unknown."""
        depth = crop.of(crop.view.depth)
        with np.errstate(invalid='ignore'):
            depth = np.where((depth > 0) & (depth <= self.data.max_depth), depth, np.float32(np.nan))
        inverse = rng.random() < self.data.augment.inverse
        truth = inverted(depth) if inverse else depth
        low_res = low_res_of(rng, truth, factor, drawn(rng, self.data.degrading))
        if not np.isfinite(low_res).any():  # of nothing nothing is to be learned
            truth = np.full_like(truth, np.nan)
        return low_res, truth, depth

    def stream(self, step: int, index: int) -> np.random.Generator:
        """Of what is drawn for one sample."""
        return np.random.default_rng([self.data.seed, step, index])


class DepthViews(UpscalingViews):
    """Depth alone."""

    def __init__(self, config: DepthGANDataConfig, *, use: str = 'training') -> None:
        super().__init__(config, use=use)
        self.factor = config.factor

    def upscaling_batch(self, step: int, indices: range) -> UpscalingBatch:
        """Those of one step by their numbers in its batch; the same arguments give the same maps."""
        made = []
        for rng in (self.stream(step, index) for index in indices):
            made.append(self.maps(rng, self.crop(rng), self.factor)[:2])
        low_res, truth = (np.stack(maps) for maps in zip(*made))
        depth, valid = known(truth)
        return UpscalingBatch(known(low_res)[0], depth, valid, step)


class GuidedViews(UpscalingViews):
    """Depth, image and relative depth. All maps of a step have one factor."""

    def __init__(self, config: GuidedDataConfig, *, use: str = 'training') -> None:
        super().__init__(config, use=use)
        self.guided = config
        self.frozen = FrozenRelative(config.relative.source)

    def guided_batch(self, step: int, indices: range) -> GuidedBatch:
        """Those of one step by their numbers in its batch; the same arguments give the same views."""
        factor = self.guided.factors[step % len(self.guided.factors)]
        made = [self._sample(self.stream(step, index), factor) for index in indices]
        low_res, image, relative, from_truth, truth = (np.stack(arrays) for arrays in zip(*made))
        depth, valid = known(truth)
        return GuidedBatch(known(low_res)[0], torch.from_numpy(image), torch.from_numpy(relative)[:, None],
                           torch.from_numpy(from_truth), depth, valid, step)

    def _sample(self, rng: np.random.Generator, factor: int) -> tuple[Map, Image, Map, np.bool_, Map]:
        crop, config = self.crop(rng), self.guided
        low_res, truth, depth = self.maps(rng, crop, factor)
        from_truth = np.bool_(rng.random() < config.relative.drawn)
        if from_truth or config.relative.trained:  # what is trained says it in its step
            relative = drawn_relative(rng, depth, config.relative)
        else:
            whole = self.frozen.of(crop.view, (crop.source, crop.number))
            relative = crop.of(whole).astype(np.float32)
        image = np.ascontiguousarray(crop.of(crop.view.image))
        if config.augment.light and config.sources[crop.source].augment:
            image = relit(rng, image, config.augment)
        return low_res, displaced(rng, image, config), relative, from_truth, truth


def inverted(depth: Map) -> Map:
    """Inverse depth with the median of the depth."""
    known = depth[np.isfinite(depth)]
    return np.float32(np.median(known) ** 2) / depth if len(known) else depth


def drawn(rng: np.random.Generator, config: DegradingConfig) -> Degradation:
    """What is wrong with a low-resolution map, at random."""
    # drawn whatever they are for, so that one number does not shift what follows
    clean, inverse_steps = rng.random(2) < (config.clean, 0.5)
    strengths = rng.random(5) * (rng.random(5) < config.each)
    if clean:
        return CLEAN
    if config.sensor < 1 and rng.random() >= config.sensor:
        strengths[3:] = 0
    gaussian, quadratic, step, holes, bleeding = (strengths * (
        config.gaussian, config.quadratic, config.step, config.holes, config.bleeding)).tolist()
    return Degradation(gaussian=gaussian, quadratic=quadratic, step=step, inverse_steps=bool(inverse_steps),
                       holes=holes, bleeding=bleeding)


def known(maps: np.ndarray) -> tuple[Tensor, Tensor]:
    """[B,1,H,W] of [B,H,W], 0 where there is NaN; and where there is none."""
    values = torch.from_numpy(maps)[:, None]
    there = torch.isfinite(values)
    return torch.where(there, values, 0.0), there
