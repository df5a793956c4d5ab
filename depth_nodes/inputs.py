"""
A node's input topics: subscribed while somebody listens, synchronized, counted.

A set that is complete goes to `deliver`, which must return at once and never raise: message_filters
calls it while it holds its lock. What arrived and what did not is kept for the no-data message.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    QoSPresetProfiles,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time as RosTime
from sensor_msgs.msg import CompressedImage, Image

from depth_nodes.parameters import Checked, param
from depth_nodes.standins.message_filters import (
    ApproximateTimeSynchronizer,
    Subscriber,
    TimeSynchronizer,
)

DEFAULT_TOLERANCE = 0.02  # s, until the frame period is known


@dataclass(frozen=True)
class InputParams(Checked):
    """The parameters of every node that synchronizes inputs; names of image_pipeline."""

    queue_size: int = param(
        5, 'Messages kept of each topic while a set is incomplete.', low=1, high=1000)
    approximate_sync: bool = param(
        False, 'Match messages whose stamps differ a little; false: only equal stamps.')
    approximate_sync_tolerance_seconds: float = param(
        0.0, 'Largest difference of stamps in a set [s], with approximate_sync; '
        '0.0: half of the frame period, measured.', low=0.0, high=10.0)
    image_transport: str = param(
        'raw', 'How images come: raw, or compressed (JPEG or PNG on the topic .../compressed).',
        choices=('raw', 'compressed'))
    use_system_default_qos: bool = param(
        False, 'Subscribe with the system default QoS; false: sensor data (best effort).')
    no_data_timeout: float = param(
        5.0, 'Say what is missing after so long without a complete set [s].', low=0.1, high=3600.0)
    max_image_age_ms: float = param(
        0.0, 'Drop a set that is older than this when it arrives, by its stamp and the '
        "node's clock [ms]; 0.0: never.", low=0.0, high=3600000.0, live=True)


class StaleSet(ValueError):
    """A set that is older than the user wants any to be."""


class TopicCount:
    """What one topic brought since it was subscribed."""

    def __init__(self) -> None:
        self.messages = 0
        self.stamps_ns: deque[int] = deque(maxlen=16)  # of the newest messages
        self._arrivals: deque[float] = deque(maxlen=30)  # monotonic s

    def add(self, stamp_ns: int) -> bool:
        """Count a message; True when its stamp lies before the one of the message before it."""
        back = bool(self.stamps_ns) and stamp_ns < self.stamps_ns[-1]
        if back:
            self.stamps_ns.clear()
        self.messages += 1
        self._arrivals.append(time.monotonic())
        self.stamps_ns.append(stamp_ns)
        return back

    def rate(self) -> float:
        """Messages a second, of the last ones [Hz]; falls to 0 when they stop coming."""
        if len(self._arrivals) < 2:
            return 0.0
        return (len(self._arrivals) - 1) / max(time.monotonic() - self._arrivals[0], 1e-9)

    def came_within(self, seconds: float) -> bool:
        return bool(self._arrivals) and time.monotonic() - self._arrivals[-1] <= seconds

    def period(self) -> float | None:
        """Between stamps [s]; None until three of them can outvote a gap."""
        steps = [later - earlier for earlier, later in pairwise(self.stamps_ns) if later > earlier]
        return median(steps) * 1e-9 if len(steps) >= 3 else None


class SynchronizedInputs:
    """Subscriptions to several topics, matched by stamp. Open and close as often as needed."""

    def __init__(self, node: Node, topics: Mapping[str, type], params: InputParams,
                 deliver: Callable[..., None], *,
                 beside: Mapping[str, tuple[type, Callable[[Any], None]]] | None = None) -> None:
        """topics: relative name -> message type, in the order in which `deliver` wants them.

        deliver: called with the messages of a set and, last, its arrival [monotonic s].
        beside: topics that no set waits for, with what is called for each of their messages.
        """
        self._node, self._topics, self._params = node, topics, params
        self._deliver, self._beside = deliver, beside or {}
        self._subscriptions: list[Any] = []  # of what lies beside
        self._subscribers: list[Subscriber] = []
        self._synchronizer: TimeSynchronizer | None = None
        self.counts: dict[str, TopicCount] = {}
        self.sets = 0  # complete ones
        self._arrivals: deque[float] = deque(maxlen=16)  # of sets, monotonic s
        self.incompatible: dict[str, str] = {}  # topic -> a sentence about a publisher's QoS
        self.since = 0.0  # monotonic s: the newest set, or the opening

    @property
    def is_open(self) -> bool:
        return bool(self._subscribers)

    def keep_open(self, wanted: bool) -> None:
        """Subscribe, or unsubscribe; does nothing when that is so already."""
        if wanted and not self.is_open:
            self.open()
            self._node.get_logger().info(f'somebody listens: subscribed to {", ".join(self.counts)}')
        elif self.is_open and not wanted:
            self.close()
            self._node.get_logger().info('nobody listens: unsubscribed')

    def open(self) -> None:
        """Subscribe to everything."""
        self.incompatible = {}
        self.since = time.monotonic()
        self._arrivals.clear()
        resolved = [self._resolve(*topic) for topic in self._topics.items()]
        self.counts = {name: TopicCount() for name, _ in resolved}
        self._subscribers = [
            Subscriber(self._node, kind, name, qos_profile=self._qos(), **self._options(name))
            for name, kind in resolved]
        self._subscriptions = [
            self._node.create_subscription(
                kind, name, callback, self._qos(),
                **self._options(self._node.resolve_topic_name(name)))
            for name, (kind, callback) in self._beside.items()]
        # counted before they are synchronized, so that a jump in time is seen first
        for (name, _), subscriber in zip(resolved, self._subscribers, strict=True):
            subscriber.registerCallback(self._count, name)
        if self._params.approximate_sync:
            tolerance = self._params.approximate_sync_tolerance_seconds or DEFAULT_TOLERANCE
            self._synchronizer = ApproximateTimeSynchronizer(
                self._subscribers, self._params.queue_size, tolerance)
        else:
            self._synchronizer = TimeSynchronizer(self._subscribers, self._params.queue_size)
        self._synchronizer.registerCallback(self._complete)

    def close(self) -> None:
        """Unsubscribe; closing twice does nothing."""
        for subscriber in self._subscribers:  # message_filters has no unsubscribe
            self._node.destroy_subscription(subscriber.sub)
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscribers, self._subscriptions, self._synchronizer = [], [], None

    def period(self) -> float | None:
        """Between the sets as they come in [s], the mean of the last ones; None until it is known."""
        arrivals = list(self._arrivals)  # at once: the worker asks while sets come
        if len(arrivals) < 4:
            return None
        return (arrivals[-1] - arrivals[0]) / (len(arrivals) - 1)

    def refuse_old(self, stamp: Time, max_age_ms: float) -> None:
        """StaleSet when the stamp is older than that by the node's clock; 0.0 allows any age."""
        if not max_age_ms:
            return
        age = (self._node.get_clock().now() - RosTime.from_msg(stamp)).nanoseconds * 1e-6
        if age > max_age_ms:
            raise StaleSet(f'the set is {age:.0f} ms old, max_image_age_ms is {max_age_ms:.0f}')

    def missing(self) -> str | None:
        """Why there is no set since `no_data_timeout`, in sentences; None while sets come."""
        waited = time.monotonic() - self.since
        if not self.is_open or waited < self._params.no_data_timeout:
            return None
        lines = [f'no synchronized set for {waited:.0f} s.']
        for name, count in self.counts.items():
            publishers = self._node.count_publishers(name)
            lines.append(f'  {name}: {count.messages} messages, {count.rate():.1f} Hz, '
                         f'{publishers} publisher{"" if publishers == 1 else "s"}')
        return '\n'.join([*lines, self._advice()])

    def _advice(self) -> str:
        silent = [name for name, count in self.counts.items()
                  if not count.came_within(self._params.no_data_timeout)]
        unpublished = [name for name in silent if not self._node.count_publishers(name)]
        if unpublished:
            return (f'Nobody publishes {", ".join(unpublished)}: remap it to the name that your '
                    f'camera uses (see `ros2 topic list`).')
        if silent:
            images = [n for n in silent if not n.endswith('camera_info')]
            if images and len(silent) == len(images) < len(self.counts):
                return (f'camera_info comes, but {", ".join(images)} does not: Fast DDS loses large '
                        'best-effort messages through its small shared-memory segment. Start '
                        'publisher and node with FASTDDS_DEFAULT_PROFILES_FILE=<share/depth_nodes/'
                        'config/fastdds.xml>, or set qos_overrides.<topic>.subscription.reliability '
                        'to reliable.')
            return (f'{", ".join(silent)} has a publisher but nothing arrives: compare its QoS '
                    f'(`ros2 topic info -v`) with {self._qos_words()}, which this node asks for.')
        gap = self._stamp_gap()
        advice = f'Every topic comes, but stamps differ by {gap * 1e3:.1f} ms'
        if not self._params.approximate_sync:
            return (f'{advice}: set approximate_sync to true and '
                    f'approximate_sync_tolerance_seconds to {max(1.5 * gap, 0.001):.3f} or more.')
        return (f'{advice}: raise approximate_sync_tolerance_seconds above that, or queue_size '
                f'(now {self._params.queue_size}) when one topic comes late.')

    def _stamp_gap(self) -> float:
        """How far the stamps of what belongs together lie apart [s]."""
        recent = [count.stamps_ns for count in self.counts.values() if count.stamps_ns]
        # the newest that every topic has reached: some may have brought the next set already
        reached = min((stamps[-1] for stamps in recent), default=0)
        nearest = [min(stamps, key=lambda stamp: abs(stamp - reached)) for stamps in recent]
        return (max(nearest) - min(nearest)) * 1e-9 if nearest else 0.0

    def _resolve(self, name: str, kind: type) -> tuple[str, type]:
        # image_transport's convention; resolved first, so that a remap of the image holds for it
        resolved = self._node.resolve_topic_name(name)
        if kind is Image and self._params.image_transport == 'compressed':
            return f'{resolved}/compressed', CompressedImage
        return resolved, kind

    def _qos(self) -> QoSProfile:
        if self._params.use_system_default_qos:
            return QoSPresetProfiles.SYSTEM_DEFAULT.value
        return QoSProfile(depth=self._params.queue_size,
                          reliability=QoSReliabilityPolicy.BEST_EFFORT)

    def _options(self, name: str) -> dict[str, Any]:
        """What every subscription has: told of an incompatible publisher, its QoS can be overridden."""
        return {'event_callbacks': SubscriptionEventCallbacks(
                    incompatible_qos=partial(self._incompatible, name)),
                'qos_overriding_options': QoSOverridingOptions.with_default_policies()}

    def _qos_words(self) -> str:
        if self._params.use_system_default_qos:
            return 'the system default QoS'
        return f'sensor data QoS (best effort, volatile, keep last {self._params.queue_size})'

    def _incompatible(self, name: str, info: Any) -> None:
        policy = qos_policy_name_from_kind(info.last_policy_kind)
        self.incompatible[name] = (
            f'{name}: a publisher offers an incompatible QoS (policy {policy}); nothing of it will '
            f'arrive. This node asks for {self._qos_words()}; change the publisher, or '
            f'qos_overrides.{name}.subscription.')
        self._node.get_logger().error(self.incompatible[name])

    def _count(self, message: Any, name: str) -> None:
        stamp = message.header.stamp
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        if self.counts[name].add(stamp_ns):
            self._forget_later_than(stamp_ns, name)
        self._adapt_tolerance(name)

    def _forget_later_than(self, stamp_ns: int, name: str) -> None:
        """Time jumped back: what waits with later stamps would never be matched, only be in the way.

        A full queue of the synchronizer throws its oldest stamp away, which is now every new one.
        """
        self._node.get_logger().warning(
            f'time jumped back on {name}: what waited for synchronization is dropped',
            throttle_duration_sec=5.0)
        synchronizer = self._synchronizer
        if synchronizer is None:
            return
        with synchronizer.lock:
            for queue in synchronizer.queues:
                for later in [stamp for stamp in queue if stamp > stamp_ns]:
                    del queue[later]

    def _adapt_tolerance(self, name: str) -> None:
        params = self._params
        if not params.approximate_sync or params.approximate_sync_tolerance_seconds:
            return
        periods = [p for count in self.counts.values() if (p := count.period())]
        if periods and self._synchronizer is not None:
            self._synchronizer.slop = Duration(seconds=min(periods) / 2)

    def _complete(self, *messages: Any) -> None:
        self.since = time.monotonic()
        self._arrivals.append(self.since)
        self.sets += 1
        self._deliver(*messages, self.since)
