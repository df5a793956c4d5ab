"""Two networks in turns: the wide one where there is time for it, and where there is no hurry."""

import itertools

import numpy as np
import pytest

from depth_models.estimators.prepared import ROOM_TO_GROW
from depth_models.estimators.stereo import StereoMatcher
from depth_models.estimators.stereo_by_budget import PAYS_FROM, StereoByBudget, load_matcher

SIZE = (64, 96)
GREY = np.full((*SIZE, 3), 127, np.uint8)
FAR = 1e9  # s


class Ticking:
    """A clock that goes on by 1 ms whenever it is read: what is done more often costs more."""

    def __init__(self) -> None:
        self.ticks = itertools.count()

    def __call__(self) -> float:
        return 1e-3 * next(self.ticks)


@pytest.fixture
def matcher():
    made = StereoByBudget(engine='torch', max_disparity=40, clock=Ticking())
    made.make_ready(SIZE, (1.0, 0.5))
    return made


def answer(matcher, *, room=None, **options):
    """room: s until the deadline."""
    deadline = None if room is None else matcher._clock() + room
    return matcher.compute(GREY, GREY, deadline=deadline, **options)


def test_without_a_deadline_the_wide_network_goes_all_the_way(matcher):
    estimate = answer(matcher)
    assert (estimate.network, estimate.stage) == ('anynet_wide', 4)
    wide = StereoMatcher.from_pretrained('anynet_wide', engine='torch', max_disparity=40)
    np.testing.assert_allclose(estimate.disparity, wide.compute(GREY, GREY).disparity, atol=1e-4)


@pytest.mark.parametrize('stage', [1, 2, 3, 4])
def test_a_stage_that_is_asked_for_is_the_wide_network_s(matcher, stage):
    estimate = answer(matcher, room=-1.0, stage=stage)
    assert (estimate.network, estimate.stage) == ('anynet_wide', stage)


def test_time_chooses_the_network(matcher):
    hurried = answer(matcher, room=-1.0)
    assert (hurried.network, hurried.stage) == ('anynet', 1)
    at_ease = answer(matcher, room=FAR)
    assert (at_ease.network, at_ease.stage) == ('anynet_wide', 4)


def test_smaller_images_are_the_quick_network_s(matcher):
    assert answer(matcher, room=FAR, scale=0.5).network == 'anynet'


@pytest.mark.parametrize('before, now', [('anynet', 'anynet'), ('anynet_wide', 'anynet_wide')])
def test_it_does_not_swing_between_the_two(matcher, before, now):
    assert answer(matcher, room=FAR if before == 'anynet_wide' else -1.0).network == before
    moment = matcher._clock()
    for one in (matcher, matcher._quick, matcher._thorough):  # time stands still
        setattr(one, '_clock' if one is matcher else 'clock', lambda: moment)
    # enough for who is at it, not enough to begin with it
    room = (1 + ROOM_TO_GROW) / 2 * matcher._thorough.cost(SIZE, stage=PAYS_FROM)
    assert room > 0
    assert matcher.compute(GREY, GREY, deadline=moment + room).network == now


def test_a_wide_network_that_is_soon_too_slow_again_is_tried_less_and_less_often(matcher):
    def tries(seconds: float) -> int:
        """How often it is tried, where every answer of it makes the next deadline short."""
        nonlocal now
        count, late, end = 0, False, now + seconds
        while now < end:
            late = matcher.compute(GREY, GREY, deadline=now + (-1.0 if late else FAR)
                                   ).network == 'anynet_wide'
            count, now = count + late, now + 0.5
        return count

    now = 100.0
    for one in (matcher, matcher._quick, matcher._thorough):
        setattr(one, '_clock' if one is matcher else 'clock', lambda: now)
    first, then = tries(30.0), tries(30.0)
    assert 3 <= first <= 7 and then <= 2
    # as soon as it goes well for a while, it is forgiven
    now += 30.0
    for _ in range(8):
        assert matcher.compute(GREY, GREY, deadline=now + FAR).network == 'anynet_wide'
        now += 0.5
    assert matcher.compute(GREY, GREY, deadline=now - 1.0).network == 'anynet'
    now += 0.5
    assert matcher.compute(GREY, GREY, deadline=now + FAR).network == 'anynet_wide'


def test_both_search_the_same_range(matcher):
    quick, wide = answer(matcher, room=-1.0), answer(matcher, room=FAR)
    assert quick.network != wide.network
    assert (quick.min_disparity, quick.max_disparity) == (wide.min_disparity, wide.max_disparity) == (0, 64)
    assert matcher.max_disparity == 64 and matcher.describe()['searched_px'] == '0..64'


def test_ready_is_who_has_both_compiled():
    matcher = StereoByBudget(engine='torch', max_disparity=40)
    assert not matcher.make_ready(SIZE)
    assert matcher.make_ready(SIZE)


def test_pairs_that_do_not_fit_are_refused(matcher):
    with pytest.raises(ValueError, match='right'):
        matcher.compute(GREY, GREY[:, :-1], deadline=0.0)


def test_weights_by_name():
    options = {'engine': 'torch', 'max_disparity': 64}
    assert isinstance(load_matcher('auto', **options), StereoByBudget)
    assert load_matcher('anynet', **options).describe()['model'] == 'anynet'
    with pytest.raises(FileNotFoundError, match='anynet, anynet_wide'):
        load_matcher('nothing', **options)
