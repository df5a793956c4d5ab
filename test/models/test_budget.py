"""Costs are judged by what they were lately, and under load by what load does to what runs."""

import pytest

from depth_models.budget import RecentCosts, StageCosts

SIZE, HALF = (480, 640), (240, 320)


def test_the_high_quantile_is_taken_not_the_mean():
    costs = RecentCosts(quantile=0.95, memory=10.0)
    for index in range(20):
        costs.add('a', 0.5 if index == 3 else 0.001 * index, now=1.0)
    # of 20 sorted values the 19th: 0.5 is the 20th, then 0.019
    assert costs.high('a', now=1.0) == pytest.approx(0.019)


def test_old_costs_are_forgotten():
    costs = RecentCosts(memory=2.0)
    costs.add('a', 9.0, now=0.0)
    costs.add('a', 1.0, now=3.0)
    assert costs.high('a', now=4.0) == 1.0
    assert costs.high('a', now=5.5) is None


def test_a_stage_not_run_lately_is_judged_by_the_slowdown_of_what_runs():
    costs = StageCosts()
    for _ in range(5):
        costs.add(1, SIZE, 0.010, now=0.0)
        costs.add(4, SIZE, 0.030, now=0.0)
    for _ in range(3):
        costs.add(1, SIZE, 0.025, now=10.0)  # somebody loads the machine: 2.5 times slower
    assert costs.predict(1, SIZE, now=10.0) == pytest.approx(0.025)
    assert costs.predict(4, SIZE, now=10.0) == pytest.approx(0.075)


def test_a_long_load_does_not_become_the_measure_of_idle():
    costs = StageCosts()
    costs.add(1, SIZE, 0.010, now=0.0)
    costs.add(2, SIZE, 0.020, now=0.0)
    for index in range(1000):
        costs.add(1, SIZE, 0.050, now=1.0 + 0.1 * index)
    assert costs.predict(2, SIZE, now=101.0) == pytest.approx(0.100)
    costs.add(1, SIZE, 0.010, now=103.0)  # the load is gone, and what it cost is forgotten
    assert costs.predict(2, SIZE, now=103.0) == pytest.approx(0.020)


def test_the_full_size_is_judged_by_the_slowdown_of_the_smaller_one_that_runs():
    costs = StageCosts()
    costs.add(1, SIZE, 0.040, now=0.0)
    costs.add(1, HALF, 0.010, now=0.0)
    costs.add(1, HALF, 0.020, now=9.0)
    assert costs.predict(1, SIZE, now=9.0) == pytest.approx(0.080)


def test_another_size_costs_what_its_pixels_cost():
    costs = StageCosts()
    costs.add(2, (100, 200), 0.010, now=0.0)
    assert costs.predict(2, (300, 200), now=0.0) == pytest.approx(0.030)


def test_nothing_known_costs_nothing():
    assert StageCosts().predict(1, SIZE, now=0.0) == 0.0
