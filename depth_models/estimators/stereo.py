"""Disparity and confidence from a rectified pair: the library's face of AnyNet."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from depth_models.estimators.prepared import (
    FINISH,
    TELL,
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
from depth_models.frames import Image, StereoEstimate, StereoFrame
from depth_models.networks.anynet_graphs import IMAGES, LEFT
from depth_models.networks.graph import Graph
from depth_models.networks.stereo_networks import KINDS, STAGES, kind_of


class StereoMatcher(PreparedEstimator):
    """Matches rectified pairs, stage by stage.

    >>> matcher = StereoMatcher.from_pretrained('anynet_wide')
    >>> estimate = matcher.compute(left, right)  # uint8 [H,W,3] RGB or [H,W], any size
    >>> estimate.disparity, estimate.confidence  # float32 [H,W]

    Not safe for use by several threads at once: give each its own.
    """

    def __init__(self, network: nn.Module, *, min_disparity: int = 0, max_disparity: int = 192,
                 **options: Any) -> None:
        """network: one of `depth_models.networks.stereo_networks`.

        min_disparity, max_disparity: px, the range searched; its length is rounded up to a multiple
        of 16 px, of 32 px for the wide network.

        min_disparity is negative for cameras that converge. options: engine, precision, device,
        num_threads, clock, costs: see `PreparedEstimator`.
        """
        if max_disparity <= min_disparity:
            raise ValueError(f'max_disparity must be above min_disparity, '
                             f'got {max_disparity} and {min_disparity} px')
        super().__init__(kind_of(network), **options)
        self._multiple = KINDS[self._kind].multiple  # px
        self._network = network.eval()
        self.min_disparity = min_disparity
        self.searched = rounded_up(max_disparity - min_disparity, self._multiple)  # px

    @classmethod
    def from_pretrained(cls, name_or_path: str = 'anynet_wide', **options: Any) -> 'StereoMatcher':
        """A matcher with shipped weights ('anynet') or those of a .safetensors file.

        options: as of the constructor. Raises FileNotFoundError or ValueError, in one sentence.
        """
        return cls(load_network(name_or_path), **options)

    def describe(self) -> dict[str, str]:
        """What runs, for people: engine and why this one, device, precision, searched range."""
        return {**super().describe(), 'searched_px': f'{self.min_disparity}..{self.max_disparity}'}

    @property
    def max_disparity(self) -> int:
        """The end of the range that is searched [px]."""
        return self.min_disparity + self.searched

    def compute(self, left: Image, right: Image, *, stage: int = 0, deadline: float | None = None,
                scale: float = 1.0, on_stage: Callable[[StereoEstimate], None] | None = None
                ) -> StereoEstimate:
        """Match a rectified pair: uint8 [H,W,3] RGB or [H,W] grey, one size, any size.

        stage: the last one to run, 1..4; 0: as far as the deadline allows (all without one).
        deadline: on the matcher's clock; stage 1 always runs. A fixed stage ignores it.
        scale: of the images that are matched, 0..1; the estimate has the size of the pair anyway.
        on_stage: called with the estimate of every stage but the last one, as soon as it is there.

        Raises ValueError when the images do not fit each other or `stage` is out of range.
        """
        check_stage(stage, STAGES)
        StereoFrame(left, right)  # says what does not fit
        size = left.shape[0], left.shape[1]
        prepared, laps = self._start(size, scale)
        inner, shift = scaled(size, scale), round(self.min_disparity * scale)

        def estimate(stage: int, maps: Maps) -> StereoEstimate:
            columns = maps(f'disparity_{stage}')  # of the stage's grid
            disparity = at_full_size(columns, prepared.grid, inner, size)
            disparity = disparity * np.float32(prepared.grid[1] / columns.shape[-1] / scale)
            if shift:
                disparity += np.float32(shift / scale)
            confidence = sigmoid(at_full_size(maps(f'confidence_{stage}'), prepared.grid, inner, size))
            laps.took(FINISH, FINISH)
            return StereoEstimate(
                disparity=disparity, confidence=confidence, stage=stage, scale=scale,
                min_disparity=self.min_disparity, max_disparity=self.max_disparity,
                network=self._kind, seconds=dict(laps.seconds))

        # left column x meets right column x - d; with the right image moved, d counts from its start
        for target, image, columns in zip(
                prepared.inputs[IMAGES], (left, right), (0, shift), strict=True):
            fill(target, image, inner, columns)
        laps.took('preparation')
        for reached, maps, last in self._run(
                prepared, laps, stage=stage, deadline=deadline, tells=on_stage is not None):
            if not last and on_stage is not None:
                on_stage(estimate(reached, maps))
                laps.took(TELL, TELL)
        return estimate(reached, maps)

    def _key(self, size: Size, scale: float) -> tuple[int, ...]:
        """Height, width, searched range, multiples of what the network asks for."""
        height, width = scaled(size, scale)
        return (rounded_up(height, self._multiple), rounded_up(width, self._multiple),
                rounded_up(self.searched * scale, self._multiple))

    def _graphs(self, key: tuple[int, ...]) -> list[Graph]:
        return KINDS[self._kind].graphs(self._network, key[2])

    def _inputs(self, key: tuple[int, ...]) -> Mapping[str, NDArray[np.uint8]]:
        images = np.full((2, *key[:2], 3), 127, np.uint8)
        return {IMAGES: images, LEFT: images[:1]}

    def _rehearse(self, size: Size, scale: float) -> None:
        grey = np.full(size, 127, np.uint8)
        self.compute(grey, grey, scale=scale)


def load_network(name_or_path: str) -> nn.Module:
    """A stereo network with shipped weights ('anynet', 'anynet_wide') or those of a file.

    Raises FileNotFoundError or ValueError.
    """
    return load(name_or_path, KINDS)[0]
