"""
A node's input topics: subscribed while somebody listens, synchronized, counted.

A set that is complete goes to `deliver`, which must return at once and never raise: message_filters
calls it while it holds its lock. What arrived and what did not is kept for the no-data message.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from builtin_interfaces.msg import Time
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

from depth_nodes.arrivals import Group, TopicCount, rates, stamp_gap, why_silent
from depth_nodes.input_params import SetParams
from depth_nodes.matching import Either, Matching, nanoseconds
from depth_nodes.standins.message_filters import SimpleFilter, Subscriber

DEFAULT_TOLERANCE = 0.02  # s, until the frame period is known
SILENT = 1.0  # s: an optional topic that brought nothing for so long is not waited for


class StaleSet(ValueError):
    """A set that is older than the user wants any to be."""


@dataclass(frozen=True)
class Topic:
    """A place in a set of messages."""

    kind: type
    instead: Mapping[str, type] = field(default_factory=dict)  # names whose messages fill it as well
    compressible: bool = True  # image_transport may bring an Image compressed; not where values count
    # while it is silent, sets are complete without it, and without whatever else is optional
    optional: bool = False


class SynchronizedInputs:
    """Subscriptions to several topics, matched by stamp. Open and close as often as needed."""

    def __init__(self, node: Node, topics: Mapping[str, Topic], params: SetParams,
                 deliver: Callable[..., None], *,
                 beside: Mapping[str, tuple[type, Callable[[Any], None]]] | None = None) -> None:
        """topics: by relative name, in the order in which `deliver` wants their messages.

        deliver: called with the messages of a set, None for an optional one that is silent, and, last,
        its arrival [monotonic s].
        beside: topics that no set waits for, with what is called for each of their messages.
        """
        self._node, self._topics, self._params = node, topics, params
        self._deliver, self._beside = deliver, beside or {}
        self._subscriptions: list[Any] = []  # of what lies beside
        self._subscribers: list[Subscriber] = []
        self._matching: Matching | None = None
        self._needed: list[Group] = []
        self._optional: list[Group] = []
        self.counts: dict[str, TopicCount] = {}
        self.sets = 0  # complete ones
        self._arrivals: deque[float] = deque(maxlen=16)  # of sets, monotonic s
        self.incompatible: dict[str, str] = {}  # topic -> a sentence about a publisher's QoS
        self.since = 0.0  # monotonic s: the newest set, or the opening
        self._opened = 0.0  # monotonic s

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
        self.incompatible, self.counts = {}, {}
        self._needed, self._optional = [], []
        self._opened = self.since = time.monotonic()
        self._arrivals.clear()
        places = [self._place(name, topic) for name, topic in self._topics.items()]
        self._subscriptions = [
            self._node.create_subscription(
                kind, name, callback, self._qos(),
                **self._options(self._node.resolve_topic_name(name)))
            for name, (kind, callback) in self._beside.items()]
        params, tolerance = self._params, None
        if params.approximate_sync:
            tolerance = params.approximate_sync_tolerance_seconds or DEFAULT_TOLERANCE
        self._matching = Matching(
            places, [topic.optional for topic in self._topics.values()], queue_size=params.queue_size,
            tolerance=tolerance, waits=self._optional_come, deliver=self._complete)

    def _place(self, name: str, topic: Topic) -> SimpleFilter:
        """Subscribe to whatever fills a place of the set."""
        compressed = topic.compressible and self._params.image_transport == 'compressed'
        resolved = [self._resolve(of, kind, compressed)
                    for of, kind in {name: topic.kind, **topic.instead}.items()]
        names = tuple(of for of, _ in resolved)
        if topic.optional:
            self._optional.append(names)
        else:
            self._needed.append(names)
        subscribers = []
        for of, kind in resolved:
            self.counts[of] = TopicCount()
            subscriber = Subscriber(self._node, kind, of, qos_profile=self._qos(), **self._options(of))
            # counted before they are synchronized, so that a jump in time is seen first
            subscriber.registerCallback(self._count, of)
            subscribers.append(subscriber)
        self._subscribers += subscribers
        return subscribers[0] if len(subscribers) == 1 else Either(subscribers)

    def close(self) -> None:
        """Unsubscribe; closing twice does nothing."""
        for subscriber in self._subscribers:  # message_filters has no unsubscribe
            self._node.destroy_subscription(subscriber.sub)
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscribers, self._subscriptions, self._matching = [], [], None

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
        publishers = self._node.count_publishers
        why = why_silent(self.counts, self._needed, publishers, within=self._params.no_data_timeout,
                         qos=self._qos_words()) or self._how_to_match()
        return '\n'.join([f'no synchronized set for {waited:.0f} s.', *rates(self.counts, publishers), why])

    def _how_to_match(self) -> str:
        """Every topic comes: which parameter makes sets of them."""
        gap = stamp_gap(self.counts)
        advice = f'Every topic comes, but stamps differ by {gap * 1e3:.1f} ms'
        if not self._params.approximate_sync:
            return (f'{advice}: set approximate_sync to true and '
                    f'approximate_sync_tolerance_seconds to {max(1.5 * gap, 0.001):.3f} or more.')
        return (f'{advice}: raise approximate_sync_tolerance_seconds above that, or queue_size '
                f'(now {self._params.queue_size}) when one topic comes late.')

    def _resolve(self, name: str, kind: type, compressed: bool) -> tuple[str, type]:
        # image_transport's convention; resolved first, so that a remap of the image holds for it
        resolved = self._node.resolve_topic_name(name)
        if kind is Image and compressed:
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
        stamp_ns = nanoseconds(message)
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
        if self._matching is not None:
            self._matching.forget_later_than(stamp_ns)

    def _adapt_tolerance(self, name: str) -> None:
        params = self._params
        if not params.approximate_sync or params.approximate_sync_tolerance_seconds:
            return
        periods = [p for count in self.counts.values() if (p := count.period())]
        if periods and self._matching is not None:
            self._matching.tolerate(min(periods) / 2)

    def _optional_come(self) -> bool:
        return all(any(map(self._comes, names)) for names in self._optional)

    def _comes(self, name: str) -> bool:
        """Whether it is waited for; what has a publisher has some time to bring the first message."""
        if time.monotonic() - self._opened <= SILENT and self._node.count_publishers(name):
            return True
        return self.counts[name].came_within(SILENT)

    def _complete(self, *messages: Any) -> None:
        self.since = time.monotonic()
        self._arrivals.append(self.since)
        self.sets += 1
        self._deliver(*messages, self.since)
