"""What a bag is made of, whatever format it has: messages, topics, and files that hold them."""

from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from rclpy.serialization import deserialize_message

Say = Callable[[str], None]  # takes a sentence about what could not be read


class Recorded(NamedTuple):
    """One message of a bag."""

    topic: str
    time_ns: int  # when it was recorded
    type_name: str  # 'sensor_msgs/msg/Image'
    data: bytes  # CDR

    def message(self) -> Any:
        """The message itself."""
        return deserialize_message(self.data, message_type(self.type_name))


class TopicInfo(NamedTuple):
    """One topic of a bag."""

    name: str
    type_name: str  # 'sensor_msgs/msg/Image'
    count: int  # type: ignore[assignment]  # messages, 0 too; hides the one of tuples


class Part(Protocol):
    """One file of a bag, open."""

    topics: dict[str, TopicInfo]
    start_ns: int  # of the first message by time; 0 without any
    end_ns: int  # of the last one

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """The messages on these topics, in the order of their recording."""

    def close(self) -> None:
        """Let go of the file."""


def message_type(type_name: str) -> type:
    """The class of 'sensor_msgs/msg/Image'."""
    package, _, name = type_name.split('/')
    return getattr(import_module(f'{package}.msg'), name)


def tally(counted: Iterator[tuple[str, str, int]]) -> dict[str, TopicInfo]:
    """Topics of (topic, type name, messages); a topic of two types is named by the more frequent one."""
    types: dict[str, dict[str, int]] = {}
    for topic, type_name, count in counted:
        of_topic = types.setdefault(topic, {})
        of_topic[type_name] = of_topic.get(type_name, 0) + count
    return {topic: TopicInfo(topic, max(of_topic, key=lambda t: of_topic[t]), sum(of_topic.values()))
            for topic, of_topic in types.items()}
