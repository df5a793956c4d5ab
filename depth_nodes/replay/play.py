"""Play a bag's messages onto their topics at the pace of their recording."""

import time
from collections.abc import Callable, Iterable

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from depth_nodes.replay.bags import Recorded, message_type


class Player:
    """A publisher for every topic; what is published is the bag's own bytes."""

    def __init__(self, node: Node, topics: Iterable[tuple[str, str]], qos: QoSProfile) -> None:
        """topics: (name, type name) of what will be played."""
        self._node = node
        self._publishers: dict[str, Publisher] = {
            topic: node.create_publisher(message_type(type_name), topic, qos)
            for topic, type_name in topics}

    def close(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)

    def heard(self) -> bool:
        """Somebody listens to every topic."""
        return all(p.get_subscription_count() > 0 for p in self._publishers.values())

    def play(self, messages: Iterable[Recorded], *, speed: float = 1.0,
             on_sent: Callable[[Recorded], None] = lambda _: None) -> None:
        """Publish at the recorded times divided by `speed`; blocks. Late messages go out at once."""
        began, first = time.monotonic(), None
        for message in messages:
            first = message.time_ns if first is None else first
            due = began + (message.time_ns - first) * 1e-9 / speed
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            self._publishers[message.topic].publish(message.data)
            on_sent(message)
