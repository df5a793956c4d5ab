"""From the frame of points to that of a camera: by a parameter, or by tf2 where it is installed."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time as RosTime
from std_msgs.msg import Header

from depth_nodes.parameters import Checked, param

try:
    import tf2_ros
except ImportError:  # ROS 2 from wheels has none
    tf2_ros = None

IDENTITY = tuple(map(float, np.eye(4).ravel()))
LARGEST_MISFIT = 1e-3  # of a rotation times its transpose


@dataclass(frozen=True)
class TransformParams(Checked):
    """The parameters of every node that reads points."""

    points_to_camera: tuple[float, ...] = param(
        IDENTITY, "From the frame of sparse_points to the camera's optical frame [m], a 4x4 in row order; "
        'the identity: by tf2 where it is installed, else they are in the camera frame.')

    def __post_init__(self) -> None:
        super().__post_init__()
        check_transform('points_to_camera', self.points_to_camera)


class PointsToCamera:
    """
    The 4x4 from points to camera: the parameter where it says something, tf2 where it is installed.

    Else points are taken as being in the camera's frame, and the log says so once when the names of
    the frames differ.
    """

    def __init__(self, node: Node, given: Sequence[float]) -> None:
        """given: the parameter points_to_camera."""
        self._node = node
        self._given = None if tuple(given) == IDENTITY else np.reshape(given, (4, 4))
        self._buffer: Any = None
        self._said = False

    def listen(self, keep: ExitStack) -> None:
        """Listen to tf where it is needed and installed, until `keep` is closed."""
        if self._given is None and tf2_ros is not None:
            self._buffer = tf2_ros.Buffer()
            listener = tf2_ros.TransformListener(self._buffer, self._node)
            keep.callback(listener.unregister)

    def matrix(self, points: Header, camera: Header) -> NDArray[np.float64] | None:
        """4x4 at the time of the points; None where they are in the camera's frame already.

        Raises ValueError when tf2 does not know the way.
        """
        if self._given is not None:
            return self._given
        if points.frame_id == camera.frame_id:
            return None
        if self._buffer is None:
            self._say_once(points, camera)
            return None
        try:
            found = self._buffer.lookup_transform(
                camera.frame_id, points.frame_id, RosTime.from_msg(points.stamp))
        except tf2_ros.TransformException as error:
            raise ValueError(f'tf2 does not know the way from {points.frame_id!r} to '
                             f'{camera.frame_id!r}: {error}; publish it, or set points_to_camera') from error
        return matrix_of(found.transform)

    def _say_once(self, points: Header, camera: Header) -> None:
        if not self._said:
            self._said = True
            self._node.get_logger().warning(
                f'points are in frame {points.frame_id!r} and images in {camera.frame_id!r}; tf2_ros is not '
                f'installed and points_to_camera is the identity, so that points are taken as they are')


def check_transform(name: str, values: Sequence[float]) -> None:
    """16 numbers of a 4x4 in row order, a rotation and a translation; else ValueError."""
    if len(values) != 16 or not all(map(math.isfinite, values)):
        raise ValueError(f'{name} must be 16 finite numbers, a 4x4 in row order, got {list(values)}')
    matrix = np.reshape(values, (4, 4))
    rotation = matrix[:3, :3]
    if (matrix[3] != (0, 0, 0, 1)).any() or np.linalg.det(rotation) < 0 \
            or np.abs(rotation @ rotation.T - np.eye(3)).max() > LARGEST_MISFIT:
        raise ValueError(f'{name} must be a rotation and a translation [m] above 0 0 0 1, '
                         f'got {list(values)}')


def matrix_of(transform: Any) -> NDArray[np.float64]:
    """4x4 of a geometry_msgs/Transform."""
    q, t = transform.rotation, transform.translation
    x, y, z, w = np.array([q.x, q.y, q.z, q.w]) / math.hypot(q.x, q.y, q.z, q.w)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), t.x],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), t.y],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), t.z],
        [0.0, 0.0, 0.0, 1.0]])
