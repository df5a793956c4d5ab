"""
The network by the time that there is: the wide one where it pays, else the one of the paper's size.

Each network is anytime by itself; their curves of error over latency cross. The wide one is the better
answer from its second stage on, the other one below that, and where images have to be made smaller.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from depth_models.estimators.prepared import Size
from depth_models.estimators.stereo import StereoMatcher, load_network
from depth_models.estimators.turns import Turns
from depth_models.frames import Image, StereoEstimate, StereoFrame

AUTO = 'auto'
QUICK, THOROUGH = 'anynet', 'anynet_wide'
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
        self._turns = Turns()

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

    def make_ready(self, size: Size, scales: Sequence[float] = (1.0,)) -> bool:
        """As of `StereoMatcher`."""
        ready = [self._quick.make_ready(size, scales), self._thorough.make_ready(size)]
        return all(ready)

    def scale_for(self, size: Size, seconds: float) -> float:
        """The largest scale at which stage 1 of the quick network takes no longer."""
        return self._quick.scale_for(size, seconds)

    def least_cost(self, size: Size, scale: float = 1.0) -> float:
        """What stage 1 of the quick network and the end will hardly exceed now [s]."""
        return self._quick.least_cost(size, scale)

    def compute(self, left: Image, right: Image, *, stage: int = 0, deadline: float | None = None,
                scale: float = 1.0, on_stage: Callable[[StereoEstimate], None] | None = None
                ) -> StereoEstimate:
        """As of `StereoMatcher`, by the network that suits the deadline; without one, by the wide one."""
        StereoFrame(left, right)  # says what does not fit
        matcher = self._thorough
        if not stage and deadline is not None and deadline < math.inf:
            needed = self._needed(left.shape[:2], scale, tells=on_stage is not None)
            matcher = self._thorough if self._turns.decide(self._clock(), needed, deadline) else self._quick
        return matcher.compute(left, right, stage=stage, deadline=deadline, scale=scale, on_stage=on_stage)

    def _needed(self, size: Size, scale: float, *, tells: bool) -> float:
        """What the wide network takes to where it begins to pay [s]; smaller images are not for it."""
        if scale != 1.0:
            return math.inf
        self._thorough.make_ready(size)
        return self._thorough.cost(size, stage=PAYS_FROM, tells=tells)


def load_matcher(weights: str, **options: Any) -> StereoMatcher | StereoByBudget:
    """The matcher of a shipped name, of a .safetensors file, or of 'auto'; options: `StereoMatcher`.

    Raises FileNotFoundError or ValueError, in one sentence.
    """
    if weights == AUTO:
        return StereoByBudget(**options)
    return StereoMatcher.from_pretrained(weights, **options)
