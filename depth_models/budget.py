"""
Go on to the next stage, or stop: costs measured lately, as high quantiles.

The mean would break the budget on every other frame; a high quantile breaks it on few. Costs are
remembered by (stage, size) and forgotten with age, because load comes and goes. A stage that has
not run lately is judged by what it cost before, times what stage 1, which always runs, costs now
against then: so a node under load neither tries it blindly nor gives it up for good.
"""

from collections import deque
from collections.abc import Hashable
from math import ceil


class RecentCosts:
    """What each part cost lately [s]. The caller passes the time in [monotonic s]."""

    def __init__(self, *, quantile: float = 0.95, memory: float = 2.0, keep: int = 256) -> None:
        """quantile: of the costs not older than `memory` [s]; keep: costs remembered for a part."""
        self._quantile, self._memory, self._keep = quantile, memory, keep
        self._costs: dict[Hashable, deque[tuple[float, float]]] = {}

    def add(self, part: Hashable, seconds: float, now: float) -> None:
        self._costs.setdefault(part, deque(maxlen=self._keep)).append((now, seconds))

    def high(self, part: Hashable, now: float) -> float | None:
        """The high quantile of the recent costs [s]; None when there are none."""
        recent = sorted(cost for when, cost in self._costs.get(part, ())
                        if now - when <= self._memory)
        return recent[ceil(self._quantile * len(recent)) - 1] if recent else None

    def typical(self, part: Hashable) -> float | None:
        """The median of everything remembered [s]; None when there is nothing."""
        costs = sorted(cost for _, cost in self._costs.get(part, ()))
        return costs[len(costs) // 2] if costs else None


class StageCosts:
    """Predicts what a stage will cost for an image size."""

    def __init__(self) -> None:
        self._recent = RecentCosts()

    def add(self, stage: int, size: tuple[int, int], seconds: float, now: float) -> None:
        self._recent.add((stage, size), seconds, now)
        self._recent.add((stage, None), seconds / (size[0] * size[1]), now)

    def predict(self, stage: int, size: tuple[int, int], now: float) -> float:
        """Seconds that `stage` will hardly exceed; 0.0 when nothing at all is known of it."""
        known = self._recent.high((stage, size), now)
        if known is not None:
            return known
        before, first = self._recent.typical((stage, size)), self._recent.typical((1, size))
        if before is not None and first:
            return before * (self._recent.high((1, size), now) or first) / first
        a_pixel = self._recent.typical((stage, None))  # other sizes, for instance the warm-up's
        return a_pixel * size[0] * size[1] if a_pixel is not None else 0.0
