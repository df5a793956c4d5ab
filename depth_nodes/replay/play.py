"""Play a bag's messages onto their topics at the pace of their recording."""

import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rosgraph_msgs.msg import Clock

from depth_nodes.replay.bags import Recorded, message_type
from depth_nodes.replay.pipeline import ahead

READ_AHEAD = 32  # messages
SPUN = 1e-3  # s: sleeps end late by less than this on a quiet machine, so the rest is waited for awake
SWITCH = 2e-4  # s: how long another thread of this process may keep the interpreter when a message is due
# whose CDR begins with a header, and so with a stamp
STAMPED = {'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/CameraInfo',
           'sensor_msgs/msg/PointCloud2', 'stereo_msgs/msg/DisparityImage'}
LATCHED = QoSProfile(depth=100, reliability=QoSReliabilityPolicy.RELIABLE,
                     durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)  # as /tf_static is published
STATIC = '/tf_static'


class Player:
    """A publisher for every topic; what is published is the bag's own bytes."""

    def __init__(self, node: Node, topics: Iterable[tuple[str, str]], qos: QoSProfile, *,
                 clock: bool = False) -> None:
        """topics: (name, type name) of what will be played. clock: /clock says the recorded time."""
        self._node = node
        self._publishers: dict[str, Publisher] = {
            topic: node.create_publisher(message_type(type_name), topic, LATCHED if topic == STATIC else qos)
            for topic, type_name in topics}
        self._clock = node.create_publisher(Clock, '/clock', 10) if clock else None
        self.lateness: list[float] = []  # s, of what was due at each time, at the moment of publishing
        self._began, self._first, self._speed = 0.0, 0, 1.0

    def close(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        if self._clock is not None:
            self._node.destroy_publisher(self._clock)

    def heard(self) -> bool:
        """Somebody listens to every topic."""
        return all(p.get_subscription_count() > 0 for p in self._publishers.values())

    def now_ns(self) -> int:
        """The recorded time that is being played."""
        return self._first + round((time.monotonic() - self._began) * 1e9 * self._speed)

    def play(self, messages: Callable[[], Iterator[Recorded]], *, speed: float = 1.0,
             on_sent: Callable[[Recorded], None] = lambda _: None, timed: bool = True) -> None:
        """Publish at the recorded times divided by `speed`; blocks. Late messages go out at once.

        timed: /clock follows, where it is published.

        messages: called on a thread of its own, which reads ahead; nothing is decoded on the way.
        """
        self.lateness, self._speed, last = [], speed, None
        with closing(ahead(messages, READ_AHEAD)) as coming, _quick_turns():
            first = next(coming, None)
            if first is None:
                return
            self._began, self._first = time.monotonic(), first.time_ns
            for message in chain([first], coming):
                if message.time_ns != last:
                    last = message.time_ns
                    due = self._began + (last - self._first) * 1e-9 / speed
                    wait_until(due)
                    self.lateness.append(time.monotonic() - due)
                    if timed:
                        self.tell_time(last)
                self._publishers[message.topic].publish(message.data)
                on_sent(message)

    def tell_time(self, time_ns: int) -> None:
        """On /clock, where it is published."""
        if self._clock is not None:
            clock = Clock()
            clock.clock.sec, clock.clock.nanosec = divmod(time_ns, 1_000_000_000)
            self._clock.publish(clock)


def wait_until(due: float) -> None:
    """Until `due` [monotonic s]: asleep first, then awake, as a sleep ends when the kernel likes."""
    while (left := due - time.monotonic()) > 0:
        if left > SPUN:
            time.sleep(left - SPUN)


def stamp_of(data: bytes) -> int:
    """Of a message whose type is STAMPED [ns]: it comes first, after four bytes about the encoding."""
    sec, nanosec = struct.unpack_from(_layout(data), data, 4)
    return sec * 1_000_000_000 + nanosec


def restamped(data: bytes, stamp_ns: int) -> bytes:
    """The message with another stamp."""
    return data[:4] + struct.pack(_layout(data), *divmod(stamp_ns, 1_000_000_000)) + data[12:]


def later(message: Recorded, seconds_ns: int) -> Recorded:
    """The message as if recorded, and stamped, so much later [ns]."""
    data = message.data
    if seconds_ns and message.type_name in STAMPED:
        data = restamped(data, stamp_of(data) + seconds_ns)
    return message._replace(time_ns=message.time_ns + seconds_ns, data=data)


def _layout(data: bytes) -> str:
    return '<iI' if data[1] & 1 else '>iI'


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Threads of this process take turns so fast that none makes the player late."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
