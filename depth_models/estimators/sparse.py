"""Dense depth and confidence from sparse depth: the library's face of the sparse networks."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from depth_models.estimators.prepared import (
    FINISH,
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
from depth_models.frames import Image, Map, SparseEstimate, SparseFrame
from depth_models.networks.graph import Graph
from depth_models.networks.sparse_graphs import DOUBT, IMAGE, SPARSE
from depth_models.networks.sparse_networks import KINDS, kind_of
from depth_models.sparse_maps import as_input, is_measured, measurements_kept, put_in

PLAIN, GUIDED = 'sparse_depth', 'sparse_depth_rgb'  # shipped weights
HALF = 0.05  # of the larger side of the image: so far from a measurement, confidence is halved
REHEARSED = 4  # px between the measurements of the frame that costs are learned from


class SparseDepthEstimator(PreparedEstimator):
    """Dense depth in m from depths that are known here and there, with its confidence.

    >>> estimator = SparseDepthEstimator.from_pretrained('sparse_depth')
    >>> estimate = estimator.compute(sparse)  # float32 [H,W] m, any size
    >>> estimate.depth, estimate.confidence  # float32 [H,W]

    Stage 1 lays planes through the measurements, stage 2 is the network. Not safe for use by several
    threads at once: give each its own.
    """

    def __init__(self, network: nn.Module, **options: Any) -> None:
        """network: one of `depth_models.networks.sparse_networks`.

        options: engine, precision, device, num_threads, clock, costs: see `PreparedEstimator`.
        """
        kind = KINDS[kind_of(network)]
        self.guided = bool(network.config.rgb)  # type: ignore[union-attr]  # it wants images
        super().__init__(GUIDED if self.guided else PLAIN, **options)
        self._stages, self._multiple = kind.graphs(network.eval()), kind.multiple
        self.stages = len(self._stages)

    @classmethod
    def from_pretrained(cls, name_or_path: str = PLAIN, **options: Any) -> 'SparseDepthEstimator':
        """With shipped weights ('sparse_depth', 'sparse_depth_rgb') or those of a .safetensors file.

        options: as of the constructor. Raises FileNotFoundError or ValueError, in one sentence.
        """
        network, _ = load(name_or_path, KINDS)
        return cls(network, **options)

    def compute(self, sparse: Map, image: Image | None = None, *, stage: int = 0,
                deadline: float | None = None, scale: float = 1.0, denoise: bool = False) -> SparseEstimate:
        """Depth of every pixel.

        sparse: float32 [H,W] m, any size; NaN, infinite, 0 or negative where nothing was measured.
        image: uint8 [H,W,3] RGB or [H,W] grey, of a guided network; another one does not look at it.
        stage: the last one to run, from 1 on; 0: as far as the deadline allows (all without one).
        deadline: on the estimator's clock; stage 1 always runs. A fixed stage ignores it.
        scale: of what the network sees, 0..1; the estimate has the size of `sparse` anyway.
        denoise: measurements may be wrong, and the network is told so; else the depth of a measured pixel
        is what was measured.

        Where nothing was measured at all, depth is NaN everywhere. Raises ValueError when maps or images
        are none or differ in size, or `stage` is out of range.
        """
        check_stage(stage, self.stages)
        frame = SparseFrame(sparse, image)  # says what does not fit
        if self.guided and image is None:
            raise ValueError(f'{self._kind} needs an image beside the sparse depth')
        known = is_measured(sparse)
        measured = int(np.count_nonzero(known))
        if not measured:
            return SparseEstimate(np.full(frame.size, np.nan, np.float32), np.zeros(frame.size, np.float32),
                                  measured=0, guided=self.guided, stage=0, scale=scale, network=self._kind)
        prepared, laps = self._start(frame.size, scale)
        inner = scaled(frame.size, scale)
        put_in(prepared.inputs[SPARSE], shrunk(sparse, known, inner))
        prepared.inputs[DOUBT].fill(denoise)
        if self.guided and image is not None:
            fill(prepared.inputs[IMAGE][0], image, inner)
        laps.took('preparation')
        reached, maps = next((number, maps) for number, maps, last in self._run(
            prepared, laps, stage=stage, deadline=deadline) if last)

        def full(name: str) -> Map:
            return at_full_size(maps(f'{name}_{reached}'), prepared.grid, inner, frame.size)

        depth = full('depth') if denoise else measurements_kept(full('depth'), sparse)
        confidence = sigmoid(full('confidence')) * nearness(known)
        laps.took(FINISH, FINISH)
        return SparseEstimate(depth, confidence, measured=measured, guided=self.guided, stage=reached,
                              scale=scale, network=self._kind, seconds=laps.seconds)

    def _key(self, size: Size, scale: float) -> tuple[int, ...]:
        height, width = scaled(size, scale)
        return rounded_up(height, self._multiple), rounded_up(width, self._multiple)

    def _graphs(self, key: tuple[int, ...]) -> list[Graph]:
        return self._stages

    def _inputs(self, key: tuple[int, ...]) -> Mapping[str, NDArray[Any]]:
        inputs: dict[str, NDArray[Any]] = {SPARSE: as_input(_rehearsed((key[0], key[1])), (key[0], key[1])),
                                           DOUBT: np.zeros((1, 1, 1, 1), np.float32)}
        if self.guided:
            inputs[IMAGE] = np.full((1, *key, 3), 127, np.uint8)
        return inputs

    def _rehearse(self, size: Size, scale: float) -> None:
        self.compute(_rehearsed(size), np.full(size, 127, np.uint8), scale=scale)


def nearness(known: NDArray[np.bool_]) -> Map:
    """[H,W] in (0, 1]: 1 at measured pixels, half as much HALF of the larger side away from them."""
    distance = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(cv2.exp(distance * np.float32(-np.log(2) / (HALF * max(known.shape)))))


def shrunk(sparse: Map, known: NDArray[np.bool_], size: Size) -> Map:
    """Sparse depth in a smaller map: of what falls into a pixel of it, the mean; NaN where nothing does."""
    if size == sparse.shape:
        return sparse
    (rows, columns), (height, width) = np.nonzero(known), sparse.shape
    cell = rows * size[0] // height * size[1] + columns * size[1] // width
    number = np.bincount(cell, minlength=size[0] * size[1])
    total = np.bincount(cell, sparse[rows, columns], minlength=size[0] * size[1])
    with np.errstate(invalid='ignore'):
        return (total / number).astype(np.float32).reshape(size)


def _rehearsed(size: Size) -> Map:
    sparse = np.full(size, np.nan, np.float32)
    sparse[::REHEARSED, ::REHEARSED] = 2.0  # m
    return sparse
