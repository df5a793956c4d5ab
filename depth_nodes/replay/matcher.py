"""Recorded messages made sets by their stamps, in the order of stamps, whatever order they come in."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from depth_nodes.replay.stamps import SECOND

WINDOW = 15  # messages of the first role: one that comes later than so many after it is too late
HOLD = 1 * SECOND  # of recording: what a set still lacks then will not come
JUMP = 2 * SECOND  # of stamps: so far back is no late message, but time that began again


class Stamped(NamedTuple):
    """Something recorded."""

    stamp: int  # [ns]
    number: int  # in the order of recording; no two have the same
    time: int  # of recording [ns]
    item: Any


class Matcher:
    """
    Takes messages in the order of recording, gives sets in the order of the first role's stamps.

    The live node matches what has come; here it is known what comes next, so that each message goes to
    the one that it is nearest to. Counted: what was sorted, came too late, twice, or was of no set.
    """

    def __init__(self, roles: Sequence[str], optional: Collection[str], slop: int) -> None:
        """roles: the first one is what sets are built around. slop: between stamps of a set [ns]."""
        self._first, *self._others = roles
        self._optional, self._slop = optional, slop
        self._waiting: dict[str, list[Stamped]] = {role: [] for role in roles}
        self._newest: dict[str, int] = {}  # role -> stamp
        self._given: int | None = None  # stamp of the newest set, or of what would have been one
        self._number = 0
        self.disordered: Counter[str] = Counter()
        self.late: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.unmatched: Counter[str] = Counter()  # of the first role, by the role that they lack
        self.unused: Counter[str] = Counter()  # of the other roles
        self.jumps = 0

    def add(self, role: str, stamp: int, time: int, item: Any) -> Iterator[dict[str, Stamped]]:
        """Take a message; sets that are certain now: role -> what was recorded."""
        newest = self._newest.get(role)
        if newest is not None and stamp < newest - JUMP:
            self.jumps += 1
            yield from self.flush()
            newest = None
        if newest is not None and stamp < newest:
            self.disordered[role] += 1
        self._newest[role] = stamp if newest is None else max(stamp, newest)
        yield from self._until(time)
        if role == self._first and self._given is not None and stamp <= self._given:
            (self.repeated if stamp == self._given else self.late)[role] += 1
            return
        queue = self._waiting[role]
        place = bisect_left(queue, (stamp,))
        if place < len(queue) and queue[place].stamp == stamp:
            self.repeated[role] += 1
            return
        self._number += 1
        insort(queue, Stamped(stamp, self._number, time, item))
        while len(self._waiting[self._first]) > WINDOW:
            yield from self._give()

    def flush(self) -> Iterator[dict[str, Stamped]]:
        """Whatever sets are left; then time may begin again."""
        while self._waiting[self._first]:
            yield from self._give()
        for role in self._others:
            self.unused[role] += len(self._waiting[role])
            self._waiting[role].clear()
        self._newest.clear()
        self._given = None

    def _until(self, time: int) -> Iterator[dict[str, Stamped]]:
        """Let nothing wait for too long, whatever does not come."""
        first = self._waiting[self._first]
        while first and time - first[0].time > HOLD:
            yield from self._give()
        for role in self._others:
            queue = self._waiting[role]
            # twice as long: the first role may come after it, and waits itself
            while queue and time - queue[0].time > 2 * HOLD:
                del queue[0]
                self.unused[role] += 1

    def _give(self) -> Iterator[dict[str, Stamped]]:
        """The oldest of the first role with what belongs to it, if that has come."""
        first = self._waiting[self._first].pop(0)
        self._given = first.stamp
        found = {self._first: first}
        for role in self._others:
            nearest = self._nearest(role, first.stamp)
            if nearest is not None:
                found[role] = nearest
            elif role not in self._optional:
                self.unmatched[role] += 1
                break
        else:
            for role in self._others:
                if role in found:
                    self._waiting[role].remove(found[role])
            yield found
        for role in self._others:
            queue = self._waiting[role]
            old = bisect_left(queue, (first.stamp - self._slop,))
            self.unused[role] += old
            del queue[:old]

    def _nearest(self, role: str, stamp: int) -> Stamped | None:
        """What belongs to the first role's `stamp`, and not rather to its next one."""
        queue, first = self._waiting[role], self._waiting[self._first]
        near = queue[bisect_left(queue, (stamp - self._slop,)):bisect_left(queue, (stamp + self._slop + 1,))]
        if first:
            near = [each for each in near if abs(each.stamp - stamp) <= abs(each.stamp - first[0].stamp)]
        return min(near, key=lambda each: abs(each.stamp - stamp), default=None)
