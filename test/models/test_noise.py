"""What differs by more than noise: known cases, and how often noise alone is taken for a difference."""

import numpy as np
import pytest

from depth_models.evaluation import noise


def correlated(rng, count, memory):
    """A series whose next value remembers the last one."""
    values, pushes = np.zeros(count), rng.normal(size=count)
    for index in range(1, count):
        values[index] = memory * values[index - 1] + pushes[index]
    return values


def test_the_same_run_twice_does_not_differ():
    figures = np.random.default_rng(1).gamma(2.0, size=200)
    found = noise.paired(figures, figures)
    assert found[:3] == (0, 0, 0) and found.frames == 200
    assert found.judged and not found.larger_than_noise


def test_a_small_difference_on_every_frame_shows_when_paired_and_not_when_unpaired():
    rng = np.random.default_rng(2)
    first = rng.gamma(2.0, size=400)
    second = first + 0.02 + rng.normal(0, 0.02, 400)
    paired, unpaired = noise.paired(first, second), noise.unpaired(first, second)
    assert paired.larger_than_noise and paired.low < 0.02 < paired.high
    assert paired.value == pytest.approx(unpaired.value) and not unpaired.larger_than_noise


def test_the_sign_is_second_minus_first():
    first, second = np.arange(50.0), np.arange(50.0) - 3
    assert noise.paired(first, second).value == -3
    assert noise.unpaired(first, second).value == -3
    assert noise.paired(first, second, statistic=noise.quantile(0.95)).value == pytest.approx(-3)


def test_only_frames_that_both_have_are_compared():
    first, second = np.full(40, 1.0), np.full(40, 1.5)
    first[:5], second[-3:] = np.nan, np.nan
    first[6], second[4] = 1.0, 99.0  # the 99 stands where the first has none
    found = noise.paired(first, second)
    assert (found.value, found.frames) == (0.5, 32)


def test_too_few_frames_give_no_interval_and_none_at_all_no_value():
    found = noise.paired(np.zeros(19), np.ones(19))
    assert found.value == 1 and not found.judged and not found.larger_than_noise
    nothing = noise.paired(np.full(30, np.nan), np.ones(30))
    assert np.isnan(nothing.value) and nothing.frames == 0
    assert np.isnan(noise.unpaired(np.array([]), np.ones(30)).value)


def test_the_interval_of_independent_frames_is_that_of_the_normal_law():
    rng = np.random.default_rng(3)
    difference = rng.normal(0, 1, 1000)
    found = noise.paired(np.zeros(1000), difference)
    expected = 2 * 1.96 * difference.std() / np.sqrt(1000)
    assert found.block <= 6
    assert found.high - found.low == pytest.approx(expected, rel=0.15)


def test_the_interval_repeats():
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 300))
    assert noise.paired(first, second) == noise.paired(first, second)
    assert noise.unpaired(first, second) == noise.unpaired(first, second)


def test_blocks_grow_with_the_memory_of_the_series():
    rng = np.random.default_rng(5)
    lengths = [noise.block_length(correlated(rng, 2000, memory)) for memory in (0.0, 0.5, 0.9)]
    assert lengths[0] <= 4 and lengths == sorted(set(lengths)), lengths
    assert 15 < lengths[2] <= 3 * np.sqrt(2000) + 1
    assert noise.block_length(np.full(100, 0.1)) == 1


def test_noise_that_remembers_is_seldom_taken_for_a_difference(monkeypatch):
    rng = np.random.default_rng(6)
    runs = [correlated(rng, 500, 0.9) for _ in range(80)]
    wrong = sum(noise.paired(np.zeros(500), run, resamples=300).larger_than_noise for run in runs)
    assert wrong <= 0.15 * len(runs), wrong
    monkeypatch.setattr(noise, 'block_length', lambda series: 1)
    careless = sum(noise.paired(np.zeros(500), run, resamples=300).larger_than_noise for run in runs)
    assert careless > 0.4 * len(runs), careless  # which is why there are blocks


def test_figures_of_other_frames_are_refused():
    with pytest.raises(ValueError, match=r'the same frames, got \(3,\) and \(4,\)'):
        noise.paired(np.zeros(3), np.zeros(4))
