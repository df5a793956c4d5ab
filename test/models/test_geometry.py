"""Disparity, depth and points: against OpenCV, against pencil and paper, and back again."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_models.frames import Camera, StereoCamera
from depth_models.geometry import (
    decimated,
    depth_from_disparity,
    disparity_from_depth,
    points_from_depth,
    project_points,
)

focal_lengths = st.floats(50, 2000)
centres = st.floats(-20, 60)


@st.composite
def cameras(draw: st.DrawFn, max_size: int = 40) -> Camera:
    size = st.integers(1, max_size)
    return Camera(draw(size), draw(size), draw(focal_lengths), draw(focal_lengths),
                  draw(centres), draw(centres))


@st.composite
def stereo_cameras(draw: st.DrawFn) -> StereoCamera:
    return StereoCamera(draw(cameras()), draw(st.floats(0.01, 2)), draw(centres))


def pair(width: int = 3, height: int = 1, cx_right: float = 0.0) -> StereoCamera:
    return StereoCamera(Camera(width, height, 100.0, 90.0, 0.0, 0.0), 0.5, cx_right)


def test_depth_is_fx_times_baseline_over_disparity():
    depth = depth_from_disparity(np.float32([[50.0, 12.5, 2.0]]), pair())
    np.testing.assert_array_equal(depth, np.float32([[1.0, 4.0, 25.0]]))  # 100 px * 0.5 m / d


def test_the_principal_point_difference_is_taken_off_the_disparity():
    # cx_left - cx_right = -3 px: a point at infinity is seen at a disparity of -3
    depth = depth_from_disparity(np.float32([[47.0, -1.0, -3.0]]), pair(cx_right=3.0))
    np.testing.assert_array_equal(depth, np.float32([[1.0, 25.0, np.nan]]))


def test_what_no_point_in_front_of_the_cameras_can_cause_is_unknown():
    disparity = np.float32([[0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, 1e-45]])
    depth = depth_from_disparity(disparity, pair(width=7))
    assert np.isnan(depth).all()
    assert depth.dtype == np.float32


def test_depth_outside_of_the_range_is_unknown_and_the_bounds_belong_to_it():
    disparity = np.float32([[50.0, 25.0, 12.5, 10.0, 5.0]])  # 1, 2, 4, 5, 10 m
    depth = depth_from_disparity(disparity, pair(width=5), min_range=2.0, max_range=5.0)
    np.testing.assert_array_equal(depth, np.float32([[np.nan, 2.0, 4.0, 5.0, np.nan]]))


def test_the_disparity_given_is_not_changed():
    disparity = np.float32([[10.0, -1.0, np.nan]])
    before = disparity.copy()
    depth_from_disparity(disparity, pair())
    np.testing.assert_array_equal(disparity, before)


@given(stereo_cameras(), st.integers(0, 2**32 - 1))
def test_disparity_comes_back_from_the_depth_that_it_gave(camera, seed):
    shape = (camera.left.height, camera.left.width)
    offset = camera.principal_point_difference
    disparity = np.random.default_rng(seed).uniform(0.5, 200, shape).astype(np.float32) + offset
    disparity = disparity.astype(np.float32)
    again = disparity_from_depth(depth_from_disparity(disparity, camera), camera)
    np.testing.assert_allclose(again, disparity, rtol=1e-5, atol=1e-4)


def test_there_is_no_disparity_where_there_is_no_depth():
    depth = np.float32([[np.nan, 0.0, -1.0, np.inf, 4.0]])
    np.testing.assert_array_equal(
        disparity_from_depth(depth, pair(width=5)), np.float32([[*[np.nan] * 4, 12.5]]))


@given(stereo_cameras(), st.integers(0, 2**32 - 1))
def test_points_are_those_of_opencv(camera, seed):
    left = replace(camera.left, fy=camera.left.fx)  # OpenCV's Q knows one focal length
    camera = StereoCamera(left, camera.baseline, camera.cx_right)
    offset = camera.principal_point_difference
    disparity = np.random.default_rng(seed).uniform(
        1, 100, (left.height, left.width)).astype(np.float32) + np.float32(offset)
    tx = -camera.baseline  # of cv2.stereoRectify
    q = np.array([[1, 0, 0, -left.cx], [0, 1, 0, -left.cy], [0, 0, 0, left.fx],
                  [0, 0, -1 / tx, offset / tx]])
    expected = cv2.reprojectImageTo3D(disparity, q)
    points = points_from_depth(depth_from_disparity(disparity, camera), left)
    np.testing.assert_allclose(points, expected, rtol=2e-4, atol=1e-4)


@given(cameras(), st.integers(0, 2**32 - 1))
def test_every_point_projects_back_to_its_pixel(camera, seed):
    depth = np.random.default_rng(seed).uniform(
        0.1, 100, (camera.height, camera.width)).astype(np.float32)
    x, y, z = np.moveaxis(points_from_depth(depth, camera).astype(np.float64), -1, 0)
    rows, columns = np.indices(depth.shape)
    np.testing.assert_array_equal(z, depth)
    np.testing.assert_allclose(camera.fx * x / z + camera.cx, columns, atol=1e-3)
    np.testing.assert_allclose(camera.fy * y / z + camera.cy, rows, atol=1e-3)


def test_x_points_right_y_down_and_z_forward():
    camera = Camera(3, 2, 100.0, 50.0, 1.0, 0.0)
    points = points_from_depth(np.full((2, 3), 4.0, np.float32), camera)
    np.testing.assert_allclose(points[1, 2], [0.04, 0.08, 4.0])  # 4 * 1 / 100, 4 * 1 / 50


def test_a_point_is_unknown_in_all_of_its_coordinates():
    camera = Camera(2, 1, 100.0, 100.0, 0.0, 0.0)  # the first ray is the axis: 0 * NaN is NaN too
    points = points_from_depth(np.float32([[np.nan, 2.0]]), camera)
    assert np.isnan(points[0, 0]).all()
    assert np.isfinite(points[0, 1]).all()


def test_points_are_written_where_asked_and_nothing_else_is_touched():
    out = np.full((2, 3, 4), 7.0, np.float32)
    depth = np.full((2, 3), 4.0, np.float32)
    camera = Camera(3, 2, 100.0, 50.0, 1.0, 0.0)
    assert points_from_depth(depth, camera, out=out) is out
    np.testing.assert_array_equal(out[..., 3], 7.0)
    np.testing.assert_array_equal(out[..., :3], points_from_depth(depth, camera))


@pytest.mark.parametrize('out', [np.empty((2, 3, 3)), np.empty((2, 3, 2), np.float32),
                                 np.empty((3, 2, 3), np.float32), np.empty((2, 3), np.float32)])
def test_an_unfit_place_for_points_is_refused(out):
    with pytest.raises(ValueError, match=r'out must be float32 \[2,3,3 or more\], got'):
        points_from_depth(np.ones((2, 3), np.float32), Camera(3, 2, 1.0, 1.0, 0.0, 0.0), out=out)


@settings(max_examples=50)
@given(cameras(), st.integers(1, 7))
def test_a_decimated_camera_gives_every_kept_pixel_the_point_it_had(camera, step):
    depth = np.random.default_rng(1).uniform(
        1, 9, (camera.height, camera.width)).astype(np.float32)
    np.testing.assert_allclose(
        points_from_depth(depth[::step, ::step], decimated(camera, step)),
        points_from_depth(depth, camera)[::step, ::step], rtol=1e-4, atol=1e-5)


def test_decimation_below_one_is_refused():
    with pytest.raises(ValueError, match='step must be 1 or more, got 0'):
        decimated(Camera(3, 2, 1.0, 1.0, 0.0, 0.0), 0)


@pytest.mark.parametrize('function', [depth_from_disparity, disparity_from_depth])
def test_a_map_of_another_size_than_its_camera_is_refused(function):
    with pytest.raises(ValueError, match=r'is \[2, 4\] but its camera is \[1,3\]'):
        function(np.ones((2, 4), np.float32), pair())


@given(cameras(), st.integers(0, 2**32 - 1))
def test_the_points_of_a_depth_map_project_to_that_map(camera, seed):
    random = np.random.default_rng(seed)
    depth = random.uniform(0.1, 100, (camera.height, camera.width)).astype(np.float32)
    depth[random.random(depth.shape) < 0.3] = np.nan
    points = points_from_depth(depth, camera)
    np.testing.assert_array_equal(project_points(points, camera), depth)
    shuffled = random.permutation(points.reshape(-1, 3))
    np.testing.assert_array_equal(project_points(shuffled, camera), depth)


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_of_the_points_on_a_pixel_the_nearest_one_is_seen(order):
    camera = Camera(3, 2, 100.0, 50.0, 1.0, 0.0)
    points = np.float32([[0, 0, 9], [0, 0, 4], [0.001, 0, 7]])[list(order)]
    expected = np.full((2, 3), np.nan, np.float32)
    expected[0, 1] = 4
    np.testing.assert_array_equal(project_points(points, camera), expected)


def test_a_point_belongs_to_the_pixel_whose_square_it_falls_into():
    camera = Camera(3, 1, 100.0, 100.0, 0.0, 0.0)  # a pixel reaches from -0.5 to 0.5
    x, z = [-0.0051, 0.0049, 0.0051, 0.0249, 0.0251], [1, 2, 3, 4, 5]
    points = np.stack([np.multiply(x, z), np.zeros(5), z], axis=-1)
    np.testing.assert_array_equal(project_points(points, camera), np.float32([[2, 3, 4]]))


def test_points_that_the_camera_cannot_see_are_left_out():
    camera = Camera(2, 2, 100.0, 100.0, 0.0, 0.0)
    points = np.array([[0, 0, -1], [0, 0, 0], [np.nan, 0, 1], [0, 0, np.nan], [0, 0, np.inf], [5, 0, 1],
                       [0, -5, 1], [1e300, 0, 1e-300], [0, 0, 1e-300], [0.01, 0.01, 1]])
    np.testing.assert_array_equal(
        project_points(points, camera), np.float32([[np.nan, np.nan], [np.nan, 1]]))
    assert np.isnan(project_points(np.empty((0, 3)), camera)).all()


def test_points_of_a_lidar_are_brought_into_the_optical_frame_first():
    camera = Camera(5, 3, 10.0, 10.0, 2.0, 1.0)
    # a LiDAR's x points forward, y left, z up; it stands 0.5 m behind the camera
    from_lidar = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, -0.5], [0, 0, 0, 1.0]])
    depth = project_points(np.float32([[10.5, -1.0, 1.0]]), camera, transform=from_lidar)
    assert depth[0, 3] == 10  # 1 m to the right, 1 m up
    assert np.isfinite(depth).sum() == 1


def test_unfit_points_and_transforms_are_refused():
    camera = Camera(2, 2, 100.0, 100.0, 0.0, 0.0)
    with pytest.raises(ValueError, match=r'points must be \[\.\.\.,3\], got \[4, 2\]'):
        project_points(np.ones((4, 2)), camera)
    for transform in (np.eye(3), np.full((4, 4), np.nan)):
        with pytest.raises(ValueError, match='transform must be 4x4 and finite'):
            project_points(np.ones((4, 3)), camera, transform=transform)
