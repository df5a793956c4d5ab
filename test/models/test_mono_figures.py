"""Figures of depth from one image against sums done by hand, and the rules of judging."""

import math

import numpy as np
import pytest

from depth_models.evaluation import depth_metrics
from depth_models.evaluation.mono_figures import CROPS, UNITS, Rules, judge, judged, prepared

NAN = np.nan
#                     |d-d*|  1     2    0    3     unknown masked
ESTIMATE = np.array([[3.0, 4.0, 5.0, 9.0], [NAN, 7.0, 8.0, 8.0]], np.float32)
TARGET = np.array([[2.0, 6.0, 5.0, 12.0], [3.0, NAN, 1.0, 1.0]], np.float32)
VALID = np.array([[True, True, True, True], [True, True, False, False]])
CASE = {'estimate': ESTIMATE, 'target': TARGET, 'valid': VALID}
LOGS = [math.log(3 / 2), math.log(4 / 6), 0.0, math.log(9 / 12)]


def test_relative_errors_are_relative_to_the_target():
    assert depth_metrics.abs_rel(**CASE) == pytest.approx((1 / 2 + 2 / 6 + 0 + 3 / 12) / 4)
    assert depth_metrics.sq_rel(**CASE) == pytest.approx((1 / 2 + 4 / 6 + 0 + 9 / 12) / 4)


def test_root_mean_squares_in_metres_and_in_logarithms():
    assert depth_metrics.rmse(**CASE) == pytest.approx(math.sqrt((1 + 4 + 0 + 9) / 4))
    assert depth_metrics.rmse_log(**CASE) == pytest.approx(math.sqrt(sum(x * x for x in LOGS) / 4))


def test_log10_is_the_mean_absolute_difference():
    assert depth_metrics.log10(**CASE) == pytest.approx(
        (math.log10(1.5) + math.log10(1.5) + math.log10(12 / 9)) / 4)


def test_silog_is_100_times_the_deviation_of_the_logarithms_and_knows_no_scale():
    mean = sum(LOGS) / 4
    assert depth_metrics.silog(**CASE) == pytest.approx(
        100 * math.sqrt(sum(x * x for x in LOGS) / 4 - mean * mean))
    assert depth_metrics.silog(**{**CASE, 'estimate': 7 * ESTIMATE}) == pytest.approx(
        depth_metrics.silog(**CASE))


def test_deltas_are_ratios_under_powers_of_1_25():
    estimate, target = np.array([3.0, 4.0, 5.0, 9.0, 1.0, 1.0]), np.array([2.0, 6.0, 5.0, 12.0, 1.9, 2.0])
    case = {'estimate': estimate, 'target': target, 'valid': np.ones(6, bool)}
    # ratios 1.5, 1.5, 1, 1.33, 1.9 and 2; limits 1.25, 1.5625, 1.953
    assert [depth_metrics.delta(**case, power=power) for power in (1, 2, 3)] == [1 / 6, 4 / 6, 5 / 6]


def test_a_ratio_of_exactly_1_25_is_not_under_it():
    case = {'estimate': [1.25, 4.0], 'target': [1.0, 5.0], 'valid': np.ones(2, bool)}
    assert depth_metrics.delta(**case, power=1) == 0 and depth_metrics.delta(**case, power=2) == 1


def test_mse_is_of_depth_in_parts_of_the_cap():
    assert depth_metrics.mse(**CASE, max_depth=20.0) == pytest.approx((1 + 4 + 0 + 9) / 4 / 400)


def test_nothing_to_judge_gives_nan():
    nothing = {**CASE, 'valid': np.zeros_like(VALID)}
    for figure in (depth_metrics.abs_rel, depth_metrics.sq_rel, depth_metrics.rmse, depth_metrics.rmse_log,
                   depth_metrics.log10, depth_metrics.silog):
        assert math.isnan(figure(**nothing))
    assert math.isnan(depth_metrics.ssim(**nothing, max_depth=10.0))


# --- SSIM


def test_ssim_of_even_maps_is_their_luminance_term():
    one, two = np.full((16, 16), 2.0), np.full((16, 16), 5.0)
    case = {'valid': np.ones((16, 16), bool), 'max_depth': 10.0}
    expected = (2 * 0.2 * 0.5 + 1e-4) / (0.2 ** 2 + 0.5 ** 2 + 1e-4)
    assert depth_metrics.ssim(estimate=one, target=two, **case) == pytest.approx(expected)
    assert depth_metrics.ssim(estimate=two, target=two, **case) == pytest.approx(1.0)


def test_ssim_of_one_pixel_by_the_weights_of_its_window():
    """Everything unknown but two pixels side by side: windows of two weights, as the formula says."""
    one, two = np.full((1, 20), NAN), np.full((1, 20), NAN)
    one[0, 9:11], two[0, 9:11] = (2.0, 6.0), (4.0, 5.0)
    found = depth_metrics.ssim(estimate=one, target=two, valid=np.ones((1, 20), bool), max_depth=10.0)
    near = 1 / (1 + math.exp(-1 / (2 * 1.5 ** 2)))  # of the pixel itself; the other has the rest

    def similarity(share):
        weights = (share, 1 - share)

        def mean(a, b):
            return weights[0] * a + weights[1] * b

        a, b = mean(0.2, 0.6), mean(0.4, 0.5)
        var_a, var_b = mean(0.2 ** 2, 0.6 ** 2) - a * a, mean(0.4 ** 2, 0.5 ** 2) - b * b
        cov = mean(0.2 * 0.4, 0.6 * 0.5) - a * b
        return ((2 * a * b + 1e-4) * (2 * cov + 9e-4)) / ((a * a + b * b + 1e-4) * (var_a + var_b + 9e-4))

    assert found == pytest.approx((similarity(near) + similarity(1 - near)) / 2, rel=1e-9)


def test_ssim_is_that_of_the_training_loss():
    torch = pytest.importorskip('torch')
    from depth_models.training import mono_losses
    rng = np.random.default_rng(1)
    one, two = rng.uniform(0.5, 9, (2, 24, 32))
    use = rng.random((24, 32)) < 0.7
    maps = [torch.from_numpy(values / 10)[None, None] for values in (one, two)]
    of_loss = mono_losses.ssim(*maps, torch.from_numpy(use)[None, None])[0, 0].numpy()
    found = depth_metrics.ssim(estimate=one, target=two, valid=use, max_depth=10.0)
    assert found == pytest.approx(of_loss[use].mean(), rel=1e-6)


# --- edges


def test_edges_reach_3_px_to_both_sides():
    depth = np.full((9, 20), 2.0, np.float32)
    depth[:, 10:] = 2.6
    expected = np.zeros(20, bool)
    expected[7:13] = True  # 3 px from the last pixel before, or the first one behind
    np.testing.assert_array_equal(depth_metrics.near_edges(depth), np.tile(expected, (9, 1)))
    depth[:, 10:] = 2.4  # a ratio of 1.2
    assert not depth_metrics.near_edges(depth).any()


def test_edges_are_seen_across_the_strip_that_a_camera_leaves_unknown():
    depth = np.full((9, 20), 2.0, np.float32)
    depth[:, 10:] = 4.0
    depth[:, 9:11] = NAN
    found = depth_metrics.near_edges(depth)
    assert found[:, 8:12].all() and not found[:, :7].any() and not found[:, 13:].any()


def test_a_corner_is_near_as_far_as_a_circle_reaches():
    depth = np.full((15, 15), 2.0, np.float32)
    depth[7, 7] = 5.0
    rows, columns = np.indices(depth.shape) - 7
    np.testing.assert_array_equal(depth_metrics.near_edges(depth), rows ** 2 + columns ** 2 <= 9)


def test_sparse_depth_and_what_nobody_knows_have_no_edges():
    depth = np.random.default_rng(1).uniform(1, 20, (12, 20)).astype(np.float32)
    assert depth_metrics.near_edges(depth).all()
    sparse = depth.copy()
    sparse[:, ::2] = sparse[0] = NAN
    assert not depth_metrics.near_edges(sparse).any()
    depth[:, 12:] = NAN  # still over half of it is known
    found = depth_metrics.near_edges(depth)
    assert found[:, :12].all() and not found[:, 15:].any()


# --- rules


def test_garg_and_eigen_crops_of_a_kitti_image_are_those_of_the_literature():
    depth = np.full((375, 1242), 5.0, np.float32)
    for crop, (top, bottom, left, right) in {
            'garg': (153, 371, 44, 1197), 'eigen_kitti': (124, 342, 44, 1197)}.items():
        inside = np.zeros(depth.shape, bool)
        inside[top:bottom, left:right] = True
        np.testing.assert_array_equal(judged(depth, Rules(crop)), inside)


def test_the_eigen_crop_of_nyu_is_rows_45_to_471_and_columns_41_to_601():
    inside = np.zeros((480, 640), bool)
    inside[45:471, 41:601] = True
    np.testing.assert_array_equal(judged(np.ones((480, 640), np.float32), Rules('eigen_nyu')), inside)
    half = judged(np.ones((240, 320), np.float32), Rules('eigen_nyu'))
    assert half.sum() == (235 - 22) * (300 - 20)


def test_truth_counts_strictly_between_the_caps():
    depth = np.array([[0.5, 0.6, 9.9, 10.0, 11.0, NAN, 0.0]], np.float32)
    rules = Rules(min_depth=0.5, max_depth=10.0)
    np.testing.assert_array_equal(judged(depth, rules), [[False, True, True, False, False, False, False]])


def test_estimates_are_scaled_by_the_medians_of_what_is_judged_then_clipped():
    target = np.array([[2.0, 4.0, 6.0, NAN, 50.0]], np.float32)
    estimate = np.array([[0.5, 1.0, 4.0, 100.0, 0.0]], np.float32)
    # judged 2 4 6 with 0.5 1 4: factor 4
    np.testing.assert_allclose(prepared(estimate, target, Rules()), [[2.0, 4.0, 10.0, 10.0, 1e-3]])
    np.testing.assert_allclose(prepared(estimate, target, Rules(median_scaling=False)),
                               [[0.5, 1.0, 4.0, 10.0, 1e-3]])
    with pytest.raises(ValueError, match='median scaling needs depth over 0, its median is 0'):
        prepared(np.zeros_like(target), target, Rules())


def test_all_figures_of_a_frame_follow_the_rules():
    rng = np.random.default_rng(1)
    target = np.full((20, 30), 4.0, np.float32)
    target[:, 15:] = 8.0
    target[0] = NAN
    target[1] = 30.0  # beyond the cap
    estimate = (target * rng.uniform(0.8, 1.2, target.shape)).astype(np.float32)
    found = judge(estimate, target, Rules(median_scaling=False))
    assert set(found) == set(UNITS)
    error, truth = np.abs(np.minimum(estimate, 10) - target)[2:], target[2:]
    assert found['abs_rel'] == pytest.approx(np.mean(error / truth))
    near = np.zeros(error.shape, bool)
    near[:, 12:18] = True
    near[:3] = True  # of what lies beyond the cap, which is an edge too
    assert found['rmse_edges'] == pytest.approx(np.sqrt(np.mean(error[near] ** 2)), rel=1e-5)
    assert found['mse'] == pytest.approx(found['rmse'] ** 2 / 100, rel=1e-6)
    assert found['density'] == 1.0
    estimate[5, 5] = NAN
    assert judge(estimate, target, Rules(median_scaling=False))['density'] == pytest.approx(1 - 1 / (18 * 30))


def test_with_median_scaling_no_scale_of_the_estimate_matters():
    rng = np.random.default_rng(2)
    target = rng.uniform(1, 9, (12, 16)).astype(np.float32)
    estimate = rng.uniform(1, 9, (12, 16)).astype(np.float32)
    one, other = (judge(factor * estimate, target, Rules()) for factor in (1, 64))
    assert one == pytest.approx(other, nan_ok=True)
    assert judge(64 * estimate, target, Rules(median_scaling=False))['abs_rel'] > one['abs_rel']


def test_a_perfect_estimate_has_no_error():
    target = np.random.default_rng(3).uniform(1, 9, (12, 16)).astype(np.float32)
    found = judge(target, target, Rules())
    zeros = {name for name in UNITS if found[name] == pytest.approx(0, abs=1e-5)}
    ones = {name for name in UNITS if found[name] == pytest.approx(1)}
    assert ones == {'d1', 'd2', 'd3', 'ssim', 'density'} and zeros == set(UNITS) - ones


@pytest.mark.parametrize(('wrong', 'message'), [
    ({'crop': 'eigen'}, f"crop must be one of {', '.join(CROPS)}, got 'eigen'"),
    ({'min_depth': 0.0}, 'min_depth must be over 0 m and under max_depth, got 0 and 10 m'),
    ({'min_depth': 20.0}, 'got 20 and 10 m'), ({'max_depth': float('inf')}, 'got 0.001 and inf m')])
def test_rules_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Rules(**wrong)


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r'the estimate is \[2, 3\], but the target is \[2, 4\]'):
        judge(np.ones((2, 3), np.float32), np.ones((2, 4), np.float32), Rules())
