"""Metres from a few metric samples: scale, and shift of inverse depth, whatever is wrong with a third."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_models.metric_scale import (
    LEAST_FOR_BEND,
    LEAST_FOR_LEAN,
    LEAST_FOR_SCALE,
    LEAST_FOR_SHIFT,
    Fit,
    MetricScale,
)


def room(height: int = 120, width: int = 160) -> np.ndarray:
    """A floor, a wall at 8 m, two boxes at 2.5 and 4 m: float32 [H,W] m."""
    below = np.linspace(-1, 1, height)[:, None]
    depth = np.minimum(np.full((height, width), 8.0), 1.2 / np.maximum(below, 0.05))
    depth[40:90, 30:60], depth[20:100, 100:125] = 2.5, 4.0
    return depth.astype(np.float32)


def predicted(truth: np.ndarray, scale: float, shift: float, noise: float = 0.0, seed: int = 0
              ) -> np.ndarray:
    """What a network would say that is off by scale and shift, and by relative noise."""
    wrong = np.random.default_rng(seed).normal(0, noise, truth.shape)
    return (np.exp(wrong) / (scale * (1 / truth - shift))).astype(np.float32)


def sampled(truth: np.ndarray, count: int = 200, *, noise: float = 0.01, outliers: float = 0.0,
            seed: int = 0) -> np.ndarray:
    """Random pixels of it, NaN elsewhere; a share of them is any depth between 0.3 and 15 m."""
    random = np.random.default_rng(seed)
    pixels = random.choice(truth.size, count, replace=False)
    sparse = np.full(truth.shape, np.nan, np.float32)
    sparse.flat[pixels] = truth.flat[pixels] * random.normal(1, noise, count)
    wrong = pixels[:round(count * outliers)]
    sparse.flat[wrong] = random.uniform(0.3, 15, len(wrong))
    return sparse


def rmse(depth: np.ndarray, truth: np.ndarray) -> float:
    assert np.isfinite(depth).mean() > 0.99
    return float(np.sqrt(np.nanmean((depth - truth) ** 2)))


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 20), st.floats(-0.1, 0.1), st.integers(0, 1000))
def test_scale_and_shift_are_found_with_30_percent_wrong_samples(scale, shift, seed):
    truth = room()
    depth = predicted(truth, scale, shift)
    metric_scale = MetricScale('affine')
    fit = metric_scale.update(depth, sampled(truth, outliers=0.3, seed=seed))
    assert (fit.mode, fit.samples, fit.note) == ('affine', 200, '')
    assert fit.scale == pytest.approx(scale, rel=0.03)
    assert fit.shift == pytest.approx(shift, abs=0.005)
    assert np.median(np.abs(metric_scale.apply(depth) / truth - 1)) < 0.02


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('shift', [0.08, -0.04])
def test_with_200_samples_affine_halves_rmse(seed, shift):
    truth = room()
    depth = predicted(truth, 0.6, shift, noise=0.05, seed=seed)
    metric_scale = MetricScale('affine')
    metric_scale.update(depth, sampled(truth, noise=0.02, outliers=0.3, seed=seed))
    assert rmse(metric_scale.apply(depth), truth) < 0.5 * rmse(depth, truth)


def test_a_scale_alone_is_not_enough_where_there_is_a_shift():
    truth = room()
    depth, sparse = predicted(truth, 0.6, 0.08, noise=0.03), sampled(truth, outliers=0.3)
    errors = {}
    for mode in ('median', 'affine'):
        metric_scale = MetricScale(mode)
        metric_scale.update(depth, sparse)
        errors[mode] = rmse(metric_scale.apply(depth), truth)
    assert errors['affine'] < 0.5 * errors['median']


@pytest.mark.parametrize('scale', [0.01, 1.0, 300.0])
def test_the_median_is_the_scale_with_30_percent_wrong_samples(scale):
    truth = room()
    depth = predicted(truth, scale, 0.0, noise=0.05)
    metric_scale = MetricScale('median')
    fit = metric_scale.update(depth, sampled(truth, outliers=0.3))
    assert (fit.mode, fit.shift, fit.note) == ('median', 0.0, '')
    assert fit.scale == pytest.approx(scale, rel=0.06)
    np.testing.assert_allclose(metric_scale.apply(depth), depth * fit.scale, rtol=1e-5)


def leaning(truth: np.ndarray, right: float, down: float, noise: float = 0.05) -> np.ndarray:
    """What a network would say that is off by so much inverse depth [1/m] at the borders, and by noise."""
    rows, columns = (np.linspace(-1, 1, size) for size in truth.shape)
    inverse = 0.6 * (1 / truth - 0.02 - right * columns - down * rows[:, None])
    return (np.exp(np.random.default_rng(1).normal(0, noise, truth.shape)) / inverse).astype(np.float32)


@pytest.mark.parametrize('right, down', [(0.03, 0.0), (0.0, -0.04), (-0.03, -0.05)])
def test_the_lean_is_found_with_30_percent_wrong_samples(right, down):
    truth = room()
    depth = leaning(truth, right, down)
    metric_scale = MetricScale('affine')
    fit = metric_scale.update(depth, sampled(truth, outliers=0.3))
    # of the last one a part is taken for scale and bend: the inverse depth of a floor grows with the rows too
    assert fit.lean == pytest.approx((right, down), abs=0.03)
    assert fit.bend == pytest.approx((0, 0, 0), abs=0.03)
    assert fit.scale == pytest.approx(0.6, rel=0.1)
    assert fit.shift == pytest.approx(0.02, abs=0.02)
    level = Fit('affine', fit.scale, fit.shift).apply(depth)
    metric = metric_scale.apply(depth)
    assert metric.dtype == np.float32
    error, without = (float(np.nanmedian(np.abs(found / truth - 1))) for found in (metric, level))
    assert error < 0.06 and error < 0.7 * without


@pytest.mark.parametrize('bend', [(0.06, 0.0, 0.0), (-0.05, 0.05, 0.0), (0.0, -0.04, 0.06)])
def test_the_bend_is_found_with_30_percent_wrong_samples(bend):
    truth = room()
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in truth.shape), indexing='ij')
    wrong = bend[0] * columns ** 2 + bend[1] * columns * rows + bend[2] * rows ** 2
    depth = (1 / (0.6 * (1 / truth - 0.02 - wrong))).astype(np.float32)
    metric_scale = MetricScale('affine')
    fit = metric_scale.update(depth, sampled(truth, outliers=0.3))
    assert fit.bend == pytest.approx(bend, abs=0.035)  # a part of it is taken for scale and lean
    few = MetricScale('affine')
    assert few.update(depth, sampled(truth, LEAST_FOR_BEND - 1)).bend == (0.0, 0.0, 0.0)
    error, without = (float(np.nanmedian(np.abs(one.apply(depth) / truth - 1)))
                      for one in (metric_scale, few))
    assert error < 0.05 and error < 0.8 * without


def test_few_samples_have_no_lean_and_those_of_few_rows_next_to_none():
    truth = room()
    depth = leaning(truth, 0.0, -0.05)
    few = MetricScale('affine').update(depth, sampled(truth, LEAST_FOR_LEAN - 1))
    assert (few.mode, few.lean) == ('affine', (0.0, 0.0))
    sparse = np.full_like(truth, np.nan)
    sparse[58:62, ::2] = truth[58:62, ::2]
    fit = MetricScale('affine').update(depth, sparse)
    assert abs(fit.lean[1]) < 0.01 and max(abs(part) for part in fit.bend[1:]) < 0.02


def test_a_fit_that_leans_beyond_infinity_ends_where_it_is_unknown():
    fit = Fit('affine', scale=1.0, shift=0.0, lean=(-0.3, 0.1), farthest=50.0)
    # x is -0.5 and 0.5, y too: 1 / 2 + 0.15 - 0.05, and so on
    np.testing.assert_allclose(fit.apply(np.full((2, 2), 2.0, np.float32)),
                               1 / np.array([[0.6, 0.3], [0.7, 0.4]]), rtol=1e-5)
    found = fit.apply(np.full((2, 2), 8.0, np.float32))
    np.testing.assert_array_equal(np.isnan(found), [[False, True], [False, False]])
    assert found[1, 1] == pytest.approx(1 / (1 / 8 - 0.15 + 0.05), rel=1e-4)


def test_a_bend_is_added_where_it_says():
    fit = Fit('affine', scale=2.0, shift=0.1, lean=(0.02, 0.04), bend=(0.08, 0.16, -0.04), farthest=50.0)
    # at x and y of -0.5 and 0.5: x^2 and y^2 are 0.25 each, x y is 0.25 in two corners, -0.25 in the others
    inverse = 1 / 8 + 0.1 + 0.25 * (0.08 - 0.04) + np.array([[-0.03 + 0.04, -0.01 - 0.04],
                                                            [0.01 - 0.04, 0.03 + 0.04]])
    depth = np.full((2, 2), 4.0, np.float32)
    np.testing.assert_allclose(fit.apply(depth), 1 / inverse, rtol=1e-5)
    places = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(fit.at(np.full(4, 4.0), places), 1 / inverse.ravel())


def test_the_residual_tells_how_far_off_the_fit_is():
    truth = room()
    residuals = [MetricScale('affine').update(predicted(truth, 0.6, 0.05, noise=noise),
                                              sampled(truth, noise=0.0)).residual
                 for noise in (0.0, 0.05, 0.2)]
    assert residuals[0] < 0.001
    assert 0.02 < residuals[1] < 0.06  # the median of |normal(0, 0.05)| is 0.034
    assert 0.08 < residuals[2] < 0.24


def test_what_is_no_depth_is_no_sample():
    truth = room()
    depth, sparse = predicted(truth, 0.6, 0.05), sampled(truth)
    expected = MetricScale('affine').update(depth, sparse)
    missing = np.flatnonzero(np.isnan(sparse))[:400]
    sparse.flat[missing] = np.tile(np.float32([0, -3, np.inf, -np.inf]), 100)
    assert MetricScale('affine').update(depth, sparse) == expected
    some = np.flatnonzero((sparse > 0) & np.isfinite(sparse))[:50]
    depth.flat[some] = np.tile(np.float32([0, -1, np.nan, np.inf, 0]), 10)
    assert MetricScale('affine').update(depth, sparse).samples == 200 - 50


def test_maps_that_are_given_are_not_changed():
    truth = room()
    depth, sparse = predicted(truth, 0.6, 0.05), sampled(truth)
    before = depth.copy(), sparse.copy()
    metric_scale = MetricScale('affine')
    metric_scale.update(depth, sparse)
    metric_scale.apply(depth)
    np.testing.assert_array_equal(depth, before[0])
    np.testing.assert_array_equal(sparse, before[1])


def test_with_too_few_samples_nothing_is_fitted_and_then_the_last_fit_stays():
    truth = room()
    depth, few = predicted(truth, 0.6, 0.05), sampled(truth, LEAST_FOR_SCALE - 1)
    metric_scale = MetricScale('affine')
    fit = metric_scale.update(depth, few)
    assert not metric_scale.fitted
    assert (fit.mode, fit.samples) == ('none', 7)
    assert fit.note == '7 samples, fewer than 8: nothing is fitted'
    assert metric_scale.apply(depth) is depth
    good = metric_scale.update(depth, sampled(truth))
    again = metric_scale.update(depth, few)
    assert (again.scale, again.shift, again.samples) == (good.scale, good.shift, 7)
    assert again.note == '7 samples, fewer than 8: the last fit stays'
    assert np.isnan(again.residual)
    assert metric_scale.fitted
    assert metric_scale.update(depth, np.full_like(truth, np.nan)).samples == 0


def test_with_few_samples_there_is_a_scale_only():
    truth = room()
    fit = MetricScale('affine').update(predicted(truth, 0.6, 0.0), sampled(truth, LEAST_FOR_SHIFT - 1))
    assert fit.mode == 'median'
    assert fit.scale == pytest.approx(0.6, rel=0.02)
    assert fit.note == 'scale only: 19 samples, fewer than 20'


@pytest.mark.parametrize('spread', [0.0, 0.02])
def test_samples_of_one_depth_give_a_scale_only(spread):
    truth = np.random.default_rng(0).normal(4.0, 4.0 * spread, (60, 80)).astype(np.float32)
    fit = MetricScale('affine').update(predicted(truth, 0.5, 0.0), sampled(truth, outliers=0.1))
    assert (fit.mode, fit.shift) == ('median', 0.0)
    assert fit.scale == pytest.approx(0.5, rel=0.02)
    assert fit.note == 'scale only: the samples span less than 10% of inverse depth'


def test_a_prediction_that_has_near_and_far_the_wrong_way_round_gives_a_scale_only():
    truth = room()
    upside_down = (10 - truth).astype(np.float32)
    fit = MetricScale('affine').update(upside_down, sampled(truth))
    assert fit.mode == 'median' and fit.scale > 0
    assert fit.note == 'scale only: what is said to be nearer is farther'


def test_what_a_fit_puts_beyond_infinity_or_far_beyond_the_samples_is_unknown():
    fit = Fit('affine', scale=2.0, shift=-0.1, farthest=50.0)
    depth = np.float32([[1.0, 4.0, 4.9, 5.0, 6.0, np.nan, 0.0, -1.0, np.inf]])
    # 1 / (1 / 2 - 0.1) = 2.5, 1 / (1 / 8 - 0.1) = 40, then 490, infinite, behind the camera
    np.testing.assert_allclose(fit.apply(depth), [[2.5, 40.0, *[np.nan] * 7]], rtol=1e-5)
    assert fit.apply(depth).dtype == np.float32
    truth = room()
    assert MetricScale('affine').update(predicted(truth, 1.0, -0.05), sampled(truth)).farthest == (
        pytest.approx(16, rel=0.1))
    assert MetricScale('affine').update(predicted(truth, 1.0, 0.05), sampled(truth)).farthest == np.inf


def fits(memory: float, counts: list[int], scale: float = 0.6) -> list[Fit]:
    truth = room()
    metric_scale = MetricScale('affine', memory=memory)
    return [metric_scale.update(predicted(truth, scale, 0.05, noise=0.1, seed=frame),
                                sampled(truth, count, noise=0.05, seed=frame))
            for frame, count in enumerate(counts)]


def test_fits_are_smoothed_over_time():
    jitter = {memory: np.std([fit.scale for fit in fits(memory, [40] * 40)[10:]])
              for memory in (0, 10)}
    assert jitter[10] < 0.4 * jitter[0]


def test_a_frame_counts_by_its_number_of_samples():
    truth = room()
    scales = {}
    for few, many in ((0.5, 1.0), (1.0, 0.5)):
        metric_scale = MetricScale('median', memory=10)
        metric_scale.update(predicted(truth, few, 0.0), sampled(truth, 20, noise=0.0))
        scales[many] = metric_scale.update(predicted(truth, many, 0.0), sampled(truth, 400, noise=0.0)).scale
    assert scales[1.0] == pytest.approx(0.97, abs=0.02)
    assert scales[0.5] == pytest.approx(0.52, abs=0.02)


def test_a_frame_of_one_depth_keeps_the_shift_that_others_have_told():
    truth, flat = room(), np.full((120, 160), 3.0, np.float32)
    metric_scale = MetricScale('affine')
    metric_scale.update(predicted(truth, 0.6, 0.05), sampled(truth))
    fit = metric_scale.update(predicted(flat, 0.6, 0.05), sampled(flat))
    assert (fit.mode, fit.note) == ('affine', '')
    assert fit.shift == pytest.approx(0.05, abs=0.005)


def test_a_changed_scale_is_followed_and_a_reset_forgets():
    truth = room()
    metric_scale = MetricScale('affine', memory=3)
    for scale in [0.6] * 5 + [1.5] * 20:
        fit = metric_scale.update(predicted(truth, scale, 0.0), sampled(truth))
    assert fit.scale == pytest.approx(1.5, rel=0.03)
    metric_scale.reset()
    assert not metric_scale.fitted
    fit = metric_scale.update(predicted(truth, 4.0, 0.0), sampled(truth))
    assert fit.scale == pytest.approx(4.0, rel=0.03)


def test_many_samples_are_as_good_as_some():
    truth = room(240, 320)
    fit = MetricScale('affine').update(predicted(truth, 0.6, 0.05),
                                       sampled(truth, 50_000, outliers=0.3))
    assert fit.samples == 50_000
    assert fit.scale == pytest.approx(0.6, rel=0.01)


def test_without_a_mode_nothing_happens():
    depth = room()
    metric_scale = MetricScale()
    assert metric_scale.update(depth, sampled(depth)).mode == 'none'
    assert metric_scale.apply(depth) is depth
    assert not metric_scale.fitted


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="scale must be one of none, median, affine, got 'mean'"):
        MetricScale('mean')
    with pytest.raises(ValueError, match='memory must be 0 or more frames, got -1'):
        MetricScale('affine', memory=-1)
    with pytest.raises(ValueError, match=r'sparse_depth is \[3, 4\] but depth is \[4, 3\]'):
        MetricScale('affine').update(np.ones((4, 3), np.float32), np.ones((3, 4), np.float32))
