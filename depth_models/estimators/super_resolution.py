"""Depth of high resolution from depth of low resolution: the library's face of those networks."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from depth_models.estimators.prepared import (
    FINISH,
    WARM_UP_SIZE,
    Maps,
    PreparedEstimator,
    Size,
    at_full_size,
    check_stage,
    fill,
    load,
    rounded_up,
    scaled,
    sigmoid,
)
from depth_models.estimators.sparse import nearness, shrunk
from depth_models.frames import Image, Map, SuperResolutionEstimate, SuperResolutionFrame, check_larger
from depth_models.images import resized
from depth_models.networks.graph import Graph
from depth_models.networks.super_resolution_graphs import (
    CORRECTION,
    DEPTH,
    IMAGE,
    LOW_RES,
    RELATIVE,
    SCALE,
)
from depth_models.networks.super_resolution_networks import GUIDED, KINDS, kind_of
from depth_models.sparse_maps import as_input, is_measured

PLAIN = 'depth_gan_x4'  # shipped weights
# by the stage that was reached
RAN = {False: ('none', 'bicubic', 'depth_only'), True: ('none', 'bilinear', 'guided')}
USUAL_FACTOR = 4  # of frames for a network of any factor, before one has come


class DepthUpscaler(PreparedEstimator):
    """Depth in m of high resolution from a map of low resolution, with its confidence.

    >>> upscaler = DepthUpscaler.from_pretrained('depth_gan_x4')
    >>> estimate = upscaler.compute(low_res)  # float32 [h,w] m, any size
    >>> estimate.depth, estimate.confidence  # float32 [4h,4w]

    Pixel edges stay where they are, as in `cv2.resize` and `Camera.resized`. Stage 1 interpolates, stage 2
    is the network. Not safe for use by several threads at once: give each its own.
    """

    def __init__(self, network: nn.Module, **options: Any) -> None:
        """network: one of `depth_models.networks.super_resolution_networks`.

        options: engine, precision, device, num_threads, clock, costs: see `PreparedEstimator`.
        """
        kind = kind_of(network)
        config: Any = network.config
        self.guided = kind == GUIDED  # it wants an image and relative depth
        self.factor = USUAL_FACTOR if self.guided else int(config.factor)
        super().__init__(kind if self.guided else f'{kind}_x{self.factor}', **options)
        self._stages = KINDS[kind].graphs(network.eval())
        self._multiple = config.multiple if self.guided else 1  # px, of the grid of 'confidence_2'
        self.stages = len(self._stages)

    @classmethod
    def from_pretrained(cls, name_or_path: str = PLAIN, **options: Any) -> 'DepthUpscaler':
        """With shipped weights ('depth_gan_x4', 'guided_super_resolution') or those of a .safetensors file.

        options: as of the constructor. Raises FileNotFoundError or ValueError, in one sentence.
        """
        network, _ = load(name_or_path, KINDS)
        return cls(network, **options)

    def compute(self, low_res: Map, image: Image | None = None, relative: Map | None = None, *,
                size: tuple[int, int] | None = None, stage: int = 0, deadline: float | None = None,
                scale: float = 1.0, fill_holes: bool = False) -> SuperResolutionEstimate:
        """Depth on the grid of the image; another size, or none, of a network that needs no image.

        low_res: float32 [h,w] m, any size; NaN, infinite, 0 or negative where it is missing.
        image: uint8 [H,W,3] RGB or [H,W] grey, relative: float32 [H,W], inverse depth of it but for a scale
        and a shift (`relative_depth.RelativeDepth` makes it of the image), NaN where unknown; both are of a
        guided network, another one does not look at them.
        size: (height, width) of the depth; None: that of the image, without one `low_res` times the factor of
        the network. Whatever the ratio is: a network of a fixed factor is followed by a bilinear resize.
        stage: the last one to run, from 1 on; 0: as far as the deadline allows (all without one).
        deadline: on the estimator's clock; stage 1 always runs. A fixed stage ignores it.
        scale: of what the network sees, 0..1: the image, or the map of a network without one.
        fill_holes: depth where `low_res` is missing, too, less sure the farther from a measurement; else NaN.

        Where nothing was measured at all, depth is NaN everywhere. Raises ValueError when maps or images are
        none or do not fit each other, or `stage` is out of range.
        """
        check_stage(stage, self.stages)
        SuperResolutionFrame(low_res, image, relative)  # says what does not fit
        if self.guided and (image is None or relative is None):
            raise ValueError(f'{self._kind} needs an image and its relative depth beside low_res')
        wanted = size or (image.shape[:2] if image is not None else self._enlarged(low_res.shape))
        check_larger(low_res.shape, wanted, 'size')
        known = is_measured(low_res)
        measured = int(np.count_nonzero(known))
        if not measured:
            return SuperResolutionEstimate(
                np.full(wanted, np.nan, np.float32), np.zeros(wanted, np.float32), measured=0,
                method=RAN[self.guided][0], stage=0, scale=scale, network=self._kind)
        prepared, laps = self._start((*wanted, *low_res.shape), scale)
        grid, small = self._grids((*wanted, *low_res.shape), scale)
        np.copyto(prepared.inputs[LOW_RES], as_input(shrunk(low_res, known, small), small))
        if self.guided and image is not None and relative is not None:
            fill(prepared.inputs[IMAGE][0], image, grid)
            prepared.inputs[RELATIVE][0, 0] = _everywhere(relative, grid)
        laps.took('preparation')
        reached, maps = next((number, maps) for number, maps, last in self._run(
            prepared, laps, stage=stage, deadline=deadline) if last)
        depth = at_full_size(_depth(maps, reached)[None, None], grid, grid, wanted)
        # what the network tells of its confidence may lie on a grid that it has padded
        whole = (rounded_up(grid[0], self._multiple), rounded_up(grid[1], self._multiple))
        confidence = sigmoid(at_full_size(maps(f'confidence_{reached}'), whole if reached == 2 else grid,
                                          grid, wanted))
        if measured < low_res.size:
            _mark_holes(depth, confidence, known, fill_holes=fill_holes)
        laps.took(FINISH, FINISH)
        return SuperResolutionEstimate(depth, confidence, measured=measured, stage=reached,
                                       method=RAN[self.guided][reached], scale=scale,
                                       network=self._kind, seconds=laps.seconds)

    def _enlarged(self, low_res: Size) -> tuple[int, int]:
        return self.factor * low_res[0], self.factor * low_res[1]

    def _grids(self, size: Size, scale: float) -> tuple[Size, Size]:
        """What stage 1 ends at, and the map that goes in."""
        wanted, low_res = size[:2], size[2:]
        if not self.guided:
            small = scaled(low_res, scale)
            return self._enlarged(small), small
        grid = scaled(wanted, scale)
        return grid, (min(low_res[0], grid[0]), min(low_res[1], grid[1]))

    def _key(self, size: Size, scale: float) -> tuple[int, ...]:
        """Both grids where an image comes in, else that of the map."""
        grid, small = self._grids(size, scale)
        return (*grid, *small) if self.guided else small

    def _graphs(self, key: tuple[int, ...]) -> list[Graph]:
        return self._stages

    def _inputs(self, key: tuple[int, ...]) -> Mapping[str, NDArray[Any]]:
        inputs: dict[str, NDArray[Any]] = {LOW_RES: np.full((1, 1, *key[-2:]), 2.0, np.float32)}
        if self.guided:
            inputs |= {IMAGE: np.full((1, *key[:2], 3), 127, np.uint8),
                       RELATIVE: np.ones((1, 1, *key[:2]), np.float32)}
        return inputs

    def _rehearse(self, size: Size, scale: float) -> None:
        self.compute(np.full(size[2:], 2.0, np.float32), np.full(size[:2], 127, np.uint8),
                     np.ones(size[:2], np.float32), size=(size[0], size[1]), scale=scale)

    def _size_of(self, name: str) -> Size:
        first = super()._size_of(name)
        if not self.guided:
            return (*self._enlarged(first), *first)
        return (*first, *map(int, name.split('-')[2:4]))

    def _usual_size(self) -> Size:
        return (*WARM_UP_SIZE, *(side // self.factor for side in WARM_UP_SIZE))


def _depth(maps: Maps, reached: int) -> Map:
    """[H,W] of stage 1, corrected by stage 2: see `networks.low_res.corrected`."""
    smooth = maps(DEPTH)[0, 0]
    if reached == 1:
        return smooth
    depth = maps(CORRECTION)[0, 0] * maps(SCALE)[0, 0]  # in float32, or metres would not be exact
    depth += smooth
    return np.maximum(depth, 0.5 * smooth, out=depth)


def _mark_holes(depth: Map, confidence: Map, known: NDArray[np.bool_], *, fill_holes: bool) -> None:
    """In place: what is farther from a measurement is less sure; holes are NaN where they are not filled."""
    size = depth.shape[::-1]
    if fill_holes:
        near = cv2.resize(nearness(known), size, interpolation=cv2.INTER_LINEAR)
        np.multiply(confidence, near, out=confidence)
        return
    # the exact one knows of pixel centres; the other one moves holes where the ratio is no whole number
    holes = cv2.resize((~known).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    depth[holes > 0], confidence[holes > 0] = np.nan, 0.0


def _everywhere(relative: Map, grid: Size) -> Map:
    """Relative depth on the grid of the network; where it is unknown, its mean, which says nothing."""
    known = np.isfinite(relative)
    if not known.all():
        if not known.any():
            raise ValueError('relative depth is unknown everywhere, it has no finite value')
        relative = np.where(known, relative, relative[known].mean())
    return resized(relative, grid)
