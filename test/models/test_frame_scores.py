"""Figures of a frame against hand-made cases and against the slower functions that define them."""

import numpy as np
import pytest

from depth_models.evaluation import depth_metrics, metrics
from depth_models.evaluation.binned import CONFIDENCES
from depth_models.evaluation.frame_scores import UNITS, Accumulator, score_depth, score_disparity

NAN = np.nan


def maps(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def noisy(seed: int = 0, size: tuple[int, int] = (190, 220)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate and truth [m], with holes, and a confidence that knows something of the error."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 40, size).astype(np.float32)
    spread = rng.uniform(0.01, 0.4, size)
    estimate = (truth * np.exp(rng.normal(0, spread))).astype(np.float32)
    truth[rng.random(size) < 0.3], estimate[rng.random(size) < 0.1] = NAN, NAN
    return estimate, truth, (1 - 2 * spread).astype(np.float32)


#                 off by  1     0     3     unknown truth, unknown estimate
ESTIMATE = maps([3.0, 4.0], [13.0, 7.0], [NAN, 5.0])
TARGET = maps([2.0, 4.0], [10.0, NAN], [8.0, 0.0])  # 0 is no depth


def test_depth_by_hand():
    found = score_depth(ESTIMATE, TARGET)
    assert found['mae'] == pytest.approx(4 / 3)
    assert found['abs_rel'] == pytest.approx((0.5 + 0 + 0.3) / 3)
    assert found['rmse'] == pytest.approx(((1 + 0 + 9) / 3) ** 0.5)
    assert found['d1'] == pytest.approx(1 / 3)  # ratios of 1.5, 1 and 1.3
    assert found['silog'] == pytest.approx(100 * np.std(np.log([1.5, 1.0, 1.3])))
    assert found['density'] == pytest.approx(3 / 4)
    assert np.isnan(found['ause'])
    assert found.keys() == UNITS['m'].keys()


def test_disparity_by_hand():
    #         off by        1     1.5   2.5   4 (40 %)  5 (4 %)   none: a disparity may be 0
    found = score_disparity(maps([11, 21.5, 32.5, 14, 130, 0, NAN]), maps([10, 20, 30, 10, 125, 0, 4]))
    assert found['epe'] == pytest.approx((1 + 1.5 + 2.5 + 4 + 5) / 6)
    assert found['bad_1'] == pytest.approx(100 * 4 / 6)
    assert found['bad_2'] == pytest.approx(100 * 3 / 6)
    assert found['bad_3'] == pytest.approx(100 * 2 / 6)
    assert found['d1_all'] == pytest.approx(100 * 1 / 6)
    assert found['density'] == pytest.approx(6 / 7)
    assert found.keys() == UNITS['px'].keys()


def test_depth_as_the_functions_that_define_the_figures():
    estimate, truth, confidence = noisy()
    found = score_depth(estimate, truth, confidence)
    case = {'estimate': estimate, 'target': truth, 'valid': np.isfinite(truth)}
    for name in ('abs_rel', 'rmse', 'mae', 'silog'):
        assert found[name] == pytest.approx(getattr(depth_metrics, name)(**case), rel=1e-5), name
    assert found['d1'] == pytest.approx(depth_metrics.delta(**case, power=1), abs=1e-4)
    assert found['density'] == pytest.approx(metrics.density(**case))
    assert found['ause'] == pytest.approx(metrics.ause(
        error=np.abs(estimate - truth), confidence=confidence, valid=case['valid']), rel=0.01)


def test_disparity_as_the_functions_that_define_the_figures():
    estimate, truth, _ = noisy(1)
    found = score_disparity(estimate, truth)
    case = {'estimate': estimate, 'target': truth, 'valid': np.ones(truth.shape, bool)}
    assert found['epe'] == pytest.approx(metrics.epe(**case), rel=1e-5)
    assert found['d1_all'] == pytest.approx(100 * metrics.d1(**case), abs=0.01)
    for limit in (1, 2, 3):
        assert found[f'bad_{limit}'] == pytest.approx(100 * metrics.bad(**case, threshold=limit), abs=0.01)


@pytest.mark.parametrize('score', [score_depth, score_disparity])
def test_nothing_to_compare_gives_nan_and_the_density_says_why(score):
    nothing, known = np.full((4, 5), NAN, np.float32), np.ones((4, 5), np.float32)
    found = score(nothing, known)
    assert found.pop('density') == 0 and np.isnan(list(found.values())).all()
    assert np.isnan(list(score(known, nothing).values())).all()


def test_maps_of_other_sizes_and_confidences_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r'the estimate is \[3, 2\], but the target is \[2, 2\]'):
        score_depth(ESTIMATE, TARGET[:2])
    with pytest.raises(ValueError, match=r'but the confidence is \[1, 2\]'):
        score_depth(ESTIMATE, TARGET, TARGET[:1])
    with pytest.raises(ValueError, match=r'confidence must lie in \[0, 1\], got 2 to 10'):
        score_depth(ESTIMATE, TARGET, np.nan_to_num(TARGET))


def test_many_frames_have_one_curve_as_if_they_were_one_large_frame():
    frames = [noisy(seed) for seed in range(4)]
    accumulator = Accumulator()
    for frame in frames:
        accumulator.add(*frame, 'm')
    estimate, truth, confidence = (np.concatenate(parts) for parts in zip(*frames))
    error, valid = np.abs(estimate - truth), np.ones(truth.shape, bool)
    found = accumulator.sparsification()
    assert found['share'] == pytest.approx(np.arange(100) / 100)
    # confidences of one bin share their mean: so they do here
    binned = np.floor(confidence * CONFIDENCES)
    assert found['error'] == pytest.approx(
        metrics.sparsification(error=error, confidence=binned, valid=valid), rel=1e-5)
    assert found['oracle'] == pytest.approx(
        metrics.sparsification(error=error, confidence=-error, valid=valid), rel=0.01)
    assert found['ause'] == pytest.approx(
        metrics.ause(error=error, confidence=confidence, valid=valid), rel=0.01)


def test_the_curve_by_hand_and_by_a_confidence_that_knows_everything_or_nothing():
    truth = np.full((1, 4), 10, np.float32)
    estimate = maps([18, 11, 14, 13])  # errors of 8 1 4 3, with confidences that put 3 before 1
    accumulator = Accumulator()
    accumulator.add(estimate, truth, maps([0.1, 0.7, 0.3, 0.9]))
    assert accumulator.sparsification(steps=4) == {
        'share': [0, 0.25, 0.5, 0.75], 'error': pytest.approx([16 / 4, 8 / 3, 4 / 2, 3 / 1]),
        'oracle': pytest.approx([16 / 4, 8 / 3, 4 / 2, 1 / 1]), 'ause': pytest.approx(2 / 4)}
    assert score_depth(estimate, truth, maps([0.0, 1.0, 0.25, 0.5]))['ause'] == pytest.approx(0, abs=1e-6)
    blind, upside_down = (score_depth(estimate, truth, maps(row))['ause']
                          for row in ([0.5] * 4, [1.0, 0.0, 0.5, 0.25]))
    assert 0.5 < blind < upside_down


def test_without_a_confidence_there_is_no_curve():
    accumulator = Accumulator()
    accumulator.add(ESTIMATE, TARGET)
    accumulator.add(ESTIMATE, TARGET, np.full_like(TARGET, NAN))
    assert accumulator.sparsification() is None


def test_error_by_distance_has_two_bins_a_doubling():
    accumulator = Accumulator()
    accumulator.add(maps([1.1, 1.3, 8.0]), maps([1.0, 1.4, 10.0]))
    accumulator.add(maps([5.5, 30.0, NAN]), maps([5.0, 20.0, 3.0]))
    rows = accumulator.distance()
    assert [(row['near'], row['far'], row['share']) for row in rows] == [
        (1, 1.5, 2 / 5), (4, 6, 1 / 5), (8, 12, 1 / 5), (16, 24, 1 / 5)]
    assert [row['mean_abs'] for row in rows] == pytest.approx([0.1, 0.5, 2, 10], rel=1e-5)
    assert [row['abs_rel'] for row in rows] == pytest.approx([(0.1 + 0.1 / 1.4) / 2, 0.1, 0.2, 0.5], rel=1e-5)


def test_a_distance_on_a_bound_and_one_beyond_all_bounds():
    truth = np.array([[1.5, np.nextafter(np.float32(1.5), np.float32(0)), 1e6, 1e-4]], np.float32)
    accumulator = Accumulator()
    accumulator.add(truth, truth)
    assert [(row['near'], row['far']) for row in accumulator.distance()] == [
        (1 / 1024, 1.5 / 1024), (1, 1.5), (1.5, 2), (3072, 4096)]


def test_a_disparity_of_nothing_has_a_finite_relative_error():
    accumulator = Accumulator()
    accumulator.add(maps([1.0]), maps([0.0]), unit='px')
    assert accumulator.distance()[0]['abs_rel'] == 1
    accumulator.add(maps([3.0]), maps([2.0]), unit='px')
    assert accumulator.distance()[1]['abs_rel'] == 0.5


def test_an_accumulator_keeps_to_one_unit():
    accumulator = Accumulator()
    accumulator.add(ESTIMATE, TARGET, None, 'px')
    assert accumulator.unit == 'px'
    with pytest.raises(ValueError, match="frames in px were added, this one is in 'm'"):
        accumulator.add(ESTIMATE, TARGET, None, 'm')
    with pytest.raises(ValueError, match="unit must be one of m, px, got 'km'"):
        Accumulator().add(ESTIMATE, TARGET, None, 'km')


def test_nothing_added_is_nothing_said():
    accumulator = Accumulator()
    assert accumulator.distance() == [] and accumulator.sparsification() is None


def test_adding_a_frame_gives_its_figures_and_a_frame_that_is_refused_leaves_no_trace():
    estimate, truth, confidence = noisy()
    accumulator = Accumulator()
    accumulator.add(estimate, truth, confidence)
    before = accumulator.distance(), accumulator.sparsification()
    wrong = confidence.copy()
    wrong[-1, np.flatnonzero(np.isfinite(estimate[-1] * truth[-1]))[-1]] = 7  # at the very end
    with pytest.raises(ValueError, match='confidence must lie'):
        accumulator.add(estimate, truth, wrong)
    assert (accumulator.distance(), accumulator.sparsification()) == before
    assert accumulator.add(estimate, truth, confidence) == score_depth(estimate, truth, confidence)
