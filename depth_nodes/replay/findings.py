"""What is to be said about a recording whose sets were read: gaps, disorder, what belonged to no set."""

from collections import Counter
from collections.abc import Mapping

from depth_nodes.replay.matcher import WINDOW, Matcher
from depth_nodes.replay.stamps import SECOND

GAP = 3.0  # periods without a set
MOST_REASONS = 3  # of one topic that are said


class Findings:
    """Counts while sets are read, and says it."""

    def __init__(self, topics: Mapping[str, str], matcher: Matcher, period: int | None) -> None:
        """topics: role -> topic, the first is what sets are built around. period: of sets [ns]."""
        self._topics, self._matcher, self._period = topics, matcher, period
        self.sets = 0
        self._unreadable: dict[str, Counter[str]] = {role: Counter() for role in topics}
        self._recalibrated: Counter[str] = Counter()
        self._gaps: list[tuple[int, int]] = []  # length [ns], after which set
        self._last: int | None = None

    def unreadable(self, role: str, why: str) -> None:
        self._unreadable[role][why] += 1

    def recalibrated(self, role: str) -> None:
        self._recalibrated[role] += 1

    def set_of(self, stamp: int) -> None:
        """A set was made; of this stamp [ns]."""
        if self._last is not None and self._period and stamp - self._last > GAP * self._period:
            self._gaps.append((stamp - self._last, self.sets))
        self._last = stamp
        self.sets += 1

    def said(self) -> list[str]:
        """A sentence each."""
        matcher, said = self._matcher, []
        first, *_ = self._topics
        for role, topic in self._topics.items():
            if count := matcher.disordered[role]:
                said.append(f'{_times(count, "stamp")} of {topic} out of order, and sorted.')
            if count := matcher.late[role]:
                said.append(f'{_times(count, "message")} of {topic} more than {WINDOW} messages late, and '
                            'left out.')
            if count := matcher.repeated[role]:
                said.append(f'{_times(count, "message")} of {topic} with the stamp of another one, and '
                            'left out.')
            if count := matcher.unmatched[role]:
                said.append(f'{_times(count, "message")} of {self._topics[first]} had none of {topic}.')
            if count := matcher.unused[role]:
                said.append(f'{_times(count, "message")} of {topic} belonged to none of '
                            f'{self._topics[first]}.')
            reasons = self._unreadable[role]
            for why, count in reasons.most_common(MOST_REASONS):
                said.append(f'{_times(count, "message")} of {topic} could not be read: {why}.')
            if len(reasons) > MOST_REASONS:
                rest = sum(reasons.values()) - sum(n for _, n in reasons.most_common(MOST_REASONS))
                said.append(f'{_times(rest, "message")} of {topic} could not be read for other reasons.')
        said += [f'{role} changed {_times(count, "time")} on the way.'
                 for role, count in self._recalibrated.items()]
        if matcher.jumps:
            said.append(f'Time jumped back {_times(matcher.jumps, "time")}: sets go on from there.')
        if self._gaps:
            longest, after = max(self._gaps)
            said.append(f'{_times(len(self._gaps), "gap")} of more than {GAP:g} periods '
                        f'({self._period_ms():.3g} ms) without a set, the longest {longest / SECOND:.3g} s '
                        f'after set {after}.')
        return said

    def _period_ms(self) -> float:
        return (self._period or 0) * 1e-6


def _times(count: int, what: str) -> str:
    return f'{count} {what}{"" if count == 1 else "s"}'
