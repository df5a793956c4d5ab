"""Depth of low resolution, and the image that it is brought to: messages to a frame."""

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from depth_models.frames import Map, SuperResolutionFrame
from depth_models.images import resized
from depth_nodes import camera_checks, conversions
from depth_nodes.outputs import RELATIVE

LOW_RES, LOW_RES_INFO = 'low_res/image_rect', 'low_res/camera_info'
GUIDE, INFO = 'image_rect', 'camera_info'
Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class LowResMessages:
    """A depth map and its calibration; of the same time the image that sees the same, if it comes too."""

    low_res: Image
    low_res_info: CameraInfo
    image: Image | CompressedImage | None
    info: CameraInfo | None
    relative: Image | None
    arrival: float  # of the last one [monotonic s]

    @property
    def header(self) -> Header:
        """Of everything that is published of them."""
        return (self.low_res if self.image is None else self.image).header


@dataclass(frozen=True)
class LowResFrame(SuperResolutionFrame):
    """And the calibration that its depth is published under."""

    info: CameraInfo | None = None


class LowResReader:
    """Makes frames of messages; without an image depth keeps the resolution that the last one had."""

    def __init__(self, scale_factor: int) -> None:
        """scale_factor: of the width and height of the map; 0: to the resolution of the image."""
        self._factor = scale_factor
        self._last: Size | None = None  # of the images

    def read(self, messages: LowResMessages, *, grey: bool = False) -> LowResFrame:
        """Raises UnreadableImage, or ValueError when sizes or calibrations do not fit each other."""
        depth = conversions.read_depth(messages.low_res, LOW_RES)
        size = messages.low_res.width, messages.low_res.height
        camera = conversions.read_camera(messages.low_res_info, LOW_RES_INFO, size, LOW_RES)
        if messages.image is None or messages.info is None:
            wanted = self._wanted(size, None)
            return LowResFrame(depth, camera=camera.resized(*wanted), info=conversions.resized_info(
                messages.header, messages.low_res_info, LOW_RES_INFO, size, wanted))
        image = conversions.read_image(messages.image, GUIDE, grey=grey)
        seen = image.shape[1], image.shape[0]
        image_camera = conversions.read_camera(messages.info, INFO, seen, GUIDE)
        camera_checks.check_same_view(LOW_RES_INFO, camera.resized(*seen), INFO, image_camera)
        wanted = self._wanted(size, seen)
        info = conversions.resized_info(messages.header, messages.info, INFO, seen, wanted)
        relative = None
        if messages.relative is not None:
            relative = resized(_relative(messages.relative, seen), wanted[::-1])
        self._last = seen
        return LowResFrame(depth, resized(image, wanted[::-1]), relative, image_camera.resized(*wanted), info)

    def _wanted(self, size: Size, image: Size | None) -> Size:
        """The size of the depth to be published, of those of the map and of its image."""
        wanted = (size[0] * self._factor, size[1] * self._factor) if self._factor else image or self._last
        if wanted is None:
            raise ValueError(f'scale_factor is 0, the resolution of {GUIDE}, but no {GUIDE} with {INFO} has '
                             f'come beside {LOW_RES}; publish them, or set scale_factor to 2, 4 or 8')
        camera_checks.check_makeable(LOW_RES_INFO if self._factor else INFO, wanted)
        camera_checks.check_not_smaller(GUIDE, wanted, LOW_RES, size)
        return wanted


def _relative(message: Image, size: Size) -> Map:
    """Inverse depth of relative depth, in which near is less than far; NaN where it is not positive."""
    depth = conversions.read_depth(message, RELATIVE)
    camera_checks.check_same_size(RELATIVE, (message.width, message.height), GUIDE, size)
    return np.reciprocal(depth)
