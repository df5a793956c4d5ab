"""Metrics against sums done by hand; every case has numbers without symmetry."""

import numpy as np
import pytest

from depth_models.evaluation import metrics

NAN = np.nan
#                      off by    1      0     4      6 (6 %)  5 (4 %)  unknown  unknown  masked
ESTIMATE = np.array([[11.0, 20.0, 34.0, 106.0], [120.0, NAN, 7.0, 99.0]])
TARGET = np.array([[10.0, 20.0, 30.0, 100.0], [125.0, 50.0, NAN, 1.0]])
VALID = np.array([[True, True, True, True], [True, True, True, False]])
CASE = {'estimate': ESTIMATE, 'target': TARGET, 'valid': VALID}


def test_epe_is_the_mean_error_of_the_pixels_known_in_both():
    assert metrics.epe(**CASE) == pytest.approx((1 + 0 + 4 + 6 + 5) / 5)


def test_bad_counts_errors_over_the_threshold_and_not_on_it():
    assert metrics.bad(**CASE, threshold=1.0) == pytest.approx(3 / 5)
    assert metrics.bad(**CASE, threshold=0.5) == pytest.approx(4 / 5)
    assert metrics.bad(**CASE, threshold=4.5) == pytest.approx(2 / 5)


def test_d1_needs_both_3_px_and_5_percent_of_the_target():
    assert metrics.d1(**CASE) == pytest.approx(2 / 5)  # 4 of 30, 6 of 100; 5 of 125 is 4 %
    # the 5 % are of the target: 105.2 - 100 is 5.2 % of 100, yet under 5 % of 105.2
    assert metrics.d1(estimate=[105.2], target=[100.0], valid=np.array([True])) == 1.0
    assert metrics.d1(estimate=[100.0], target=[105.2], valid=np.array([True])) == 0.0


def test_density_is_the_answered_share_of_the_valid_pixels_of_known_target():
    assert metrics.density(**CASE) == pytest.approx(5 / 6)


def test_no_pixel_to_judge_gives_nan():
    nothing = {**CASE, 'valid': np.zeros_like(VALID)}
    for figure in (metrics.epe, metrics.d1, metrics.density):
        assert np.isnan(figure(**nothing))


@pytest.mark.parametrize('figure', [metrics.epe, metrics.d1, metrics.density])
def test_arguments_go_by_name_and_the_mask_is_required(figure):
    with pytest.raises(TypeError):
        figure(ESTIMATE, TARGET, VALID)
    with pytest.raises(TypeError, match='valid'):
        figure(estimate=ESTIMATE, target=TARGET)


def test_a_mask_of_numbers_or_of_another_shape_is_refused():
    with pytest.raises(ValueError, match='valid must be boolean, got int64'):
        metrics.epe(**{**CASE, 'valid': VALID.astype(np.int64)})
    with pytest.raises(ValueError, match='one shape'):
        metrics.epe(**{**CASE, 'valid': VALID[0]})


# errors 8, 1, 4, 3 with confidences that put 3 before 1, and 8 last
ERROR = np.array([8.0, 1.0, 4.0, 3.0])
CONFIDENCE = np.array([0.1, 0.7, 0.3, 0.9])
ALL = np.ones(4, bool)


def test_sparsification_is_the_mean_of_what_is_left_without_the_least_sure():
    curve = metrics.sparsification(error=ERROR, confidence=CONFIDENCE, valid=ALL, steps=4)
    np.testing.assert_allclose(curve, [16 / 4, 8 / 3, 4 / 2, 3 / 1])


def test_ause_is_the_mean_distance_to_the_curve_that_removes_the_largest_errors_first():
    # the oracle keeps 8 1 4 3, then 1 4 3, then 1 3, then 1: it differs in the last step, by 3 - 1
    assert metrics.ause(error=ERROR, confidence=CONFIDENCE, valid=ALL, steps=4) == pytest.approx(
        (0 + 0 + 0 + 2) / 4)
    assert metrics.ause(error=ERROR, confidence=-ERROR, valid=ALL, steps=4) == pytest.approx(0.0)


def test_auc_is_the_mean_of_the_curve():
    assert metrics.auc(error=ERROR, confidence=CONFIDENCE, valid=ALL, steps=4) == pytest.approx(
        (16 / 4 + 8 / 3 + 4 / 2 + 3 / 1) / 4)


def test_the_mean_of_the_surest_leaves_the_least_sure_out():
    case = {'error': ERROR, 'confidence': CONFIDENCE}
    assert metrics.mean_of_surest(**case, valid=ALL, share=0.5) == pytest.approx((3 + 1) / 2)
    assert metrics.mean_of_surest(**case, valid=ALL, share=1.0) == pytest.approx(4.0)
    assert metrics.mean_of_surest(**case, valid=ALL, share=0.01) == pytest.approx(3.0)  # one pixel
    assert metrics.mean_of_surest(  # of a figure that is true or false: 8 and 4 are over 3.5
        error=ERROR > 3.5, confidence=CONFIDENCE, valid=ALL, share=0.75) == pytest.approx(1 / 3)
    three = np.array([True, True, True, False])  # without 3, the surest of all
    assert metrics.mean_of_surest(**case, valid=three, share=2 / 3) == pytest.approx((1 + 4) / 2)
    assert np.isnan(metrics.mean_of_surest(**case, valid=~ALL, share=0.5))


def test_pixels_of_one_confidence_are_removed_in_part_by_their_mean():
    confidence = np.array([0.2, 0.2, 0.2, 0.9])  # 8, 1 and 4 cannot be told apart: 13 / 3 each
    assert metrics.mean_of_surest(error=ERROR, confidence=confidence, valid=ALL, share=0.5) == \
        pytest.approx((3 + 13 / 3) / 2)


def test_equal_confidences_do_not_depend_on_the_order_of_the_pixels():
    curve = metrics.sparsification(error=ERROR, confidence=np.full(4, 0.5), valid=ALL, steps=4)
    np.testing.assert_allclose(curve, 4.0)


def test_unknown_errors_and_confidences_are_left_out():
    error, confidence = np.append(ERROR, [NAN, 100.0]), np.append(CONFIDENCE, [0.5, NAN])
    assert metrics.ause(error=error, confidence=confidence, valid=np.ones(6, bool), steps=4) == \
        pytest.approx(0.5)


def test_calibration_error_weighs_the_gap_of_every_bin_by_its_pixels():
    correct = np.array([True, False, False, True, True])
    confidence = np.array([0.95, 0.85, 0.82, 0.12, 1.0])
    # bins of a half: 0.12 with 1 of 1 right; 0.95, 0.85, 0.82, 1.0 (mean 0.905) with 2 of 4 right
    assert metrics.calibration_error(
        correct=correct, confidence=confidence, valid=np.ones(5, bool), bins=2) == pytest.approx(
            (1 * 0.88 + 4 * 0.405) / 5)


def test_a_confidence_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r'confidence must lie in \[0, 1\], got 0.1 to 1.5'):
        metrics.calibration_error(correct=[True, False], confidence=[0.1, 1.5],
                                  valid=np.ones(2, bool))
