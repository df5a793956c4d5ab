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


def test_a_hole_takes_the_lower_of_its_neighbours_on_the_row():
    holes = np.array([[NAN, 5.0, NAN, NAN, 3.0, NAN],
                      [NAN, 2.0, NAN, 9.0, NAN, NAN],
                      [NAN] * 6], np.float32)
    np.testing.assert_array_equal(fill_holes(holes), np.array([
        [5.0, 5.0, 3.0, 3.0, 3.0, 3.0],
        [2.0, 2.0, 2.0, 9.0, 9.0, 9.0],
        [NAN] * 6], np.float32))
