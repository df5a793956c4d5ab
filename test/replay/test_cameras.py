"""Calibration files as camera_calibration writes them; rectified pixels against the lens models by hand."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
import cv2
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from depth_nodes.conversions import read_camera
from depth_nodes.replay import sample
from depth_nodes.replay.cameras import Rectifier, read_camera_yaml, row_misfit

WRITTEN = """image_width: 640
image_height: 480
camera_name: narrow_stereo/left
camera_matrix:
  rows: 3
  cols: 3
  data: [438.783, 0, 305.593, 0, 437.303, 243.738, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.361976, 0.11051, 1e-03, 0.000505, 0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [0.999978, 0.0027894, -0.0060118, -0.0027302, 0.999948, 0.009835, 0.0060389, -0.009819, 0.999934]
projection_matrix:
  rows: 3
  cols: 4
  data: [393.653, 0, 322.797, 0, 0, 393.653, 241.090, 0, 0, 0, 1, 0]
"""
WIDTH, HEIGHT = 96, 64
K = np.array([[80.0, 0, 47.0], [0, 82.0, 31.0], [0, 0, 1]])
P = np.array([[75.0, 0, 49.0, -7.5], [0, 75.0, 32.0, 0], [0, 0, 1, 0]])
R = cv2.Rodrigues(np.array([0.02, -0.03, 0.01]))[0]
LENSES = {'plumb_bob': [-0.2, 0.05, 0.002, -0.003, 0.01],
          'rational_polynomial': [0.3, -0.1, 0.001, 0.002, 0.02, 0.4, -0.05, 0.01],
          'equidistant': [0.02, -0.01, 0.003, -0.001]}


def info_of(model, d, **fields):
    return CameraInfo(width=WIDTH, height=HEIGHT, distortion_model=model, d=d, k=K.ravel(), r=R.ravel(),
                      p=P.ravel(), **fields)


def seen_at(model, d):
    """Where each rectified pixel lies in the camera's image [H,W] px: x, y."""
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack([(u - P[0, 2]) / P[0, 0], (v - P[1, 2]) / P[1, 1], np.ones_like(u)], -1) @ R  # R^-1 ray
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    square = x * x + y * y
    if model == 'equidistant':  # Kannala and Brandt
        r = np.sqrt(square)
        angle = np.arctan(r)
        bent = angle * (1 + sum(k * angle ** (2 * i + 2) for i, k in enumerate(d)))
        x, y = x * bent / r, y * bent / r
    else:  # Brown and Conrady
        k1, k2, p1, p2, k3, k4, k5, k6 = [*d, 0, 0, 0][:8]
        radial = ((1 + square * (k1 + square * (k2 + square * k3)))
                  / (1 + square * (k4 + square * (k5 + square * k6))))
        x, y = (x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
                y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y)
    return K[0, 0] * x + K[0, 2], K[1, 1] * y + K[1, 2]


def ramps():
    """Images [H,W] of each pixel's own x and y."""
    return np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))


@pytest.mark.parametrize('model', LENSES)
def test_a_rectified_pixel_is_the_one_that_the_lens_put_elsewhere(model):
    x, y = seen_at(model, LENSES[model])
    inside = (x >= 0.05) & (x <= WIDTH - 1.05) & (y >= 0.05) & (y <= HEIGHT - 1.05)
    assert 0.5 < inside.mean() < 1.0
    rectifier = Rectifier(info_of(model, LENSES[model]))
    assert rectifier.changes
    for ramp, expected in zip(ramps(), (x, y)):
        # cv2.remap interpolates at 1/32 px
        assert np.abs(rectifier(ramp) - expected)[inside].max() < 0.04
        nearest = rectifier(ramp, nearest=True)
        assert set(np.unique(nearest[inside])) <= set(np.unique(ramp))
        assert np.abs(nearest - expected)[inside].max() < 0.53
    far = (x < -1) | (x > WIDTH) | (y < -1) | (y > HEIGHT)
    assert far.any() and np.isnan(rectifier(ramps()[0])[far]).all()
    assert (rectifier(np.full((HEIGHT, WIDTH, 3), 255, np.uint8))[far] == 0).all()


def test_the_rectified_camera_has_no_distortion_and_keeps_its_baseline():
    info = Rectifier(info_of('plumb_bob', LENSES['plumb_bob'])).info
    assert not any(info.d) and np.array_equal(np.reshape(info.r, (3, 3)), np.eye(3))
    assert np.array_equal(np.reshape(info.k, (3, 3)), P[:, :3])
    assert np.array_equal(np.reshape(info.p, (3, 4)), P)
    assert not Rectifier(info).changes


def test_binned_and_cropped_images_are_rectified_as_such():
    d = LENSES['plumb_bob']
    info = info_of('plumb_bob', d, binning_x=2, binning_y=2,
                   roi=RegionOfInterest(x_offset=8, y_offset=4, width=64, height=48))
    rectifier = Rectifier(info)
    x, y = seen_at('plumb_bob', d)
    wide = [ramp[4:52, 8:72] for ramp in ramps()]  # what the driver cut out, and then binned
    binned = [0.25 * (ramp[::2, ::2] + ramp[1::2, ::2] + ramp[::2, 1::2] + ramp[1::2, 1::2]) for ramp in wide]
    assert binned[0].shape == (24, 32)
    for ramp, expected in zip(binned, (x, y)):
        window = expected[4:52, 8:72]
        expected = 0.25 * (window[::2, ::2] + window[1::2, ::2] + window[::2, 1::2] + window[1::2, 1::2])
        found = rectifier(ramp)
        known = np.isfinite(found)
        known[:2], known[-2:], known[:, :2], known[:, -2:] = False, False, False, False
        assert known.mean() > 0.5
        # half of a pixel is 1/32 px of the full image, twice
        assert np.abs(found - expected)[known].max() < 0.1
    camera = read_camera(rectifier.info_of((32, 24)), 'info', (32, 24), 'image')
    assert camera.fx == P[0, 0] / 2 and camera.cx == (P[0, 2] - 8 + 0.5) / 2 - 0.5
    with pytest.raises(ValueError, match='camera_info is for 32x24 but '):
        rectifier(np.zeros((50, 50), np.uint8))


def test_a_camera_without_distortion_needs_no_rectification():
    info = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model='plumb_bob', d=[0.0] * 5,
                      k=P[:, :3].ravel(), p=P.ravel())
    assert not Rectifier(info).changes  # R is all zero, as some drivers leave it
    info.distortion_model, info.d = 'equidistant', [0.0] * 4
    assert Rectifier(info).changes  # an ideal fisheye bends rays, too


@pytest.mark.parametrize('fields, message', [
    ({'p': [0.0] * 12}, 'left: P is all zero; the camera is not calibrated'),
    ({'distortion_model': 'kannala'}, "left: distortion_model is 'kannala', known are plumb_bob, "),
    ({'d': [0.1] * 3}, 'left: D has 3 values, expected 4 or 5 of plumb_bob'),
    ({'d': [0.1, float('nan'), 0.0, 0.0]}, r'left: D\[1\] is nan; the calibration is damaged'),
    ({'k': [0.0] * 9}, 'left: fx and fy .* are 0 and 0, they must be positive where D is not zero'),
])
def test_a_calibration_that_cannot_be_is_one_sentence(fields, message):
    info = info_of('plumb_bob', LENSES['plumb_bob'])
    for name, value in fields.items():
        setattr(info, name, value)
    with pytest.raises(ValueError, match=message):
        Rectifier(info, 'left')


def test_a_file_of_camera_calibration_is_read(tmp_path):
    path = tmp_path / 'left.yaml'
    path.write_text(WRITTEN)
    info = read_camera_yaml(path)
    assert (info.width, info.height, info.distortion_model) == (640, 480, 'plumb_bob')
    assert info.header.frame_id == 'narrow_stereo/left'
    assert list(info.d) == [-0.361976, 0.11051, 1e-3, 0.000505, 0.0]
    assert info.k[0] == 438.783 and info.r[2] == -0.0060118 and info.p[6] == 241.090
    path.write_text(WRITTEN.replace('distortion_model: plumb_bob\n', ''))  # before ROS Electric
    assert read_camera_yaml(path).distortion_model == 'plumb_bob'


@pytest.mark.parametrize('old, new, message', [
    ('image_width: 640', 'image_width: wide', "image_width is 'wide', expected a number of pixels"),
    ('image_height: 480\n', '', 'image_height is None'),
    (', 0, 0, 1, 0]', ', 0, 0, 1]', 'projection_matrix has 11 values, expected 12'),
    ('camera_matrix', 'matrix', 'camera_matrix with rows, cols and data is missing'),
    ('438.783', 'f', 'camera_matrix is .*, expected numbers'),
    ('plumb_bob', 'fov', "distortion_model is 'fov', known are"),
    ('image_width: 640', '- {', 'is no YAML file: '),
    (WRITTEN, '[1, 2]', 'holds no camera: expected image_width, '),
])
def test_a_file_that_is_no_calibration_says_what_is_wrong(tmp_path, old, new, message):
    path = tmp_path / 'left.yaml'
    assert old in WRITTEN
    path.write_text(WRITTEN.replace(old, new))
    with pytest.raises(ValueError, match=f'left.yaml.*{message}') as error:
        read_camera_yaml(path)
    assert '\n' not in str(error.value)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match=r'none\.yaml'):
        read_camera_yaml(tmp_path / 'none.yaml')


def test_the_rows_of_a_rectified_pair_agree_and_those_of_another_do_not():
    left, right, _ = sample.load_pair(Path(__file__).parents[2] / 'samples')
    assert row_misfit(left, right) < 0.6
    assert row_misfit(left, np.roll(right, 5, axis=0)) == pytest.approx(5.0, abs=0.6)
    assert row_misfit(left, np.zeros_like(right)) is None
