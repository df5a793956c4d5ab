"""OpenCV's matchers as baselines: what they find, and how their holes are filled."""

import numpy as np
import pytest

from depth_models.evaluation.classical import MATCHERS, fill_holes

NAN = np.nan


@pytest.mark.parametrize('name', MATCHERS)
def test_a_pair_shifted_by_7_px_has_disparity_7_where_both_cameras_see_it(name):
    left = np.random.default_rng(0).integers(0, 256, (60, 160, 3), np.uint8)
    right = np.roll(left, -7, axis=1)
    found = MATCHERS[name](left, right, 20)  # searched: 32 px
    assert found.dtype == np.float32 and found.shape == (60, 160)
    inner = found[10:-10, 45:-20]
    assert np.isfinite(inner).mean() > 0.9
    np.testing.assert_allclose(inner[np.isfinite(inner)], 7.0, atol=0.3)
    assert np.isnan(found[:, :31]).all()  # OpenCV does not search there


def test_a_hole_takes_the_lower_of_its_neighbours_on_the_row_and_borders_the_nearest_one():
    holes = np.array([[NAN, 5.0, NAN, NAN, 3.0, NAN],
                      [NAN, 2.0, NAN, 9.0, NAN, NAN]], np.float32)
    np.testing.assert_array_equal(fill_holes(holes), np.array([
        [5.0, 5.0, 3.0, 3.0, 3.0, 3.0],
        [2.0, 2.0, 2.0, 9.0, 9.0, 9.0]], np.float32))


def test_empty_rows_take_the_row_next_to_them_and_between_two_the_lower_one():
    empty = [NAN] * 3
    holes = np.array([empty, empty, [NAN, 4.0, 7.0], empty, [3.0, NAN, 8.0], empty], np.float32)
    np.testing.assert_array_equal(fill_holes(holes), np.array([
        [4, 4, 7], [4, 4, 7], [4, 4, 7], [3, 3, 7], [3, 3, 8], [3, 3, 8]], np.float32))


def test_a_map_without_any_known_pixel_stays_unknown():
    assert np.isnan(fill_holes(np.full((3, 4), NAN, np.float32))).all()


def test_images_smaller_than_a_block_are_refused_in_one_sentence():
    tiny = np.zeros((6, 40, 3), np.uint8)
    with pytest.raises(ValueError, match='OpenCV cannot match pairs of 40x6 px: SADWindowSize'):
        MATCHERS['bm'](tiny, tiny, 16)
