"""
ROS 2 bags without rosbag2: read and written by the `rosbags` library, mcap or sqlite3.

Messages stay CDR bytes wherever they are only passed on.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore


class Recorded(NamedTuple):
    """One message of a bag."""

    topic: str
    time_ns: int  # when it was recorded
    type_name: str  # 'sensor_msgs/msg/Image'
    data: bytes  # CDR

    def message(self) -> Any:
        """The message itself."""
        return deserialize_message(self.data, message_type(self.type_name))


def message_type(type_name: str) -> type:
    """The class of 'sensor_msgs/msg/Image'."""
    package, _, name = type_name.split('/')
    return getattr(import_module(f'{package}.msg'), name)


def write(path: Path, messages: Iterable[tuple[str, int, Any]]) -> None:
    """Write (topic, time in ns, message) to a new mcap bag, a folder; FileExistsError if it is there."""
    if path.exists():
        raise FileExistsError(f'{path} is there already')
    store = get_typestore(Stores.ROS2_HUMBLE)  # only for the definitions, the same since then
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for topic, time_ns, message in messages:
            if topic not in connections:
                package, name = type(message).__module__.split('.')[0], type(message).__name__
                connections[topic] = writer.add_connection(
                    topic, f'{package}/msg/{name}', typestore=store)
            writer.write(connections[topic], time_ns, serialize_message(message))


def read(path: Path) -> Iterator[Recorded]:
    """The messages of a bag, in the order of their recording."""
    with Reader(path) as reader:
        for connection, time_ns, data in reader.messages():
            yield Recorded(connection.topic, time_ns, connection.msgtype, bytes(data))
