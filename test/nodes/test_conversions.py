"""Messages to arrays and back: every encoding, padding, byte order; values from pencil and paper."""

import math
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointField, RegionOfInterest
from std_msgs.msg import Header

from depth_models.frames import Camera, StereoCamera
from depth_nodes.conversions import (
    ENCODINGS,
    StereoMessages,
    UnreadableImage,
    camera_info_message,
    color_depth_message,
    confidence_message,
    depth_message,
    disparity_message,
    image_message,
    points_message,
    read_image,
    read_stereo,
)

HEADER = Header(frame_id='left_optical')
HEADER.stamp.sec, HEADER.stamp.nanosec = 7, 123456789
TOPIC = 'left/image_rect'


def message_of(pixels, encoding, *, padding=0, big_endian=False, last_row_padded=True):
    """An Image written row by row, with rubbish in the padding."""
    pixels = pixels.astype(pixels.dtype.newbyteorder('>' if big_endian else '<'))
    rubbish = bytes([0xA5]) * padding
    rows = [row.tobytes() + rubbish for row in pixels]
    if not last_row_padded:
        rows[-1] = rows[-1][:len(rows[-1]) - padding]
    message = Image(header=HEADER, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                    is_bigendian=big_endian, step=pixels[0].nbytes + padding)
    message.data.frombytes(b''.join(rows))
    return message


def values(message, dtype=np.float32):
    assert len(message.data) == message.step * message.height
    assert message.step == message.width * np.dtype(dtype).itemsize
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)


def scaled(pixels):
    """16 bits to 8, 65535 to 255."""
    return np.rint(pixels / 257.0).astype(np.uint8)


# encoding -> dtype, channels, what must come out of the pixels
READINGS = {
    'mono8': (np.uint8, 1, lambda p: p),
    '8UC1': (np.uint8, 1, lambda p: p),
    'rgb8': (np.uint8, 3, lambda p: p),
    'bgr8': (np.uint8, 3, lambda p: p[..., ::-1]),
    '8UC3': (np.uint8, 3, lambda p: p[..., ::-1]),
    'rgba8': (np.uint8, 4, lambda p: p[..., :3]),
    'bgra8': (np.uint8, 4, lambda p: p[..., 2::-1]),
    '8UC4': (np.uint8, 4, lambda p: p[..., 2::-1]),
    'mono16': (np.uint16, 1, scaled),
    '16UC1': (np.uint16, 1, scaled),
    'rgb16': (np.uint16, 3, scaled),
    'bgr16': (np.uint16, 3, lambda p: scaled(p)[..., ::-1]),
}


@pytest.mark.parametrize('encoding', READINGS)
@given(height=st.integers(1, 9), width=st.integers(1, 9), padding=st.integers(0, 9),
       big_endian=st.booleans(), last_row_padded=st.booleans(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_an_image_is_read_whatever_its_size_padding_and_byte_order(
        encoding, height, width, padding, big_endian, last_row_padded, seed):
    dtype, channels, expected = READINGS[encoding]
    shape = (height, width) if channels == 1 else (height, width, channels)
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, True)
    image = read_image(message_of(pixels, encoding, padding=padding, big_endian=big_endian,
                                  last_row_padded=last_row_padded), TOPIC)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, expected(pixels))


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('big_endian', [False, True])
def test_a_bayer_image_of_one_colour_is_read_as_that_colour(pattern, bits, big_endian):
    colour = {'r': 200, 'g': 90, 'b': 30}
    tile = np.array([colour[letter] for letter in pattern]).reshape(2, 2)  # row by row
    mosaic = np.tile(tile, (3, 4)) * (257 if bits == 16 else 1)
    message = message_of(mosaic.astype(f'u{bits // 8}'), f'bayer_{pattern}{bits}', padding=3,
                         big_endian=big_endian)
    np.testing.assert_array_equal(
        read_image(message, TOPIC), np.broadcast_to(np.uint8([200, 90, 30]), (6, 8, 3)))


@pytest.mark.parametrize(('encoding', 'order'), [
    ('yuv422', 'uyvy'), ('uyvy', 'uyvy'), ('yuv422_yuy2', 'yuyv'), ('yuyv', 'yuyv')])
def test_yuv_is_read_as_bt601_has_it(encoding, order):
    y, u, v = 120.0, 90.0, 170.0
    pair_of_pixels = [{'y': y, 'u': u, 'v': v}[letter] for letter in order]
    pixels = np.tile(np.uint8(pair_of_pixels).reshape(2, 2), (4, 3, 1))  # [4,6,2]
    image = read_image(message_of(pixels, encoding, padding=2), TOPIC)
    luma = 1.164 * (y - 16)
    expected = [luma + 1.596 * (v - 128), luma - 0.813 * (v - 128) - 0.391 * (u - 128),
                luma + 2.018 * (u - 128)]
    assert image.shape == (4, 6, 3)
    np.testing.assert_allclose(image.reshape(-1, 3), np.tile(expected, (24, 1)), atol=1.5)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_asked_for_grey_every_encoding_gives_grey(encoding):
    layout = ENCODINGS[encoding]
    shape = (4, 6) if layout.channels == 1 else (4, 6, layout.channels)
    # all channels alike: that is a grey already, whatever the weights of the colours
    pixels = np.full(shape, 128 * (257 if layout.dtype == 'u2' else 1), layout.dtype)
    image = read_image(message_of(pixels, encoding), TOPIC, grey=True)
    np.testing.assert_array_equal(image, np.full((4, 6), 128, np.uint8))


@pytest.mark.parametrize('encoding', ['mono8', 'rgb8'])
def test_what_needs_no_conversion_is_not_copied_and_cannot_be_written_to(encoding):
    pixels = np.full((4, 6, 3) if encoding == 'rgb8' else (4, 6), 5, np.uint8)
    message = message_of(pixels, encoding, padding=2)
    image = read_image(message, TOPIC)
    message.data[0] = 99
    assert image.flat[0] == 99
    with pytest.raises(ValueError, match='read-only'):
        image[0, 0] = 1


def fault(**fields):
    """A good 4x2 mono8 image with some fields changed; `data` is a number of bytes."""
    message = message_of(np.zeros((2, 4), np.uint8), 'mono8')
    if 'data' in fields:
        message.data = type(message.data)('B', bytes(fields.pop('data')))
    for name, value in fields.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(('message', 'reason'), [
    (fault(encoding='jpeg'), "encoding is 'jpeg', known are mono8, "),
    (fault(encoding=''), "encoding is '', known are"),
    (fault(encoding='32FC1', step=16, data=32), 'encoding is 32FC1, which is depth'),
    (fault(width=0), 'the image is 0x2, it has no pixels'),
    (fault(height=0), 'the image is 4x0, it has no pixels'),
    (fault(step=3), 'step is 3, but a row of 4 pixels mono8 takes 4 bytes'),
    (fault(encoding='rgb8'), 'step is 4, but a row of 4 pixels rgb8 takes 12 bytes'),
    (fault(data=7), 'data has 7 bytes, but 2 rows with step 4 take 8; the image was cut off'),
    (fault(data=0), 'data has 0 bytes, but 2 rows with step 4 take 8; the image was cut off'),
    (fault(data=9), 'data has 9 bytes, but 2 rows with step 4 take 8; height or step is wrong'),
    (fault(step=2**32 - 1), 'data has 8 bytes, but 2 rows with step 4294967295 take'),
    (fault(encoding='yuyv', width=1), 'width is 1, but in yuyv two pixels share their colour'),
])
def test_an_image_that_contradicts_itself_is_refused_with_field_value_and_cause(message, reason):
    with pytest.raises(UnreadableImage, match=f'^{TOPIC}: {reason}'):
        read_image(message, TOPIC)


COLOURS = np.zeros((16, 24, 3), np.uint8)  # RGB
COLOURS[:, :8], COLOURS[:, 8:16], COLOURS[:, 16:] = (250, 20, 30), (40, 240, 20), (10, 60, 230)


def compressed(bgr, kind, text):
    message = CompressedImage(header=HEADER, format=text)
    message.data.frombytes(cv2.imencode(kind, bgr, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes())
    return message


@pytest.mark.parametrize('text', ['png', 'bgr8; png compressed bgr8', 'rgb8; png compressed bgr8'])
def test_a_png_is_read_exactly(text):
    image = read_image(compressed(COLOURS[..., ::-1], '.png', text), TOPIC)
    np.testing.assert_array_equal(image, COLOURS)


def test_a_jpeg_is_read_in_the_right_colours():
    image = read_image(compressed(COLOURS[..., ::-1], '.jpg', 'rgb8; jpeg compressed bgr8'), TOPIC)
    centres = image[8, [4, 12, 20]].astype(int)  # the borders of colours are blurred by JPEG
    np.testing.assert_allclose(centres, COLOURS[8, [4, 12, 20]], atol=6)


def test_colours_that_the_transport_wrote_as_rgb_are_read_as_rgb():
    image = read_image(compressed(COLOURS, '.png', 'rgb8; png compressed rgb8'), TOPIC)
    np.testing.assert_array_equal(image, COLOURS)


@pytest.mark.parametrize(('pixels', 'text'), [
    (np.uint8([[0, 7], [255, 128]]), 'mono8; png compressed '),
    (np.uint16([[0, 7 * 257], [65535, 128 * 257]]), 'mono16; png compressed '),
    (np.uint16([[0, 7 * 257], [65535, 128 * 257]]), '16UC1; png compressed '),
    (np.uint8([[0, 7], [255, 128]]), 'png'),
])
def test_a_compressed_grey_image_is_grey(pixels, text):
    np.testing.assert_array_equal(
        read_image(compressed(pixels, '.png', text), TOPIC), [[0, 7], [255, 128]])


def test_a_compressed_bayer_image_gets_its_colours():
    mosaic = np.tile(np.uint8([[200, 90], [90, 30]]), (3, 4))
    image = read_image(compressed(mosaic, '.png', 'bayer_rggb8; png compressed '), TOPIC)
    np.testing.assert_array_equal(image, np.broadcast_to(np.uint8([200, 90, 30]), (6, 8, 3)))


def test_alpha_of_a_png_is_left_away():
    bgra = np.dstack([COLOURS[..., ::-1], np.full((16, 24), 77, np.uint8)])
    np.testing.assert_array_equal(read_image(compressed(bgra, '.png', 'png'), TOPIC), COLOURS)


def test_a_jpeg_in_a_buffer_filled_up_with_zeros_is_read():
    message = compressed(COLOURS, '.jpg', 'jpeg')
    message.data.frombytes(bytes(100))
    assert read_image(message, TOPIC).shape == (16, 24, 3)


@pytest.mark.parametrize(('kind', 'name'), [('.jpg', 'JPEG'), ('.png', 'PNG')])
def test_a_file_cut_off_is_refused(kind, name):
    message = compressed(COLOURS, kind, 'x')
    del message.data[-20:]
    with pytest.raises(UnreadableImage, match=f'^{TOPIC}: data is a {name} of {len(message.data)} '
                                              f'bytes without its end; the image was cut off'):
        read_image(message, TOPIC)


@pytest.mark.parametrize('data', [b'', b'not an image at all', bytes(100)])
def test_what_is_no_image_file_is_refused(data):
    message = CompressedImage(format='h264')
    message.data.frombytes(data)
    with pytest.raises(UnreadableImage, match=f"^{TOPIC}: data of {len(data)} bytes in .* 'h264'"):
        read_image(message, TOPIC)


@given(st.binary(max_size=200), st.sampled_from(sorted([*ENCODINGS, 'nonsense'])),
       st.integers(0, 20), st.integers(0, 20), st.integers(0, 80), st.booleans())
def test_any_image_message_is_read_or_refused_and_nothing_else(
        data, encoding, width, height, step, big_endian):
    message = Image(width=width, height=height, step=step, encoding=encoding,
                    is_bigendian=big_endian)
    message.data.frombytes(data)
    try:
        image = read_image(message, TOPIC)
    except UnreadableImage:
        return
    assert image.shape[:2] == (height, width)
    assert image.dtype == np.uint8


# --- a stereo set

FX, FY, CX, CY, BASELINE = 100.0, 90.0, 31.0, 23.0, 0.5


def info(width=64, height=48, *, baseline=0.0, cx=CX, **fields):
    p = [FX, 0.0, cx, -FX * baseline, 0.0, FY, CY, 0.0, 0.0, 0.0, 1.0, 0.0]
    return CameraInfo(width=width, height=height, p=p, **fields)


def stereo(left_info=None, right_info=None, size=(64, 48), right_size=None, encoding='mono8'):
    def image(size):
        shape = (size[1], size[0], 3) if encoding == 'rgb8' else (size[1], size[0])
        return message_of(np.zeros(shape, np.uint8), encoding)
    return StereoMessages(image(size), left_info or info(), image(right_size or size),
                          right_info or info(baseline=BASELINE), arrival=0.0)


def test_a_stereo_set_gives_the_camera_of_p():
    frame = read_stereo(stereo(right_info=info(baseline=BASELINE, cx=28.0)))
    assert frame.camera == StereoCamera(Camera(64, 48, FX, FY, CX, CY), BASELINE, cx_right=28.0)
    assert frame.left.shape == frame.right.shape == (48, 64)


def test_a_stereo_set_is_grey_where_asked():
    assert read_stereo(stereo(encoding='rgb8')).left.shape == (48, 64, 3)
    assert read_stereo(stereo(encoding='rgb8'), grey=True).right.shape == (48, 64)


def test_a_cropped_and_binned_image_gets_its_own_camera():
    # sensor_msgs/CameraInfo: P is of the full resolution, roi in its pixels, then binning
    fields = {'binning_x': 2, 'binning_y': 2,
              'roi': RegionOfInterest(x_offset=8, y_offset=4, width=40, height=20)}
    frame = read_stereo(stereo(info(**fields), info(baseline=BASELINE, cx=28.0, **fields),
                               size=(20, 10)))
    # pixel 0 of the binned image is the mean of 0 and 1, so its centre lies at 0.5
    expected = Camera(20, 10, 50.0, 45.0, (31 - 8 + 0.5) / 2 - 0.5, (23 - 4 + 0.5) / 2 - 0.5)
    assert frame.camera.left == expected
    assert frame.camera.baseline == pytest.approx(BASELINE)
    assert frame.camera.cx_right == pytest.approx((28 - 8 + 0.5) / 2 - 0.5)


def test_an_image_of_the_size_of_its_info_is_taken_as_it_is():
    frame = read_stereo(stereo(info(binning_x=2, binning_y=2),
                               info(baseline=BASELINE, binning_x=2, binning_y=2)))
    assert frame.camera.left == Camera(64, 48, FX, FY, CX, CY)


@pytest.mark.parametrize(('messages', 'reason'), [
    (stereo(right_size=(32, 24)), 'left/image_rect is 64x48 but right/image_rect is 32x24'),
    (stereo(left_info=info(128, 96)), 'left/camera_info is for 128x96 but left/image_rect is 64'),
    (stereo(right_info=info(0, 0, baseline=0.5)),
     'right/camera_info is for 0x0 but right/image_rect is 64x48'),
    (stereo(left_info=CameraInfo(width=64, height=48)), 'left/camera_info: P is all zero'),
    (stereo(right_info=info()), r'right/camera_info: P\[3\] is 0?'),
    (stereo(info(baseline=BASELINE), info()), 'left/camera_info: .*are left and right swapped'),
    (stereo(left_info=info(cx=math.nan)), r'left/camera_info: P\[2\] is nan'),
])
def test_a_set_that_does_not_fit_is_refused_as_a_matter_of_calibration(messages, reason):
    with pytest.raises(ValueError, match=f'^{reason}') as raised:
        read_stereo(messages)
    assert not isinstance(raised.value, UnreadableImage)


def test_errors_name_the_topics_that_were_given():
    with pytest.raises(ValueError, match=r'^/a/image is 64x48 but /b/image is 32x24'):
        read_stereo(stereo(right_size=(32, 24)), topics=('/a/image', '/a/i', '/b/image', '/b/i'))


# --- what goes out

MAP = np.float32([[1.5, np.nan, 70.0], [0.0004, 65.5344, 2.0]])


def test_depth_is_in_metres_with_nan_for_unknown():
    message = depth_message(HEADER, MAP)
    assert (message.encoding, message.header) == ('32FC1', HEADER)
    assert message.is_bigendian == (sys.byteorder == 'big')
    np.testing.assert_array_equal(values(message), MAP)


def test_openni_depth_is_in_millimetres_with_zero_for_what_16_bits_cannot_hold():
    message = depth_message(HEADER, MAP, openni_depth_mode=True)
    assert message.encoding == '16UC1'
    np.testing.assert_array_equal(values(message, np.uint16), [[1500, 0, 0], [0, 65534, 2000]])


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_openni_depth_is_never_made_up(depths):
    depth = np.float32([depths])
    message = depth_message(HEADER, depth, openni_depth_mode=True)
    millimetres = values(message, np.uint16)[0].astype(np.float64)
    with np.errstate(invalid='ignore', over='ignore'):
        exact = depth[0].astype(np.float64) * 1000
        fits = (exact > 0.5) & (exact < 65534.5)
    np.testing.assert_allclose(millimetres[fits], exact[fits], atol=0.51)
    assert (millimetres[(exact < 0.5) | (exact > 65534.51) | np.isnan(exact)] == 0).all()


def test_the_confidence_is_32fc1():
    message = confidence_message(HEADER, np.float32([[0.25, 1.0]]))
    assert (message.encoding, message.header) == ('32FC1', HEADER)
    np.testing.assert_array_equal(values(message), [[0.25, 1.0]])


def test_the_picture_of_the_depth_is_bgr8():
    message = color_depth_message(HEADER, COLOURS[..., ::-1])  # not contiguous, too
    assert (message.encoding, message.step, message.header) == ('bgr8', 24 * 3, HEADER)
    np.testing.assert_array_equal(read_image(message, TOPIC), COLOURS)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_an_image_comes_back_as_it_was_written(height, width, seed):
    rgb = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8, True)
    np.testing.assert_array_equal(read_image(image_message(HEADER, rgb, 'rgb8'), TOPIC), rgb)
    grey = rgb[..., 1]
    np.testing.assert_array_equal(read_image(image_message(HEADER, grey, 'mono8'), TOPIC), grey)


def test_camera_info_is_that_of_the_camera():
    message = camera_info_message(HEADER, Camera(64, 48, FX, FY, CX, CY))
    assert (message.header, message.width, message.height) == (HEADER, 64, 48)
    np.testing.assert_array_equal(message.p, [FX, 0, CX, 0, 0, FY, CY, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(message.k, [FX, 0, CX, 0, FY, CY, 0, 0, 1])
    np.testing.assert_array_equal(message.r, [1, 0, 0, 0, 1, 0, 0, 0, 1])
    assert not any(message.d)


def test_camera_info_written_is_camera_info_read():
    camera = Camera(64, 48, FX, FY, CX, CY)
    frame = read_stereo(stereo(left_info=camera_info_message(HEADER, camera)))
    assert frame.camera.left == camera


STEREO = StereoCamera(Camera(4, 2, 100.0, 90.0, 31.0, 23.0), 0.5, cx_right=28.0)


def test_disparity_is_published_without_the_principal_point_difference():
    disparity = np.float32([[10.0, 13.0, np.nan, 3.0], [35.0, 36.0, 2.0, -5.0]])
    message = disparity_message(HEADER, disparity, STEREO, min_disparity=3, max_disparity=35,
                                delta_d=0.25)
    # cx_l - cx_r is 3: the range 3..35 becomes 0..32, and what is unknown or outside of it is -1
    np.testing.assert_array_equal(
        values(message.image), [[7.0, 10.0, -1.0, 0.0], [32.0, -1.0, -1.0, -1.0]])
    assert (message.min_disparity, message.max_disparity, message.delta_d) == (0.0, 32.0, 0.25)
    assert (message.f, message.t) == (100.0, 0.5)
    assert message.image.encoding == '32FC1'
    assert message.image.header == message.header == HEADER


@given(st.floats(-40, 40), st.integers(-50, 50), st.integers(1, 200))
def test_a_bound_of_the_searched_range_is_valid_and_what_is_invalid_is_below(cx_right, low, size):
    camera = replace(STEREO, cx_right=cx_right)
    disparity = np.full((2, 4), np.nan, np.float32)
    disparity[0, 0], disparity[0, 1] = low, low + size
    message = disparity_message(HEADER, disparity, camera, min_disparity=low,
                                max_disparity=low + size, delta_d=1.0)
    published = values(message.image)
    assert message.min_disparity <= published[0, 0] <= message.max_disparity
    assert message.min_disparity <= published[0, 1] <= message.max_disparity
    np.testing.assert_array_equal(published[1], np.float32(message.min_disparity) - 1)


@given(st.integers(1, 40), st.integers(-30, 30), st.integers(1, 60))
def test_in_the_valid_window_every_disparity_of_the_range_has_its_match_inside_the_image(
        width, low, size):
    camera = StereoCamera(Camera(width, 3, 100.0, 90.0, 31.0, 23.0), 0.5, cx_right=28.0)
    message = disparity_message(HEADER, np.zeros((3, width), np.float32), camera,
                                min_disparity=low, max_disparity=low + size, delta_d=1.0)
    window = message.valid_window
    inside = [x for x in range(width)
              if all(0 <= x - d <= width - 1 for d in range(low, low + size + 1))]
    assert list(range(window.x_offset, window.x_offset + window.width)) == inside
    assert (window.y_offset, window.height) == (0, 3 if inside else 0)


def read_points(message):
    """By the fields of the message, as another program would."""
    dtype = np.dtype({'names': [f.name for f in message.fields],
                      'formats': ['<f4' for _ in message.fields],
                      'offsets': [f.offset for f in message.fields],
                      'itemsize': message.point_step})
    assert all((f.datatype, f.count) == (PointField.FLOAT32, 1) for f in message.fields)
    assert len(message.data) == message.row_step * message.height
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)


def test_points_of_a_plane_lie_on_it_and_carry_the_colours_of_the_image():
    camera = Camera(24, 16, 100.0, 50.0, 10.0, 6.0)
    depth = np.full((16, 24), 4.0, np.float32)
    depth[2, 3] = np.nan
    message = points_message(HEADER, depth, COLOURS, camera)
    assert (message.header, message.height, message.width) == (HEADER, 16, 24)
    assert (message.point_step, message.row_step) == (16, 16 * 24)
    assert (message.is_dense, message.is_bigendian) == (False, sys.byteorder == 'big')
    points = read_points(message)
    assert points.dtype.names == ('x', 'y', 'z', 'rgb')
    assert points['x'][9, 20] == pytest.approx(4 * (20 - 10) / 100)
    assert points['y'][9, 20] == pytest.approx(4 * (9 - 6) / 50)
    assert all(np.isnan(points[name][2, 3]) for name in 'xyz')
    assert np.isfinite(points['x']).sum() == 16 * 24 - 1
    assert set(points['z'][np.isfinite(points['z'])]) == {4.0}
    rgb = np.ascontiguousarray(points['rgb']).view(np.uint32)
    assert hex(rgb[0, 0]) == hex(250 << 16 | 20 << 8 | 30)
    assert hex(rgb[0, 23]) == hex(10 << 16 | 60 << 8 | 230)


def test_points_of_a_grey_image_are_grey():
    message = points_message(HEADER, np.ones((2, 3), np.float32), np.full((2, 3), 200, np.uint8),
                             Camera(3, 2, 100.0, 100.0, 0.0, 0.0))
    rgb = np.ascontiguousarray(read_points(message)['rgb']).view(np.uint32)
    np.testing.assert_array_equal(rgb, np.full((2, 3), 0xC8C8C8))


def test_no_colour_turns_into_nan():
    white = np.full((1, 1, 3), 255, np.uint8)
    message = points_message(HEADER, np.ones((1, 1), np.float32), white,
                             Camera(1, 1, 1.0, 1.0, 0.0, 0.0))
    assert np.isfinite(read_points(message)['rgb']).all()


@pytest.mark.parametrize('step', [2, 3, 5])
def test_decimated_points_are_every_nth_of_all_points(step):
    camera = Camera(24, 16, 100.0, 50.0, 10.0, 6.0)
    depth = np.random.default_rng(3).uniform(1, 9, (16, 24)).astype(np.float32)
    every = read_points(points_message(HEADER, depth, COLOURS, camera))[::step, ::step]
    some = read_points(points_message(HEADER, depth, COLOURS, camera, decimation=step))
    assert some.shape == every.shape
    for name in ('x', 'y', 'z', 'rgb'):
        np.testing.assert_allclose(some[name], every[name], rtol=1e-5, atol=1e-6)


def test_a_message_does_not_change_when_the_next_one_is_built():
    camera = Camera(3, 2, 100.0, 100.0, 0.0, 0.0)
    grey = np.zeros((2, 3), np.uint8)
    first = points_message(HEADER, np.ones((2, 3), np.float32), grey, camera)
    points_message(HEADER, np.full((2, 3), 9.0, np.float32), grey, camera)
    assert set(read_points(first)['z'].flat) == {1.0}
