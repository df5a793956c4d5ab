"""Costs are judged by what they were lately, and under load by what load does to stage 1."""

import pytest

from depth_models.budget import RecentCosts, StageCosts

SIZE = (480, 640)


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


def test_a_stage_not_run_lately_is_judged_by_the_slowdown_of_stage_1():
    costs = StageCosts()
    for _ in range(5):
        costs.add(1, SIZE, 0.010, now=0.0)
        costs.add(4, SIZE, 0.030, now=0.0)
    for _ in range(3):
        costs.add(1, SIZE, 0.025, now=10.0)  # somebody loads the machine: 2.5 times slower
    assert costs.predict(1, SIZE, now=10.0) == pytest.approx(0.025)
    assert costs.predict(4, SIZE, now=10.0) == pytest.approx(0.075)


def test_another_size_costs_what_its_pixels_cost():
    costs = StageCosts()
    costs.add(2, (100, 200), 0.010, now=0.0)
    assert costs.predict(2, (300, 200), now=0.0) == pytest.approx(0.030)


def test_nothing_known_costs_nothing():
    assert StageCosts().predict(1, SIZE, now=0.0) == 0.0
