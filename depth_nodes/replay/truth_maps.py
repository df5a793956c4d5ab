"""
Ground truth, whatever it comes as, on the grid of an estimate.

Each pixel of the estimate gets the nearest one of the truth; nothing is blended over edges.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from stereo_msgs.msg import DisparityImage

from depth_models.evaluation.depth_metrics import EDGE_RATIO
from depth_models.frames import Camera, Map, StereoCamera
from depth_models.geometry import (
    depth_from_disparity,
    depth_within,
    disparity_from_depth,
    project_points,
)
from depth_models.images import nearest
from depth_nodes import camera_checks, conversions

HIDING = 0.006  # radians: nearer points hide farther ones so far around them


class Truth(NamedTuple):
    """Ground truth of one frame, of the size of the estimate; NaN where unknown."""

    depth: Map | None  # m along the optical axis
    disparity: Map | None  # px, left column - right column


# to a camera and (height, width) of an estimate
Fit = Callable[[Camera | StereoCamera, tuple[int, ...]], Truth]


def of_depth(depth: Map, name: str) -> Fit:
    """depth: [h,w] m; name: for errors."""
    def fit(camera: Camera | StereoCamera, size: tuple[int, ...]) -> Truth:
        found, pair = depth_within(_sized(depth, name, size)), _pair(camera, size)
        return Truth(found, disparity_from_depth(found, pair) if pair else None)
    return fit


def of_disparity(disparity: Map, name: str) -> Fit:
    """disparity: [h,w] px, left column - right column; name: for errors."""
    def fit(camera: Camera | StereoCamera, size: tuple[int, ...]) -> Truth:
        found, pair = _sized_disparity(disparity, name, size), _pair(camera, size)
        return Truth(depth_from_disparity(found, pair) if pair else None, found)
    return fit


def of_disparity_message(message: DisparityImage, topic: str) -> Fit:
    """
    Z = f T / d is in the message, and the difference of the principal points is not in d.

    So of a single camera the disparity is that of a pair without such a difference.
    """
    published = conversions.read_disparity(message, topic)
    scale = np.float32(message.f * message.t)

    def fit(camera: Camera | StereoCamera, size: tuple[int, ...]) -> Truth:
        pair = _pair(camera, size)
        offset = np.float32(pair.principal_point_difference if pair else 0)
        found = _sized_disparity(published, topic, size) + offset
        if scale > 0:
            with np.errstate(divide='ignore', invalid='ignore'):
                return Truth(depth_within(_sized(scale / published, topic, size)), found)
        # not filled in: the pair says it
        return Truth(depth_from_disparity(found, pair) if pair else None, found)
    return fit


def of_points(points: NDArray[np.floating], transform: NDArray[np.float64] | None, name: str) -> Fit:
    """points: [N,3] m; transform: 4x4 to the camera's frame, None: they are in it; name: for errors."""
    def fit(camera: Camera | StereoCamera, size: tuple[int, ...]) -> Truth:
        left = _left(camera).resized(size[1], size[0])
        depth = without_hidden(project_points(points, left, transform=transform), left)
        return of_depth(depth, name)(camera, size)
    return fit


def without_hidden(depth: Map, camera: Camera) -> Map:
    """
    Sparse depth [H,W] m without what is more than 1.25 times as far as the nearest depth around it.

    A LiDAR that is mounted beside the camera measures behind things that hide this from the camera, and
    such points show through between the near ones. Around: within 0.006 radians, 0.34 degrees, which is
    nearly the distance of the lines of a LiDAR of 64; of coarser ones some such points are left. On a road
    it costs the points beyond 60 to 80 m, where that is as much as 1.25 in depth.
    """
    around = np.ones([2 * round(focal * HIDING) + 1 for focal in (camera.fy, camera.fx)], np.uint8)
    near = np.asarray(cv2.erode(np.where(np.isfinite(depth), depth, np.float32(np.inf)), around))
    with np.errstate(invalid='ignore'):
        # not near times the ratio: beyond the border it is as large as a float can be
        return np.where(depth * np.float32(1 / EDGE_RATIO) > near, np.float32(np.nan), depth)


def _sized(values: Map, name: str, size: tuple[int, ...]) -> Map:
    camera_checks.check_same_proportions(name, (values.shape[1], values.shape[0]), 'the estimate',
                                         (size[1], size[0]))
    return nearest(np.ascontiguousarray(values), size)


def _sized_disparity(disparity: Map, name: str, size: tuple[int, ...]) -> Map:
    known = np.where(np.isfinite(disparity), disparity, np.float32(np.nan))
    return _sized(known, name, size) * np.float32(size[1] / disparity.shape[1])


def _left(camera: Camera | StereoCamera) -> Camera:
    return camera.left if isinstance(camera, StereoCamera) else camera


def _pair(camera: Camera | StereoCamera, size: tuple[int, ...]) -> StereoCamera | None:
    """The pair whose images have this size."""
    if not isinstance(camera, StereoCamera):
        return None
    left = camera.left.resized(size[1], size[0])
    return StereoCamera(left, camera.baseline,
                        left.cx - camera.principal_point_difference * (size[1] / camera.left.width))
