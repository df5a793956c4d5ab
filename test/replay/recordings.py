"""Short recordings for tests of replay: what each kind of node takes, made of the sample pair."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.frames import Camera, StereoCamera
from depth_models.geometry import depth_from_disparity
from depth_nodes import conversions
from depth_nodes.replay import bags, sample

SAMPLES = Path(__file__).parents[2] / 'samples'
WIDTH, HEIGHT = 256, 192
CAMERA = StereoCamera(Camera(WIDTH, HEIGHT, fx=400.0, fy=400.0, cx=127.5, cy=95.5), baseline=0.1,
                      cx_right=127.5)
SCALE, RATE = 0.3, 10.0  # of the pair's pixels; Hz
OPTIONS = {'engine': 'torch', 'device': 'cpu', 'num_threads': 1}
FACTOR = 4  # of what has low resolution
IMAGE, INFO, TRUTH = '/cam/image_rect', '/cam/camera_info', '/cam/ground_truth/depth'
SPARSE, LOW_RES, LOW_RES_INFO = '/cam/sparse_depth/image', '/low_res/image_rect', '/low_res/camera_info'
Message = tuple[str, int, Any]


def stereo(folder: Path, frames: int = 4) -> Path:
    """/stereo/left/image_rect and so on, with true disparity."""
    path = folder / 'stereo'
    bags.write(path, _pairs(frames))
    return path


def one_camera(folder: Path, frames: int = 4, stretched: float = 1.0) -> Path:
    """An image, depth of a 16th of its pixels, depth of low resolution, and the true depth.

    stretched: depths are so many times as large as the images' camera has it.
    """
    path = folder / 'one_camera'
    bags.write(path, _one_camera(frames, stretched))
    return path


def _pairs(frames: int) -> Iterator[Message]:
    return sample.recording(SAMPLES, frames=frames, rate=RATE, camera=CAMERA, scale=SCALE)


def _one_camera(frames: int, stretched: float) -> Iterator[Message]:
    small = CAMERA.left.resized(WIDTH // FACTOR, HEIGHT // FACTOR)
    for topic, time_ns, message in _pairs(frames):
        if topic == '/stereo/left/image_rect':
            yield IMAGE, time_ns, message
            yield INFO, time_ns, conversions.camera_info_message(message.header, CAMERA.left)
            yield LOW_RES_INFO, time_ns, conversions.camera_info_message(message.header, small)
        elif topic == sample.TRUTH:
            depth = stretched * depth_from_disparity(conversions.read_map(message, topic), CAMERA)
            sparse = np.full_like(depth, np.nan)
            sparse[::4, ::4] = depth[::4, ::4]
            for name, values in ((TRUTH, depth), (SPARSE, sparse), (LOW_RES, depth[::FACTOR, ::FACTOR])):
                yield name, time_ns, conversions.depth_message(message.header, np.ascontiguousarray(values))
