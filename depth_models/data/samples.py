"""What training and evaluation are fed with: a pair or a view, and what is true of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Camera, Image, Map, StereoCamera


@dataclass(frozen=True)
class StereoSample:
    """A rectified pair and what is true of it, on the grid of the left image.

    Depth [m] follows where the camera is known: geometry.depth_from_disparity.
    """

    left: Image  # [H,W,3] RGB
    right: Image  # [H,W,3] RGB
    disparity: Map  # [H,W] left column - right column [px], NaN where unknown
    visible: NDArray[np.bool_] | None = None  # [H,W] the right camera sees it too; None: not known
    camera: StereoCamera | None = None  # None: not known

    def __post_init__(self) -> None:
        sizes = {'left': self.left.shape, 'right': self.right.shape,
                 'disparity': (*self.disparity.shape, 3)}
        if self.visible is not None:
            sizes['visible'] = (*self.visible.shape, 3)
        if self.left.ndim != 3 or len(set(sizes.values())) != 1:
            raise ValueError('sizes differ: ' + ', '.join(
                f'{name} {list(size[:2])}' for name, size in sizes.items()))


@dataclass(frozen=True)
class DepthSample:
    """An image and its depth, pixel by pixel."""

    image: Image  # [H,W,3] RGB
    depth: Map  # [H,W] m along the optical axis, NaN where unknown
    camera: Camera | None = None  # None: not known
    # [H,W] m, NaN where not measured: what another sensor measured at the time; None: there was none
    sparse: Map | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape != (*self.depth.shape, 3):
            raise ValueError(f'sizes differ: image {list(self.image.shape[:2])}, '
                             f'depth {list(self.depth.shape)}')
        if self.sparse is not None and self.sparse.shape != self.depth.shape:
            raise ValueError(f'sizes differ: sparse {list(self.sparse.shape)}, '
                             f'depth {list(self.depth.shape)}')

    def changed(self, image: Callable[[Image], Image], depths: Callable[[Map], Map]) -> 'DepthSample':
        """The image and the maps moved alike, each by what suits it; of another camera, so of none."""
        return DepthSample(image(self.image), depths(self.depth),
                           sparse=None if self.sparse is None else depths(self.sparse))
