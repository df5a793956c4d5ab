"""Low-resolution depth and its image as a frame: sizes, calibrations and headers, to the pixel centre."""

import array
import math

import numpy as np
import pytest

pytest.importorskip('rclpy')
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Header

from depth_models.frames import Camera
from depth_nodes.conversions import UnreadableImage, read_camera, resized_info
from depth_nodes.low_res import LowResFrame, LowResMessages, LowResReader

LOW = Camera(16, 12, fx=14.0, fy=13.5, cx=7.25, cy=5.75)
HIGH = LOW.resized(64, 48)
NAN, INF = math.nan, math.inf
LENS = [0.1, -0.2, 0.003, 0.004, 0.05]
TURNED = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]


def header(frame_id: str) -> Header:
    return Header(frame_id=frame_id)


def message(pixels: np.ndarray, encoding: str, frame_id: str = 'depth') -> Image:
    return Image(header=header(frame_id), height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                 step=pixels[0].nbytes, data=array.array('B', pixels.tobytes()))


def info(camera: Camera, **fields) -> CameraInfo:
    made = CameraInfo(width=camera.width, height=camera.height, distortion_model='plumb_bob', d=LENS,
                      r=TURNED)
    made.k = [camera.fx + 3, 0.0, camera.cx - 1, 0.0, camera.fy + 2, camera.cy + 1, 0.0, 0.0, 1.0]
    made.p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def depth(camera: Camera = LOW) -> np.ndarray:
    return np.linspace(1.0, 3.0, camera.width * camera.height, dtype=np.float32).reshape(camera.height, -1)


def messages(*, camera: Camera | None = HIGH, relative: Image | None = None, **fields) -> LowResMessages:
    """camera: of the image; None: there is no image."""
    made = {'low_res': message(depth(), '32FC1'), 'low_res_info': info(LOW), 'image': None, 'info': None,
            'relative': relative, 'arrival': 0.0}
    if camera is not None:
        grey = np.arange(camera.width * camera.height, dtype=np.uint8).reshape(camera.height, camera.width)
        made |= {'image': message(grey, 'mono8', 'colour'), 'info': info(camera)}
    return LowResMessages(**{**made, **fields})


def read(given: LowResMessages, scale_factor: int = 0, **options) -> LowResFrame:
    return LowResReader(scale_factor).read(given, **options)


# --- calibration


@given(st.integers(8, 600), st.integers(8, 600), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_a_ray_meets_the_resized_image_where_its_pixel_edges_say(width, height, x, y):
    made = resized_info(header('a'), info(LOW), 'i', (16, 12), (width, height))
    for matrix, old in ((np.reshape(made.p, (3, 4))[:, :3], np.reshape(info(LOW).p, (3, 4))[:, :3]),
                        (np.reshape(made.k, (3, 3)), np.reshape(info(LOW).k, (3, 3)))):
        column, row, _ = matrix @ (x, y, 1)
        old_column, old_row, _ = old @ (x, y, 1)
        # the outer edges of the outer pixels lie at -0.5 and size - 0.5, whatever the resolution
        assert (column + 0.5) / width == pytest.approx((old_column + 0.5) / 16)
        assert (row + 0.5) / height == pytest.approx((old_row + 0.5) / 12)


def test_what_is_of_the_lens_stays_and_what_is_in_pixels_is_scaled():
    right = info(LOW)
    right.p[3], right.p[7] = -14.0 * 0.2, 13.5 * 0.1  # px m
    made = resized_info(header('a'), right, 'i', (16, 12), (32, 36))
    assert (made.width, made.height, made.header.frame_id) == (32, 36, 'a')
    assert (made.distortion_model, list(made.d), list(made.r)) == ('plumb_bob', LENS, TURNED)
    assert (made.p[0], made.p[5], made.p[2], made.p[6]) == (28.0, 40.5, 15.0, 18.25)
    assert (made.k[0], made.k[4], made.k[2], made.k[5]) == (34.0, 46.5, 13.0, 21.25)
    assert -made.p[3] / made.p[0] == pytest.approx(0.2) and made.p[7] / made.p[5] == pytest.approx(0.1)
    assert list(made.p[8:]) == [0.0, 0.0, 1.0, 0.0] and list(made.k[6:]) == [0.0, 0.0, 1.0]


def test_binning_and_region_are_worked_in_and_gone():
    full = Camera(64, 48, 50.0, 52.0, 30.0, 25.0)
    fields = {'binning_x': 2, 'binning_y': 3,
              'roi': RegionOfInterest(x_offset=8, y_offset=6, width=32, height=24)}
    made = resized_info(header('a'), info(full, **fields), 'i', (16, 8), (64, 32))
    expected = full.cropped(8, 6, 32, 24).resized(64, 32)
    assert read_camera(made, 'i', (64, 32)) == expected
    assert (made.binning_x, made.binning_y, made.roi.width, made.roi.x_offset) == (0, 0, 0, 0)
    k = full.cropped(8, 6, 32, 24)  # K has another focal length and another centre
    assert made.k[0] == pytest.approx(2 * (k.fx + 3))
    assert made.k[2] == pytest.approx(2 * (k.cx - 1 + 0.5) - 0.5)


def test_drivers_leave_out_what_rectified_images_do_not_need():
    bare = info(LOW, k=[0.0] * 9, r=[0.0] * 9, d=[], distortion_model='')
    made = resized_info(header('a'), bare, 'i', (16, 12), (32, 24))
    assert (made.k[0], made.k[2], made.k[4], made.k[5]) == (28.0, 15.0, 27.0, 12.0)
    assert np.array_equal(np.reshape(made.r, (3, 3)), np.eye(3)) and not len(made.d)


# --- frames


def test_an_image_gives_resolution_calibration_and_header():
    given = messages()
    frame = read(given)
    assert frame.size == (48, 64, 12, 16)
    assert given.header.frame_id == frame.info.header.frame_id == 'colour'
    np.testing.assert_array_equal(frame.low_res, depth())
    assert frame.camera == HIGH and frame.image.shape == (48, 64) and frame.relative is None
    assert list(frame.info.p) == list(info(HIGH).p) and list(frame.info.k) == list(info(HIGH).k)


def test_without_an_image_a_factor_gives_the_resolution_and_depth_the_rest():
    given = messages(camera=None)
    frame = read(given, 8)
    assert frame.size == (96, 128, 12, 16)
    assert given.header.frame_id == frame.info.header.frame_id == 'depth'
    assert frame.camera == LOW.resized(128, 96) == read_camera(frame.info, 'i', (128, 96))
    assert frame.image is None and list(frame.info.d) == LENS


def test_a_factor_goes_before_the_resolution_of_the_image():
    frame = read(messages(), 2)
    assert frame.size == (24, 32, 12, 16) and frame.image.shape == (24, 32)
    assert frame.camera == HIGH.resized(32, 24) == read_camera(frame.info, 'i', (32, 24))


@pytest.mark.parametrize('size', [(50, 40), (63, 47), (17, 12)])
def test_any_ratio_will_do(size):
    frame = read(messages(camera=LOW.resized(*size)))
    assert frame.size == (size[1], size[0], 12, 16) and frame.camera == LOW.resized(*size)


def test_while_images_are_silent_the_resolution_of_the_last_one_stays():
    reader = LowResReader(0)
    with pytest.raises(ValueError, match='scale_factor is 0, the resolution of image_rect, but no image_rect '
                       'with camera_info has come beside low_res/image_rect; publish them, or set'):
        reader.read(messages(camera=None))
    assert reader.read(messages()).size == (48, 64, 12, 16)
    frame = reader.read(messages(camera=None))
    assert frame.size == (48, 64, 12, 16) and frame.camera == HIGH and frame.info.header.frame_id == 'depth'
    wide = LowResReader(2)
    wide.read(messages())
    assert wide.read(messages(camera=None)).size == (24, 32, 12, 16)


def test_relative_depth_of_a_topic_is_inverted_and_unknown_where_it_is_no_depth():
    values = np.full((48, 64), 4.0, np.float32)
    values[0, :5] = 2.0, 0.0, -1.0, NAN, INF
    frame = read(messages(relative=message(values, '32FC1')))
    np.testing.assert_array_equal(frame.relative[0, :6], np.float32([0.5, NAN, NAN, NAN, NAN, 0.25]))
    assert read(messages(relative=message(values, '32FC1')), 2).relative.shape == (24, 32)
    with pytest.raises(ValueError, match='relative_depth/image is 64x40 but image_rect is 64x48'):
        read(messages(relative=message(values[:40], '32FC1')))
    with pytest.raises(UnreadableImage, match="relative_depth/image: encoding is 'mono8'"):
        read(messages(relative=message(np.ones((48, 64), np.uint8), 'mono8')))


def test_colours_may_be_left_out():
    colours = message(np.full((48, 64, 3), (200, 100, 50), np.uint8), 'rgb8')
    assert read(messages(image=colours)).image.shape == (48, 64, 3)
    assert read(messages(image=colours), grey=True).image.shape == (48, 64)


@pytest.mark.parametrize(('given', 'reason'), [
    (messages(low_res_info=info(HIGH)), 'low_res/camera_info is for 64x48 but low_res/image_rect is 16x12'),
    (messages(info=info(LOW)), 'camera_info is for 16x12 but image_rect is 64x48'),
    (messages(low_res_info=info(LOW, p=[0.0] * 12)), 'low_res/camera_info: P is all zero'),
    (messages(info=info(HIGH, p=[0.0] * 12)), 'camera_info: P is all zero'),
    (messages(camera=Camera(64, 48, 56.0, 54.0, 34.0, 24.5)),
     'low_res/camera_info and camera_info see different fields of view: edges of the depth lie 3.5 px of the '
     'image from where its camera has them, at most 2 are allowed; register depth to the image first, e.g. '
     'by depth_image_proc/register'),
    (messages(camera=LOW.resized(15, 24)),
     'image_rect is 15x24, smaller than low_res/image_rect, which is 16x12'),
    (messages(low_res=message(np.ones((12, 16), np.uint8), 'mono8')),
     "low_res/image_rect: encoding is 'mono8'")],
    ids=['low size', 'size', 'low P', 'P', 'view', 'smaller', 'encoding'])
def test_what_cannot_be_is_one_sentence(given, reason):
    with pytest.raises(ValueError) as caught:
        read(given)
    assert str(caught.value).startswith(reason)
    assert '\n' not in str(caught.value)


def test_a_map_that_nobody_can_hold_is_not_made():
    large = Camera(2048, 1024, 50.0, 50.0, 0.0, 0.0)
    with pytest.raises(ValueError, match='low_res/camera_info is for 16384x8192, expected 1 to 67108864'):
        read(messages(camera=None, low_res=message(depth(large), '32FC1'), low_res_info=info(large)), 8)
