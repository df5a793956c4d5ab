"""
Time to build the outgoing messages, on one core: `python -m benchmarks.message_building`.

The peer is the way most nodes do it: a structured array, and its bytes assigned to `data`.
"""

import argparse

import cv2
import numpy as np
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header

from benchmarks.timing import machine, processor_ms
from depth_models.frames import Camera, StereoCamera
from depth_nodes import conversions


def assigned_points(header: Header, depth: np.ndarray, image: np.ndarray, camera: Camera
                    ) -> PointCloud2:
    """A point cloud as most nodes build it."""
    height, width = depth.shape
    points = np.zeros((height, width), [('x', 'f4'), ('y', 'f4'), ('z', 'f4'), ('rgb', 'u4')])
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    points['x'] = (x - camera.cx) / camera.fx * depth
    points['y'] = (y - camera.cy) / camera.fy * depth
    points['z'] = depth
    r, g, b = (image[..., c].astype(np.uint32) for c in range(3))
    points['rgb'] = (r << 16) | (g << 8) | b
    message = PointCloud2(header=header, height=height, width=width, point_step=16,
                          row_step=16 * width)
    message.data = points.tobytes()
    return message


def assigned_image(header: Header, values: np.ndarray) -> Image:
    """A 32FC1 image as most nodes build it."""
    message = Image(header=header, height=values.shape[0], width=values.shape[1], encoding='32FC1',
                    step=values.shape[1] * 4)
    message.data = values.tobytes()
    return message


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--size', type=int, nargs=2, default=(375, 1242), metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--repeats', type=int, default=100)
    options = parser.parse_args()

    cv2.setNumThreads(1)
    height, width = options.size
    rng = np.random.default_rng(1)
    depth = rng.uniform(2, 80, (height, width)).astype(np.float32)
    depth[rng.random((height, width)) < 0.1] = np.nan
    picture = rng.integers(0, 256, (height, width, 3), np.uint8)
    left = Camera(width, height, fx=720.0, fy=720.0, cx=width / 2, cy=height / 2)
    camera = StereoCamera(left, baseline=0.54, cx_right=width / 2)
    header = Header()
    work = {
        'PointCloud2': lambda: conversions.points_message(header, depth, picture, left),
        'PointCloud2, peer': lambda: assigned_points(header, depth, picture, left),
        'Image, depth 32FC1': lambda: conversions.depth_message(header, depth),
        'Image 32FC1, peer': lambda: assigned_image(header, depth),
        'Image, depth 16UC1': lambda: conversions.depth_message(
            header, depth, openni_depth_mode=True),
        'Image, bgr8': lambda: conversions.color_depth_message(header, picture),
        'DisparityImage': lambda: conversions.disparity_message(
            header, depth, camera, min_disparity=0, max_disparity=192, delta_d=1 / 16),
    }
    print(machine())
    print(f'{width}x{height} px, processor time of {options.repeats} calls [ms]')
    for name, build in work.items():
        median, slow = np.quantile(processor_ms(build, options.repeats), (0.5, 0.99))
        print(f'{name:20} median {median:7.3f}   99th percentile {slow:7.3f}')


if __name__ == '__main__':
    main()
