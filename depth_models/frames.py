"""
What goes into an estimator and what comes out: cameras, frames, estimates. Frozen, with units.

Images are uint8 [H,W,3] RGB or uint8 [H,W] grey. Maps are float32 [H,W]. Unknown is NaN, never 0.
Sizes are (height, width) in arrays. Arrays inside a frame are not copied: treat them as read-only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # uint8; cv2 does not tell mypy so
Map = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """A rectified pinhole camera. Pixel centres lie at integer coordinates, as in OpenCV and ROS."""

    width: int  # px
    height: int  # px
    fx: float  # px
    fy: float  # px
    cx: float  # px
    cy: float  # px

    def cropped(self, x: int, y: int, width: int, height: int) -> 'Camera':
        """The camera of the window whose top left pixel is (x, y); px of this image."""
        return replace(self, width=width, height=height, cx=self.cx - x, cy=self.cy - y)

    def resized(self, width: int, height: int) -> 'Camera':
        """The camera of this image resized to width x height with pixel edges kept in place.

        The image plane is scaled about the outer edge at -0.5, hence the half pixels: this is what
        cv2.resize and torch's align_corners=False do.
        """
        sx, sy = width / self.width, height / self.height
        return Camera(width, height, self.fx * sx, self.fy * sy,
                      (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5)


@dataclass(frozen=True)
class StereoCamera:
    """A rectified pair: rows match, and left column x sees right column x - disparity."""

    left: Camera
    baseline: float  # m, > 0; from a ROS CameraInfo: -P_right[3] / P_right[0]
    cx_right: float  # px

    @property
    def principal_point_difference(self) -> float:
        """cx_left - cx_right [px]: the disparity of a point at infinity."""
        return self.left.cx - self.cx_right


@dataclass(frozen=True)
class StereoFrame:
    """A rectified pair and its camera; `camera` is None where only disparity is asked for."""

    left: Image
    right: Image
    camera: StereoCamera | None = None

    def __post_init__(self) -> None:
        _check_image('left', self.left)
        _check_image('right', self.right)
        if self.left.shape[:2] != self.right.shape[:2]:
            (h, w), (hr, wr) = self.left.shape[:2], self.right.shape[:2]
            raise ValueError(f'left is {w}x{h} but right is {wr}x{hr}')

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.left.shape[0], self.left.shape[1]


@dataclass(frozen=True)
class StereoEstimate:
    """What a stereo matcher found, on the grid of the left image."""

    disparity: Map  # [H,W] left column - right column [px], NaN where unknown
    confidence: Map  # [H,W] in [0, 1]: probability that the error is under 3 px or under 5 %
    stage: int  # the last stage that ran, 1..4
    min_disparity: int  # px: nothing below was searched
    max_disparity: int  # px: nothing at or beyond it was searched
    scale: float = 1.0  # of the images that were matched; the maps have the size of the pair anyway
    network: str = ''  # the kind of the one that ran
    seconds: Mapping[str, float] = field(default_factory=dict)  # what each part took, in order [s]


@dataclass(frozen=True)
class MonoFrame:
    """An image and its camera; `camera` is None where only depth is asked for."""

    image: Image
    camera: Camera | None = None

    def __post_init__(self) -> None:
        _check_image('image', self.image)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True)
class MonoEstimate:
    """What a network says of one image, pixel by pixel of it."""

    depth: Map  # [H,W] along the optical axis, NaN where unknown; m where `metric`
    # [H,W] in [0, 1]: probability that depth, scaled by the ratio of the medians, is within 25 % of the
    # truth; NaN from a network that does not tell
    confidence: Map
    # False: depth has no unit. 1 / depth is then 1 / metres but for a scale and a shift of the image
    # (`metric_scale.MetricScale` finds them)
    metric: bool
    stage: int  # the last stage that ran, from 1 on
    scale: float = 1.0  # of the image that the network saw; the maps have the image's size anyway
    network: str = ''  # the kind of the one that ran
    seconds: Mapping[str, float] = field(default_factory=dict)  # what each part took, in order [s]


@dataclass(frozen=True)
class SparseFrame:
    """Depths that are known here and there, the camera that sees them, and its image if there is one."""

    sparse: Map  # [H,W] m along the optical axis; what is not positive and finite is unknown
    image: Image | None = None
    camera: Camera | None = None

    def __post_init__(self) -> None:
        _check_map('sparse', self.sparse)
        if self.image is not None:
            _check_image('image', self.image)
            if self.image.shape[:2] != self.sparse.shape:
                (h, w), (hi, wi) = self.sparse.shape, self.image.shape[:2]
                raise ValueError(f'sparse is {w}x{h} but image is {wi}x{hi}')

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.sparse.shape[0], self.sparse.shape[1]


@dataclass(frozen=True)
class SparseEstimate:
    """Dense depth from sparse depth, pixel by pixel of it."""

    depth: Map  # [H,W] m along the optical axis; NaN everywhere when nothing was measured
    # [H,W] in [0, 1]: falls with the distance from what was measured; 0 where there is no depth
    confidence: Map
    measured: int  # pixels of the input with a depth
    guided: bool  # an image helped
    stage: int  # the last one that ran, from 1 on; 0: nothing was measured
    scale: float = 1.0  # of what the network saw; the maps have the size of the input anyway
    network: str = ''  # the kind of the one that ran
    seconds: Mapping[str, float] = field(default_factory=dict)  # what each part took, in order [s]


@dataclass(frozen=True)
class SuperResolutionFrame:
    """A depth map of low resolution, and what there is of high resolution; all of one field of view."""

    low_res: Map  # [h,w] m along the optical axis; what is not positive and finite is missing
    image: Image | None = None  # [H,W] or [H,W,3]
    relative: Map | None = None  # [H,W] inverse depth but for a scale and a shift: large is near
    camera: Camera | None = None  # of the depth that is wanted, [H,W]

    def __post_init__(self) -> None:
        _check_map('low_res', self.low_res)
        given: dict[str, tuple[int, ...]] = {}  # what has the size of the output
        if self.image is not None:
            _check_image('image', self.image)
            given['image'] = self.image.shape[:2]
        if self.relative is not None:
            _check_map('relative', self.relative)
            given['relative'] = self.relative.shape
        if self.camera is not None:
            given['camera'] = self.camera.height, self.camera.width
        for name, size in given.items():
            first = next(iter(given))
            if size != given[first]:
                raise ValueError(f'{first} is {_words(given[first])} but {name} is {_words(size)}')
            check_larger(self.low_res.shape, size, name)

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width [px] of the depth that is wanted, then those of `low_res`."""
        for wanted in (self.image, self.relative):
            if wanted is not None:
                return (*wanted.shape[:2], *self.low_res.shape)
        if self.camera is None:
            raise ValueError('without an image and a camera nothing tells the size of the depth')
        return (self.camera.height, self.camera.width, *self.low_res.shape)


@dataclass(frozen=True)
class SuperResolutionEstimate:
    """Depth of high resolution."""

    depth: Map  # [H,W] m along the optical axis; NaN where `low_res` is, unless holes were to be filled
    # [H,W] in [0, 1]: probability that depth is within 5 % of the truth; falls with the distance from what
    # was measured, 0 where there is no depth
    confidence: Map
    measured: int  # pixels of `low_res` with a depth
    method: str  # 'guided', 'depth_only', 'bicubic', 'bilinear'; 'none': nothing was measured
    stage: int  # 1 interpolation, 2 the network; 0: nothing was measured
    scale: float = 1.0  # of what the network saw; the maps have the size that was asked for anyway
    network: str = ''  # the kind of the one that ran
    seconds: Mapping[str, float] = field(default_factory=dict)  # what each part took, in order [s]


def check_larger(low_res: tuple[int, ...], size: tuple[int, ...], name: str) -> None:
    """ValueError where `size` is smaller than the low-resolution map in height or width."""
    if size[0] < low_res[0] or size[1] < low_res[1]:
        raise ValueError(f'{name} is {_words(size)}, smaller than low_res, which is {_words(low_res)}')


def _words(size: tuple[int, ...]) -> str:
    return f'{size[1]}x{size[0]}'


def _check_map(name: str, values: Map) -> None:
    if values.dtype != np.float32 or values.ndim != 2:
        raise ValueError(f'{name} must be float32 [H,W], got {values.dtype} {list(values.shape)}')
    if values.size == 0:
        raise ValueError(f'{name} is empty: {list(values.shape)}')


def _check_image(name: str, image: Image) -> None:
    if image.dtype != np.uint8 or not (
            image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f'{name} must be uint8 [H,W] or [H,W,3], '
                         f'got {image.dtype} {list(image.shape)}')
    if image.size == 0:
        raise ValueError(f'{name} is empty: {list(image.shape)}')
