"""
Sparse metric depths, as images or as points: read as a camera sees them; those that come beside its
images, kept until a frame of about their time comes.

Messages are kept as they come and read when a frame takes them: a callback never computes.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header

from depth_models.frames import Camera, Map, SparseFrame
from depth_models.geometry import project_points
from depth_nodes import camera_checks, conversions
from depth_nodes.transforms import PointsToCamera

IMAGE, POINTS = 'sparse_depth/image', 'sparse_points'
INFO, GUIDE = 'camera_info', 'image_rect'  # of the camera that they are for
KEPT = 5  # messages; while one frame is in work, fast sensors bring some


class SparseDepth:
    """What came on sparse_depth/image and sparse_points lately; each message is taken once."""

    def __init__(self, transform: PointsToCamera) -> None:
        self._transform = transform
        self._lock = Lock()
        self._kept: deque[Image | PointCloud2] = deque(maxlen=KEPT)

    def topics(self) -> dict[str, tuple[type, Callable[[Any], None]]]:
        """To subscribe to: name -> message type, callback."""
        return {IMAGE: (Image, self.keep), POINTS: (PointCloud2, self.keep)}

    def keep(self, message: Image | PointCloud2) -> None:
        """Until a frame takes it, or newer ones crowd it out."""
        with self._lock:
            self._kept.append(message)

    def take(self, header: Header, camera: Camera, max_age: float, image_topic: str) -> Map | None:
        """Depth [H,W] m as the camera sees it, NaN where unknown; None where nothing is near in time.

        header: of the image. max_age: largest difference of stamps [s]. Of several messages the
        nearest in time is taken. Raises ValueError when it cannot be used; it is gone then, too.
        """
        message = self._nearest(stamp_ns(header.stamp), max_age * 1e9)
        if message is None:
            return None
        return read(message, header, camera, self._transform, image_topic)

    def why_none(self, stamp: int, max_age: float) -> str:
        """Why a frame of this stamp [ns] takes nothing, in a sentence."""
        with self._lock:
            ages = [abs(stamp_ns(message.header.stamp) - stamp) for message in self._kept]
        if not ages:
            return f'no metric depths come on {IMAGE} or {POINTS}'
        return (f'stamps on {IMAGE} and {POINTS} are {min(ages) * 1e-9:.3g} s or more from those of the '
                f'images, scale_max_age is {max_age:g}')

    def forget_later_than(self, stamp: int) -> None:
        """Time has jumped back: what lies after this [ns] belongs to no frame that will come soon."""
        with self._lock:
            kept = [message for message in self._kept if stamp_ns(message.header.stamp) <= stamp]
            self._kept = deque(kept, maxlen=KEPT)

    def _nearest(self, stamp: int, max_age: float) -> Image | PointCloud2 | None:
        def age(message: Image | PointCloud2) -> int:
            return abs(stamp_ns(message.header.stamp) - stamp)

        with self._lock:
            nearest = min(self._kept, key=age, default=None)
            if nearest is None or age(nearest) > max_age:
                return None
            self._kept = deque((m for m in self._kept if m is not nearest), maxlen=KEPT)
        return nearest


def read(message: Image | PointCloud2, header: Header, camera: Camera, transform: PointsToCamera,
         image_topic: str) -> Map:
    """Depth [H,W] m as the camera sees it, NaN where unknown; of points the nearest one of a pixel.

    header: of what the camera sees. image_topic: that the camera's size is of, for errors. Raises
    ValueError when the message cannot be used.
    """
    if isinstance(message, PointCloud2):
        points = conversions.read_points(message, POINTS)
        return project_points(points, camera, transform=transform.matrix(message.header, header))
    depth = conversions.read_depth(message, IMAGE)
    camera_checks.check_same_size(IMAGE, (message.width, message.height),
                                  image_topic, (camera.width, camera.height))
    return depth


@dataclass(frozen=True)
class SparseMessages:
    """Sparse depth, the calibration of the camera that it is for, and its image if that comes too."""

    sparse: Image | PointCloud2
    info: CameraInfo
    image: Image | CompressedImage | None
    arrival: float  # of the last one [monotonic s]

    @property
    def header(self) -> Header:
        """Of everything that is published of them: the camera's; at the time of points without an image."""
        if self.image is not None:
            return self.image.header
        if isinstance(self.sparse, Image):
            return self.sparse.header
        return Header(stamp=self.sparse.header.stamp, frame_id=self.info.header.frame_id)


def read_sparse(messages: SparseMessages, transform: PointsToCamera, *, grey: bool = False) -> SparseFrame:
    """What the camera sees. Raises UnreadableImage, or ValueError when sizes or calibration do not fit."""
    image, topic = None, INFO
    size: tuple[int, int] | None = None  # width, height
    if messages.image is not None:
        image, topic = conversions.read_image(messages.image, GUIDE, grey=grey), GUIDE
        size = image.shape[1], image.shape[0]
    elif isinstance(messages.sparse, Image):
        size, topic = (messages.sparse.width, messages.sparse.height), IMAGE
    camera = conversions.read_camera(messages.info, INFO, size, topic)
    depth = read(messages.sparse, messages.header, camera, transform, topic)
    return SparseFrame(depth, image, camera)


def stamp_ns(stamp: Time) -> int:
    return stamp.sec * 1_000_000_000 + stamp.nanosec
