"""
A short recording of real stereo imagery with ground truth: a camera that pans over the Aloe pair.

The frames are windows of the Middlebury 2006 pair in samples/ (see its README for the citation).
The pair comes without calibration, so the camera here is assumed: disparities are measured against
the truth, while depth is right up to that assumption.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from depth_models.frames import Camera, Image, Map, StereoCamera
from depth_nodes import conversions

WIDTH, HEIGHT = 640, 480  # px of a frame
SCALE = 0.6  # of the pair's 1282 x 1110 px; the largest disparity is then about 130 px
CAMERA = StereoCamera(Camera(WIDTH, HEIGHT, fx=800.0, fy=800.0, cx=319.5, cy=239.5),
                      baseline=0.1, cx_right=319.5)
FRAME_ID = 'left_camera_optical_frame'
START_NS = 1_700_000_000_000_000_000
TRUTH = '/stereo/ground_truth/disparity'
LAST_OF_PAIR = '/stereo/right/image_rect'
TOPICS = {'/stereo/left/image_rect': 'sensor_msgs/msg/Image',
          '/stereo/left/camera_info': 'sensor_msgs/msg/CameraInfo',
          '/stereo/right/image_rect': 'sensor_msgs/msg/Image',
          '/stereo/right/camera_info': 'sensor_msgs/msg/CameraInfo'}


def recording(samples: Path, *, frames: int, rate: float, camera: StereoCamera = CAMERA,
              scale: float = SCALE) -> Iterator[tuple[str, int, Any]]:
    """Yield (topic, time in ns, message): pairs, camera infos and true disparities.

    rate: frames a second. camera: of the frames, which must fit into the pair at `scale`.
    Raises FileNotFoundError when the sample pair is not in `samples`.
    """
    left, right, truth = load_pair(samples, scale)
    width, height = camera.left.width, camera.left.height
    room_x, room_y = left.shape[1] - width, left.shape[0] - height
    left_info, right_info = camera_infos(camera)
    for number in range(frames):
        phase = 2 * math.pi * number / frames
        x = round(room_x * (0.5 - 0.5 * math.cos(phase)))
        y = round(room_y * (0.5 - 0.5 * math.cos(2 * phase)))
        window = np.s_[y:y + height, x:x + width]
        time_ns = START_NS + round(number * 1e9 / rate)
        header = Header(frame_id=FRAME_ID)
        header.stamp.sec, header.stamp.nanosec = divmod(time_ns, 1_000_000_000)
        left_info.header = right_info.header = header
        yield '/stereo/left/camera_info', time_ns, left_info
        yield '/stereo/right/camera_info', time_ns, right_info
        for side, image in (('left', left), ('right', right)):
            yield (f'/stereo/{side}/image_rect', time_ns,
                   conversions.image_message(header, np.ascontiguousarray(image[window]), 'rgb8'))
        yield TRUTH, time_ns, conversions.image_message(
            header, np.ascontiguousarray(truth[window]), '32FC1')


def load_pair(samples: Path, scale: float = SCALE) -> tuple[Image, Image, Map]:
    """Left and right RGB [H,W,3] and the left disparity [H,W] px, NaN unknown, at `scale`."""
    images = []
    for name in ('aloeL.jpg', 'aloeR.jpg', 'aloeGT.png'):
        image = cv2.imread(str(samples / name), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise FileNotFoundError(f'no sample picture at {samples / name}')
        images.append(image)
    left, right = (cv2.cvtColor(cv2.resize(image, None, fx=scale, fy=scale,
                                           interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
                   for image in images[:2])
    truth = images[2] if images[2].ndim == 2 else images[2][..., 0]
    # nearest, because a mean over an edge is the depth of nothing; exactly the ratio of the widths
    small = cv2.resize(truth.astype(np.float32), (left.shape[1], left.shape[0]),
                       interpolation=cv2.INTER_NEAREST_EXACT)
    small[small == 0] = np.nan
    return left, right, small * (left.shape[1] / truth.shape[1])


def camera_infos(camera: StereoCamera) -> tuple[CameraInfo, CameraInfo]:
    """The CameraInfo of both sides of a rectified pair; headers are empty."""
    left = conversions.camera_info_message(Header(), camera.left)
    right = conversions.camera_info_message(Header(), camera.left)
    p = list(right.p)
    p[2], p[3] = camera.cx_right, -camera.left.fx * camera.baseline
    right.p = p
    return left, right
