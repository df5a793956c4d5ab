"""Calibrations that cannot be are refused with the field, its value and the likely cause."""

import math

import pytest

from depth_models.frames import Camera
from depth_nodes.camera_checks import (
    check_image_size,
    check_not_smaller,
    check_pair,
    check_projection,
    check_same_proportions,
    check_same_size,
    check_same_view,
)

FX, BASELINE = 700.0, 0.12  # px, m
LEFT = (FX, 0.0, 320.0, 0.0, 0.0, 690.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0)
RIGHT = (*LEFT[:3], -FX * BASELINE, *LEFT[4:])
SIZE = (640, 480)


def changed(p, **values):
    """p with e.g. p3=1.0 for P[3]."""
    return [values.get(f'p{i}', value) for i, value in enumerate(p)]


def pair(left=LEFT, right=RIGHT):
    return check_pair('left/camera_info', left, 'right/camera_info', right, SIZE)


def test_a_good_pair_has_the_baseline_that_p_says():
    for p in (LEFT, RIGHT):
        check_projection('camera_info', p)
    assert pair() == pytest.approx(0.12)


@pytest.mark.parametrize(('p', 'reason'), [
    ([0.0] * 12, 'P is all zero; the camera is not calibrated'),
    (changed(LEFT, p0=math.nan), r'P\[0\] is nan'),
    (changed(LEFT, p6=math.inf), r'P\[6\] is inf'),
    (changed(RIGHT, p3=math.nan), r'P\[3\] is nan'),
    (changed(LEFT, p0=0.0), r'fx = P\[0\] is 0, it must be positive'),
    (changed(LEFT, p0=-FX), r'fx = P\[0\] is -700, it must be positive'),
    (changed(LEFT, p5=0.0), r'fy = P\[5\] is 0, it must be positive'),
    (changed(LEFT, p1=2.5), r'P\[1\] is 2.5, of a rectified camera it is 0; the image is not'),
    (changed(LEFT, p10=0.0), r'P\[10\] is 0, of a rectified camera it is 1'),
    (changed(LEFT, p8=0.01), r'P\[8\] is 0.01, of a rectified camera it is 0'),
])
def test_an_impossible_projection_is_refused(p, reason):
    with pytest.raises(ValueError, match=f'^left/camera_info: {reason}'):
        check_projection('left/camera_info', p)


@pytest.mark.parametrize(('p3', 'reason'), [
    (0.0, r'P\[3\] is 0, so the baseline .* is -?0 m; the cameras were not calibrated as a pair'),
    (FX * BASELINE, r'P\[3\] is 84, .* -0.12 m, it must be positive; are left and right swapped?'),
    (-FX * 120, r'P\[3\] is -84000, .* 120 m, above 5 m; .* in millimetres'),
    (-BASELINE, r'P\[3\] is -0.12, .* 0.000171429 m, below 0.001 m; .* is fx missing in it'),
])
def test_an_impossible_baseline_is_refused(p3, reason):
    with pytest.raises(ValueError, match=f'^right/camera_info: {reason}'):
        pair(right=changed(RIGHT, p3=p3))


@pytest.mark.parametrize('baseline', [0.001, 5.0])
def test_baselines_up_to_the_bounds_are_taken(baseline):
    # a hair inside, for the rounding of P[3] / P[0]
    inside = baseline * (1 + 1e-9 if baseline < 1 else 1 - 1e-9)
    assert pair(right=changed(RIGHT, p3=-FX * inside)) == pytest.approx(baseline)


def test_swapped_cameras_are_recognized_by_the_left_p():
    with pytest.raises(ValueError, match=r'^left/camera_info: P\[3\] is -84, of the left camera it '
                                         r'is 0; are left and right swapped\?'):
        pair(left=RIGHT, right=LEFT)


def test_a_left_p_that_is_relative_to_something_else_is_refused():
    with pytest.raises(ValueError, match=r'^left/camera_info: P\[3\] is -84, of the left camera it '
                                         r'is 0; its P is not relative to the left camera'):
        pair(left=RIGHT, right=RIGHT)


@pytest.mark.parametrize(('field', 'value', 'reason'), [
    ('p6', 241.0, r'cy = P\[6\] is 240 in left/camera_info but 241 in right/camera_info'),
    ('p5', 695.0, r'fy = P\[5\] is 690 in left/camera_info but 695 in right/camera_info'),
    ('p0', 704.0, r'fx = P\[0\] is 700 in left/camera_info but 704 in right/camera_info'),
    ('p7', -84.0, r'P\[7\] is -84, of a horizontal pair it is 0; the cameras are above each other'),
])
def test_a_pair_whose_rows_or_columns_do_not_match_is_not_rectified(field, value, reason):
    with pytest.raises(ValueError, match=f'{reason}.*rectified'):
        pair(right=changed(RIGHT, **{field: value}))


def test_rounding_in_a_calibration_file_is_no_fault():
    assert pair(left=changed(LEFT, p3=-1e-7),
                right=changed(RIGHT, p0=FX + 1e-3, p5=690.001, p6=240.01, p7=1e-4)) > 0


def test_principal_points_of_converging_cameras_may_differ():
    assert pair(right=changed(RIGHT, p2=305.0)) == pytest.approx(0.12)


def test_a_camera_info_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r'^left/camera_info is for 1280x720 but left/image_rect is '
                                         '640x360; the image was resized'):
        check_image_size('left/camera_info', (1280, 720), 'left/image_rect', (640, 360))
    check_image_size('left/camera_info', (640, 360), 'left/image_rect', (640, 360))


def test_images_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match=r'^left/image_rect is 640x480 but right/image_rect is '
                                         '320x240; '):
        check_same_size('left/image_rect', SIZE, 'right/image_rect', (320, 240))
    check_same_size('left/image_rect', SIZE, 'right/image_rect', SIZE)


SMALL = Camera(160, 120, 140.0, 138.0, 79.5, 60.25)


@pytest.mark.parametrize('size', [(640, 480), (1280, 960), (500, 333), (160, 120)])
def test_a_camera_and_itself_at_another_resolution_see_the_same(size):
    check_same_view('low_res/camera_info', SMALL.resized(*size), 'camera_info', SMALL.resized(*size))


@pytest.mark.parametrize(('changed', 'misfit'), [
    ({'cx': 318.5 + 2.2}, None), ({'cx': 319.5 + 2.2}, '2.2'), ({'cy': 242.5 - 3.0}, '3.0'),
    # at the left edge, which lies 320 px from the centre, and at the lower one, 237 px from it
    ({'fx': 560 * 1.005}, None), ({'fx': 560 * 1.01}, '3.2'), ({'fy': 552 * 1.02}, '4.9')])
def test_cameras_that_see_other_things_are_told_from_roundings(changed, misfit):
    large = SMALL.resized(640, 480)
    assert (large.fx, large.fy, large.cx, large.cy) == (560, 552, 319.5, 242.5)
    other = Camera(**{**vars(large), **changed})
    if misfit is None:
        return check_same_view('low_res/camera_info', large, 'camera_info', other)
    with pytest.raises(ValueError, match='^low_res/camera_info and camera_info see different fields of view: '
                       f'edges of the depth lie {misfit} px .* register depth to the image first'):
        check_same_view('low_res/camera_info', large, 'camera_info', other)


def test_an_image_smaller_than_the_map_is_none_to_be_guided_by():
    check_not_smaller('image_rect', (160, 120), 'low_res/image_rect', (160, 120))
    for image in ((159, 480), (640, 119)):
        with pytest.raises(ValueError, match=r'image_rect is \d+x\d+, smaller than low_res/image_rect,'):
            check_not_smaller('image_rect', image, 'low_res/image_rect', (160, 120))


@pytest.mark.parametrize(('one', 'other'), [
    ((640, 480), (640, 480)), ((640, 480), (1280, 960)), ((1242, 375), (621, 188)), ((1242, 375), (310, 94)),
    ((160, 45), (1280, 366))], ids=str)
def test_a_map_and_itself_resized_have_the_same_proportions(one, other):
    check_same_proportions('truth', one, 'depth', other)
    check_same_proportions('truth', other, 'depth', one)


@pytest.mark.parametrize(('one', 'other'), [
    ((640, 480), (640, 360)), ((1242, 375), (640, 480)), ((1242, 375), (621, 184)), ((480, 640), (640, 480))],
    ids=str)
def test_maps_of_other_proportions_are_refused(one, other):
    words = f'truth is {one[0]}x{one[1]} but depth is {other[0]}x{other[1]}: their proportions differ'
    with pytest.raises(ValueError, match=words):
        check_same_proportions('truth', one, 'depth', other)
