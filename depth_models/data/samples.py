"""What training and evaluation are fed with: a pair or a view, and what is true of it."""

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

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape != (*self.depth.shape, 3):
            raise ValueError(f'sizes differ: image {list(self.image.shape[:2])}, '
                             f'depth {list(self.depth.shape)}')
