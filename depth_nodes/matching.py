"""Messages of several filters made sets by their stamps; some of them a set can do without."""

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.duration import Duration

from depth_nodes.standins.message_filters import (
    ApproximateTimeSynchronizer,
    SimpleFilter,
    TimeSynchronizer,
)


class Either(SimpleFilter):
    """What any of several filters gives."""

    def __init__(self, filters: Sequence[SimpleFilter]) -> None:
        super().__init__()
        for each in filters:
            each.registerCallback(self.signalMessage)


class Matching:
    """Gives sets of messages, one from each filter, to `deliver`: which must return at once, never raise."""

    def __init__(self, filters: Sequence[SimpleFilter], optional: Sequence[bool], *, queue_size: int,
                 tolerance: float | None, waits: Callable[[], bool], deliver: Callable[..., None]) -> None:
        """optional: of each filter, whether a set is delivered without it, None in its place, whenever
        `waits` says False. tolerance: between the stamps of a set [s]; None: they must be equal.
        """
        self._optional, self._waits, self._deliver = optional, waits, deliver
        self._not_waited: tuple[int, ...] = ()  # stamps of the last set that was not waited for [ns]
        needed = [each for each, without in zip(filters, optional, strict=True) if not without]
        self._synchronizers = []
        for some, complete in ((filters, self._complete), (needed, self._complete_without)):
            synchronizer = (TimeSynchronizer(some, queue_size) if tolerance is None
                            else ApproximateTimeSynchronizer(some, queue_size, tolerance))
            synchronizer.registerCallback(complete)
            self._synchronizers.append(synchronizer)
            if not any(optional):
                return

    def tolerate(self, seconds: float) -> None:
        """Another tolerance from now on."""
        for synchronizer in self._synchronizers:
            synchronizer.slop = Duration(seconds=seconds)

    def forget_later_than(self, stamp_ns: int) -> None:
        """Drop what waits with a later stamp, because time has jumped back."""
        self._not_waited = ()
        for synchronizer in self._synchronizers:
            with synchronizer.lock:
                for queue in synchronizer.queues:
                    for later in [stamp for stamp in queue if stamp > stamp_ns]:
                        del queue[later]

    def _complete(self, *messages: Any) -> None:
        needed = [message for message, without in zip(messages, self._optional) if not without]
        if not self._not_waited or _stamps(needed) != self._not_waited:  # else it has been delivered
            self._deliver(*messages)

    def _complete_without(self, *needed: Any) -> None:
        if not self._waits():
            self._not_waited = _stamps(needed)
            messages = iter(needed)
            self._deliver(*(None if without else next(messages) for without in self._optional))


def _stamps(messages: Sequence[Any]) -> tuple[int, ...]:
    return tuple(map(nanoseconds, messages))


def nanoseconds(message: Any) -> int:
    """The stamp of a message with a header [ns]."""
    stamp = message.header.stamp
    return int(stamp.sec * 1_000_000_000 + stamp.nanosec)
