"""
The network by the time that there is: the wide one where it pays, else the one of the paper's size.

Each network is anytime by itself; their curves of error over latency cross. The wide one is the better
answer from its second stage on, the other one below that, and where images have to be made smaller.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from depth_models.estimators.prepared import ROOM_TO_GROW
from depth_models.estimators.stereo import StereoMatcher, load_network
from depth_models.frames import Image, StereoEstimate, StereoFrame

AUTO = 'auto'
QUICK, THOROUGH = 'anynet', 'anynet_wide'
SHORTEST, LONGEST = 1.5, 24.0  # s: pauses, each twice the one before
LONG_ENOUGH = 3.0  # s, that the wide network went well
PAYS_FROM = 2  # the stage of THOROUGH from which on it beats all of QUICK: docs/accuracy.md


class StereoByBudget:
    """Two matchers that take turns; to its caller it is one. Costs what both cost in memory.

    >>> matcher = StereoByBudget()
    >>> estimate = matcher.compute(left, right, deadline=time.monotonic() + 0.05)
    >>> estimate.network, estimate.stage
    """

    def __init__(self, **options: Any) -> None:
        """options: as of `StereoMatcher`."""
        self._thorough = StereoMatcher(load_network(THOROUGH), **options)
        # what load does to the one that runs tells what the other one would take
        self._quick = StereoMatcher(load_network(QUICK), **{
            **options, 'costs': self._thorough.costs, 'max_disparity': self._thorough.max_disparity})
        self._clock = self._thorough.clock
        self._last = self._quick  # of what had a deadline
        self._since = float('-inf')  # when it began [s on the clock]
        self._pause = 0.0  # s: how long the wide network is left alone once it was too slow

    @property
    def min_disparity(self) -> int:
        """The start of the range that is searched [px]."""
        return self._quick.min_disparity

    @property
    def max_disparity(self) -> int:
        """The end of the range that is searched [px]."""
        return self._quick.max_disparity

    def describe(self) -> dict[str, str]:
        """What runs, for people: as of `StereoMatcher`."""
        return {**self._quick.describe(), 'model': f'{THOROUGH} or {QUICK}'}

    def warm_up(self, scales: Sequence[float] = (1.0,)) -> None:
        """Get ready for the size that was used last on this computer, or for a usual one."""
        self._quick.warm_up(scales)
        self._thorough.warm_up()

    def make_ready(self, size: tuple[int, int], scales: Sequence[float] = (1.0,)) -> bool:
        """As of `StereoMatcher`."""
        ready = [self._quick.make_ready(size, scales), self._thorough.make_ready(size)]
        return all(ready)

    def scale_for(self, size: tuple[int, int], seconds: float) -> float:
        """The largest scale at which stage 1 of the quick network takes no longer."""
        return self._quick.scale_for(size, seconds)

    def least_cost(self, size: tuple[int, int], scale: float = 1.0) -> float:
        """What stage 1 of the quick network and the end will hardly exceed now [s]."""
        return self._quick.least_cost(size, scale)

    def compute(self, left: Image, right: Image, *, stage: int = 0, deadline: float | None = None,
                scale: float = 1.0, on_stage: Callable[[StereoEstimate], None] | None = None
                ) -> StereoEstimate:
        """As of `StereoMatcher`, by the network that suits the deadline; without one, by the wide one."""
        StereoFrame(left, right)  # says what does not fit
        matcher = self._thorough
        if not stage and deadline is not None and deadline < math.inf:
            size = left.shape[0], left.shape[1]
            pays = scale == 1.0 and self._pays(size, deadline, tells=on_stage is not None)
            matcher = self._turn(pays)
        return matcher.compute(left, right, stage=stage, deadline=deadline, scale=scale, on_stage=on_stage)

    def _pays(self, size: tuple[int, int], deadline: float, *, tells: bool) -> bool:
        self._thorough.make_ready(size)
        now, needed = self._clock(), self._thorough.cost(size, stage=PAYS_FROM, tells=tells)
        if self._last is self._thorough:
            return now + needed <= deadline
        # or it would swing between the two
        return now >= self._since + self._pause and now + ROOM_TO_GROW * needed <= deadline

    def _turn(self, thorough: bool) -> StereoMatcher:
        """To the one or the other. A wide network that soon was too slow again is tried less often:

        what it takes is known, but not what answers so late do to the time that later pairs get.
        """
        matcher, now = self._thorough if thorough else self._quick, self._clock()
        if matcher is not self._last:
            if not thorough:
                lasted = now - self._since
                self._pause = min(max(2 * self._pause, SHORTEST), LONGEST) if lasted < LONG_ENOUGH else 0.0
            self._last, self._since = matcher, now
        return matcher


def load_matcher(weights: str, **options: Any) -> StereoMatcher | StereoByBudget:
    """The matcher of a shipped name, of a .safetensors file, or of 'auto'; options: `StereoMatcher`.

    Raises FileNotFoundError or ValueError, in one sentence.
    """
    if weights == AUTO:
        return StereoByBudget(**options)
    return StereoMatcher.from_pretrained(weights, **options)
