"""Cameras follow their image through crop and resize; frames refuse what is no image."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_models.frames import Camera, StereoCamera, StereoFrame

CAMERA = Camera(64, 48, 90.0, 80.0, 30.5, 25.25)


def project(camera: Camera, point: tuple[float, float, float]) -> tuple[float, float]:
    x, y, z = point
    return camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy


def look_up(image: np.ndarray, u: float, v: float) -> float:
    """The value between pixels, whose centres are at integers."""
    return float(cv2.remap(image, np.float32([[u]]), np.float32([[v]]), cv2.INTER_LINEAR)[0, 0])


# every pixel knows where it is
COLUMNS, ROWS = np.meshgrid(np.arange(64, dtype=np.float32), np.arange(48, dtype=np.float32))
points = st.tuples(st.floats(-0.6, 0.6), st.floats(-0.4, 0.4), st.floats(3, 6))  # seen by all


@given(points)
def test_after_a_crop_a_point_is_seen_by_the_same_pixel(point):
    u, v = project(CAMERA.cropped(5, 9, 50, 30), point)
    assert look_up(COLUMNS[9:39, 5:55], u, v) == pytest.approx(project(CAMERA, point)[0], abs=0.05)
    assert look_up(ROWS[9:39, 5:55], u, v) == pytest.approx(project(CAMERA, point)[1], abs=0.05)


@pytest.mark.parametrize('size', [(32, 24), (128, 96), (80, 33), (64, 48)])
@given(point=points)
def test_after_a_resize_by_opencv_a_point_is_seen_at_the_same_place(size, point):
    u, v = project(CAMERA.resized(*size), point)
    here = project(CAMERA, point)
    for ramp, expected in ((COLUMNS, here[0]), (ROWS, here[1])):
        # remap's own grid is 1/32 px
        assert look_up(cv2.resize(ramp, size), u, v) == pytest.approx(expected, abs=0.1)


def test_a_camera_carries_the_size_of_its_image():
    assert (CAMERA.cropped(5, 9, 50, 30).width, CAMERA.cropped(5, 9, 50, 30).height) == (50, 30)
    assert (CAMERA.resized(32, 12).width, CAMERA.resized(32, 12).height) == (32, 12)


def test_halving_an_image_moves_the_centre_by_a_quarter_of_a_pixel():
    half = CAMERA.resized(32, 24)
    assert (half.fx, half.fy) == (45.0, 40.0)
    assert (half.cx, half.cy) == (15.0, 12.375)  # (30.5 + 0.5) / 2 - 0.5, (25.25 + 0.5) / 2 - 0.5


def test_the_principal_point_difference_is_left_minus_right():
    assert StereoCamera(CAMERA, 0.1, cx_right=27.5).principal_point_difference == 3.0


@pytest.mark.parametrize(('left', 'right', 'reason'), [
    (np.zeros((4, 6), np.float32), np.zeros((4, 6), np.uint8), 'left must be uint8'),
    (np.zeros((4, 6), np.uint8), np.zeros((4, 6, 4), np.uint8), 'right must be uint8'),
    (np.zeros((0, 6), np.uint8), np.zeros((0, 6), np.uint8), 'left is empty'),
    (np.zeros((4, 6), np.uint8), np.zeros((4, 5), np.uint8), 'left is 6x4 but right is 5x4'),
])
def test_a_frame_says_why_a_pair_is_none(left, right, reason):
    with pytest.raises(ValueError, match=reason):
        StereoFrame(left, right)
