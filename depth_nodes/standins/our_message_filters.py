"""A stand-in for the Python part of message_filters, for where that cannot be used."""

import itertools
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger


class SimpleFilter:
    """Something that gives messages to whoever registered."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., None], tuple]] = {}

    def registerCallback(self, cb: Callable[..., None], *args: Any) -> int:
        """Call `cb(*messages, *args)` for every output, in the order of registering."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:
        """Give messages to all callbacks, one after the other."""
        for cb, args in self.callbacks.values():
            cb(*msg, *args)


class Subscriber(SimpleFilter):
    """Subscriber(node, message type, topic, **options of Node.create_subscription).

    Attributes that are not its own are those of the subscription, `sub`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node, self.topic = args[0], args[2]
        kwargs.setdefault('qos_profile', 10)
        self.sub = self.node.create_subscription(*args[1:], self.callback, **kwargs)

    def callback(self, msg: Any) -> None:
        self.signalMessage(msg)

    def getTopic(self) -> str:
        return self.topic

    def __getattr__(self, key: str) -> Any:
        if key == 'sub':  # not there yet: asking it for itself would never end
            raise AttributeError(key)
        return getattr(self.sub, key)


class TimeSynchronizer(SimpleFilter):
    """Gives sets of messages, one from each of the filters `fs`, whose stamps are equal.

    `queue_size` messages of each filter wait for the rest of their set; the oldest stamp goes
    first. Callbacks run under `lock`.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = Lock()
        self.queues: list[dict[int, Any]] = []  # one a filter: stamp [ns] -> message
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        self.queues = [{} for _ in fs]
        self.input_connections = [f.registerCallback(self.add, queue, index)
                                  for index, (f, queue) in enumerate(zip(fs, self.queues))]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        with self.lock:
            self._keep(_nanoseconds(msg.header.stamp), msg, my_queue)
            for stamp in sorted(set.intersection(*map(set, self.queues))):
                self._give([stamp] * len(self.queues))

    def _keep(self, stamp: int, msg: Any, queue: dict[int, Any]) -> None:
        queue[stamp] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _give(self, stamps: Sequence[int]) -> None:
        self.signalMessage(*[queue[stamp] for queue, stamp in zip(self.queues, stamps)])
        for queue, stamp in zip(self.queues, stamps):
            del queue[stamp]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Gives sets of messages whose stamps differ by less than `slop` seconds, the nearest first.

    Less, not as much: with 0.0 even equal stamps do not match, as in the real one. Messages without
    a header are dropped, or with `allow_headerless` get the time of their arrival.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int, slop: float,
                 allow_headerless: bool = False) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        if hasattr(msg, 'header') and hasattr(msg.header, 'stamp'):
            new = _nanoseconds(msg.header.stamp)
        elif self.allow_headerless:
            new = ROSClock().now().nanoseconds
        else:
            get_logger('message_filters_approx').warning(
                'a message without a stamp is dropped; allow_headerless would stamp it on arrival')
            return
        with self.lock:
            self._keep(new, msg, my_queue)
            slop = self.slop.nanoseconds
            # of every queue the stamps near the new one, nearest first; of its own only that one
            near = [[new] if index == my_queue_index else
                    sorted((s for s in queue if abs(s - new) <= slop), key=lambda s: abs(s - new))
                    for index, queue in enumerate(self.queues)]
            for stamps in itertools.product(*near):
                if max(stamps) - min(stamps) < slop and all(
                        stamp in queue for queue, stamp in zip(self.queues, stamps)):
                    self._give(stamps)
                    return


def _nanoseconds(stamp: Any) -> int:
    """Of a builtin_interfaces Time or an rclpy Time."""
    if hasattr(stamp, 'nanoseconds'):
        return stamp.nanoseconds
    return stamp.sec * 1_000_000_000 + stamp.nanosec
