"""
Go on to the next stage, or stop: costs measured lately, as high quantiles.

The mean would break the budget on every other frame; a high quantile breaks it on few. Costs are
remembered by part and image size and forgotten with age, because load comes and goes. What has not
run lately is judged by the least that it ever cost, times what load does at the moment to the parts
that do run: so a node under load neither tries it blindly nor gives it up for good.
"""

from collections import deque
from collections.abc import Hashable
from math import ceil

# height, width [px] of what comes out; then those of what goes in, where that has others
Size = tuple[int, ...]

MEMORY = 1.5  # s: when load has gone, quality must be back within two
QUANTILE = 0.98  # of what is remembered: at usual frame rates, the worst of it
SLOWDOWN_QUANTILE = 0.8


class RecentCosts:
    """What each part cost lately [s]. The caller passes the time in [monotonic s]."""

    def __init__(self, *, quantile: float = QUANTILE, memory: float = MEMORY, keep: int = 256) -> None:
        """quantile: of the costs not older than `memory` [s]; keep: costs remembered for a part."""
        self._quantile, self._memory, self._keep = quantile, memory, keep
        self._costs: dict[Hashable, deque[tuple[float, float]]] = {}

    def add(self, part: Hashable, seconds: float, now: float) -> None:
        self._costs.setdefault(part, deque(maxlen=self._keep)).append((now, seconds))

    def high(self, part: Hashable, now: float, quantile: float | None = None) -> float | None:
        """The high quantile of the recent costs [s], or another one; None when there are none."""
        recent = sorted(cost for when, cost in self._costs.get(part, ())
                        if now - when <= self._memory)
        return recent[ceil((quantile or self._quantile) * len(recent)) - 1] if recent else None


class StageCosts:
    """Predicts what a part of an estimate (a stage, the end of it) will cost for an image size."""

    def __init__(self) -> None:
        self._recent = RecentCosts()
        self._least: dict[tuple[Hashable, Size], float] = {}  # ever: without load

    def add(self, part: Hashable, size: Size, seconds: float, now: float) -> None:
        key = (part, size)
        self._recent.add(key, seconds, now)
        self._least[key] = min(seconds, self._least.get(key, seconds))

    def predict(self, part: Hashable, size: Size, now: float) -> float:
        """Seconds that `part` will hardly exceed; 0.0 when nothing at all is known of it."""
        lately = self._recent.high((part, size), now)
        return lately if lately is not None else self._idle_cost(part, size) * self._slowdown(now)

    def _idle_cost(self, part: Hashable, size: Size) -> float:
        if (part, size) in self._least:
            return self._least[part, size]
        a_pixel = [seconds / (known[0] * known[1])
                   for (of, known), seconds in self._least.items() if of == part]
        return max(a_pixel, default=0.0) * size[0] * size[1]

    def _slowdown(self, now: float) -> float:
        """What load does to what runs: its recent costs over the least it ever cost.

        By a lower quantile: the worst of every part, taken together, never happens in one frame, and
        who expects it never tries a further stage.
        """
        running = [(high, least) for key, least in self._least.items()
                   if (high := self._recent.high(key, now, SLOWDOWN_QUANTILE)) is not None]
        idle = sum(least for _, least in running)
        return sum(high for high, _ in running) / idle if idle else 1.0
