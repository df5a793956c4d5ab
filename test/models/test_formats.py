"""File formats against bytes made by hand, and against cv2's own readers."""

import struct

import cv2
import numpy as np
import pytest

from depth_models.data import formats

# 3 wide, 2 high; PFM keeps the bottom row first
TOP, BOTTOM = (1.5, float('inf'), -2.0), (40.25, 5.0, 6.0)
EXPECTED = np.array([[1.5, np.nan, -2.0], [40.25, 5.0, 6.0]], np.float32)


@pytest.mark.parametrize(('scale', 'order'), [('-1.0', '<'), ('1', '>'), ('-0.003922', '<')])
def test_pfm_is_read_bottom_up_in_either_byte_order(tmp_path, scale, order):
    file = tmp_path / 'map.pfm'
    file.write_bytes(f'Pf\n3 2\n{scale}\n'.encode() + struct.pack(f'{order}6f', *BOTTOM, *TOP))
    found = formats.read_pfm(file)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, EXPECTED)


@pytest.mark.parametrize(('little', 'order', 'scale'), [(True, '<', b'-1.0'), (False, '>', b'1.0')])
def test_pfm_is_written_byte_for_byte_as_the_format_says(tmp_path, little, order, scale):
    formats.write_pfm(tmp_path / 'map.pfm', EXPECTED, little_endian=little)
    assert (tmp_path / 'map.pfm').read_bytes() == (
        b'Pf\n3 2\n' + scale + b'\n' + struct.pack(f'{order}6f', *BOTTOM, *TOP))


def test_colour_pfm_goes_both_ways_and_opencv_reads_it(tmp_path):
    image = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    formats.write_pfm(tmp_path / 'image.pfm', image)
    np.testing.assert_array_equal(formats.read_pfm(tmp_path / 'image.pfm'), image)
    by_opencv = cv2.imread(str(tmp_path / 'image.pfm'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(by_opencv[..., ::-1], image)  # cv2 gives BGR


@pytest.mark.parametrize(('data', 'message'), [
    (b'P5\n3 2\n255\n', 'not a PFM file'),
    (b'', 'not a PFM file'),
    (b'Pf\n3 2\n-1.0\n' + bytes(20), '3x2 px need 24 bytes, the file has 20'),
    (b'Pf\n3 2\n-1.0\n' + bytes(28), '3x2 px need 24 bytes, the file has 28'),
    (b'Pf\n0 2\n-1.0\n', 'is zero'),
    (b'Pf\n3 2\n0.0\n' + bytes(24), 'is zero')])
def test_a_malformed_pfm_is_refused_with_its_name_and_the_reason(tmp_path, data, message):
    file = tmp_path / 'broken.pfm'
    file.write_bytes(data)
    with pytest.raises(ValueError, match=f'broken.pfm: .*{message}'):
        formats.read_pfm(file)


@pytest.mark.parametrize('read', [formats.read_kitti_disparity, formats.read_kitti_depth])
def test_kitti_png_counts_256ths_and_zero_is_unknown(tmp_path, read):
    cv2.imwrite(str(tmp_path / 'map.png'), np.array([[0, 256, 65535], [1, 640, 384]], np.uint16))
    np.testing.assert_array_equal(
        read(tmp_path / 'map.png'),
        np.array([[np.nan, 1.0, 65535 / 256], [1 / 256, 2.5, 1.5]], np.float32))


@pytest.mark.parametrize('write', [formats.write_kitti_disparity, formats.write_kitti_depth])
def test_kitti_png_is_written_so_that_known_never_becomes_unknown(tmp_path, write):
    write(tmp_path / 'map.png', np.array([[np.nan, 0.0, 255.0], [0.001, 7.5, 1.0]], np.float32))
    steps = cv2.imread(str(tmp_path / 'map.png'), cv2.IMREAD_UNCHANGED)
    assert steps.dtype == np.uint16
    np.testing.assert_array_equal(steps, [[0, 1, 65280], [1, 1920, 256]])


def test_what_kitti_png_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'holds 0 to 255.996 px, got 3 to 300 px'):
        formats.write_kitti_disparity(tmp_path / 'x.png', np.array([[3.0, 300.0]], np.float32))


def test_middlebury_png_is_divided_by_its_scale(tmp_path):
    cv2.imwrite(str(tmp_path / 'disp.png'), np.array([[0, 3, 100]], np.uint8))
    np.testing.assert_array_equal(formats.read_middlebury_disparity(tmp_path / 'disp.png', 4),
                                  np.array([[np.nan, 0.75, 25.0]], np.float32))
    with pytest.raises(ValueError, match='scale must be over 0'):
        formats.read_middlebury_disparity(tmp_path / 'disp.png', 0)


def test_a_png_of_another_kind_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / 'eight.png'), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r'grey 16-bit image is needed, got 1 channel\(s\) of uint8'):
        formats.read_kitti_depth(tmp_path / 'eight.png')
    (tmp_path / 'text.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='not an image'):
        formats.read_kitti_depth(tmp_path / 'text.png')
    with pytest.raises(FileNotFoundError):
        formats.read_kitti_depth(tmp_path / 'missing.png')


CALIBRATION = """cam0=[1000.5 0 320.25; 0 1001 240; 0 0 1]
cam1=[1000.5 0 350.75; 0 1001 240; 0 0 1]
doffs=30.5
baseline=193.001
width=640
height=480
ndisp=70
isint=0
vmin=6
"""


def test_middlebury_calibration_comes_in_metres_with_both_principal_points(tmp_path):
    (tmp_path / 'calib.txt').write_text(CALIBRATION)
    calibration = formats.read_middlebury_calibration(tmp_path / 'calib.txt')
    left, stereo = calibration.camera.left, calibration.camera
    assert (left.width, left.height) == (640, 480)
    assert (left.fx, left.fy, left.cx, left.cy) == (1000.5, 1001.0, 320.25, 240.0)
    assert stereo.baseline == pytest.approx(0.193001)
    assert stereo.principal_point_difference == pytest.approx(-30.5)
    assert calibration.disparities == 70


@pytest.mark.parametrize(('old', 'new', 'message'), [
    ('baseline=193.001\n', '', 'no line "baseline=..."'),
    ('width=640', 'width=wide', 'width is not a number: wide'),
    ('0 0 1]\ncam1', '0 0]\ncam1', 'cam0 is not a 3x3 matrix'),
    ('doffs=30.5', 'doffs=0', 'principal points differ by 30.5 px')])
def test_a_malformed_calibration_is_refused_with_the_line_at_fault(tmp_path, old, new, message):
    (tmp_path / 'calib.txt').write_text(CALIBRATION.replace(old, new))
    with pytest.raises(ValueError, match=message):
        formats.read_middlebury_calibration(tmp_path / 'calib.txt')


def swapped(values):
    return struct.pack(f'<{len(values)}f', *values), struct.pack(f'>{len(values)}f', *values)


@pytest.mark.parametrize('values', [(1.5, 2.0, 40.25, 7.0), (66.78, 59.503, float('inf'), 0.0)])
def test_a_pfm_whose_header_tells_the_wrong_byte_order_is_refused(tmp_path, values):
    file = tmp_path / 'map.pfm'
    for wrong, right, scale, told in zip(swapped(values)[::-1], swapped(values), (-1, 1), ('little', 'big')):
        file.write_bytes(f'Pf\n2 2\n{scale}\n'.encode() + wrong)
        with pytest.raises(ValueError, match=f'map.pfm: its byte order is not the {told}-endian one'):
            formats.read_pfm(file)
        file.write_bytes(f'Pf\n2 2\n{scale}\n'.encode() + right)
        assert formats.read_pfm(file)[1, 0] == np.float32(values[0])


@pytest.mark.parametrize('values', [
    (0.0, 0.0, 0.0, 0.0), (float('inf'),) * 4, (1e9, 2e9, 1.0, 3e9), (1e-9, 2e-8, 1e-9, 1e-10)])
def test_unusual_values_are_no_wrong_byte_order(tmp_path, values):
    image = np.array(values, np.float32).reshape(2, 2)
    formats.write_pfm(tmp_path / 'map.pfm', image)
    np.testing.assert_array_equal(formats.read_pfm(tmp_path / 'map.pfm'),
                                  np.where(np.isinf(image), np.nan, image))


def test_a_cut_off_png_is_refused(tmp_path):
    file = tmp_path / 'map.png'
    formats.write_kitti_disparity(file, np.full((20, 30), 4, np.float32))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r'map\.png: the image is cut off'):
        formats.read_kitti_disparity(file)
