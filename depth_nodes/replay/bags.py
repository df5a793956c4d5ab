"""
Bags without rosbag2: mcap and sqlite3 of ROS 2, ROS 1, in whatever state a robot has left them.

Messages stay CDR bytes wherever they are only passed on.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import rosbags.rosbag2
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from depth_nodes.replay.bag_file import kind_of, open_file, prepared
from depth_nodes.replay.bag_folder import bag_files, read_metadata
from depth_nodes.replay.recorded import Part, Recorded, TopicInfo, message_type, tally

__all__ = ['Bag', 'Recorded', 'TopicInfo', 'Writer', 'message_type', 'read', 'write']


class Bag:
    """A recording to read; a context manager. Not for several threads at once.

    Files that were cut off, never finished or damaged are read as far as they can be; `lost` says what
    is missing. Compressed files are decompressed to the folder for temporary files ($TMPDIR).
    """

    path: Path
    kind: str  # 'rosbag2 mcap', 'rosbag2 sqlite3', 'ROS 1'
    topics: dict[str, TopicInfo]  # those without messages too
    start_ns: int  # recording time of the first message, 0 without any
    end_ns: int  # of the last one
    lost: list[str]  # what could not be read, a sentence each; grows while messages are read

    def __init__(self, path: Path) -> None:
        """path: a rosbag2 folder, with metadata.yaml or without, or a single file.

        FileNotFoundError, or ValueError if nothing of it can be read.
        """
        self.path, self.lost = path, []
        self._stack = ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        if not self.path.exists():
            raise FileNotFoundError(f'there is no bag {self.path}')
        scratch = Path(self._stack.enter_context(TemporaryDirectory(prefix='depth_nodes_bag_')))
        metadata = read_metadata(self.path, self._say) if self.path.is_dir() else None
        files, others = (bag_files(self.path, metadata, self._say) if self.path.is_dir()
                         else ([self.path], []))
        self._parts: list[Part] = []
        kinds: dict[str, None] = {}
        complaints: list[str] = []
        for file in files + others:
            try:
                ready = prepared(file, scratch, self._say)
                part = open_file(ready, file.name, self._say)
            except ValueError as error:
                complaints.append(str(error))
                continue
            self._stack.callback(part.close)
            # a recorder that was stopped has not named its last files; a copy of a named one is none
            if file in others and any(part.start_ns <= p.end_ns and p.start_ns <= part.end_ns
                                      for p in self._parts):
                complaints.append(f'{file.name} is not in metadata.yaml and of the same time as a file that '
                                  'is; it was not read')
                continue
            self._parts.append(part)
            kinds[kind_of(ready) or ''] = None
        if not self._parts:
            raise ValueError(complaints[0])
        for complaint in complaints:
            self._say(complaint)
        if len(kinds) > 1:
            raise ValueError(f'{self.path} holds bags of several kinds, {" and ".join(kinds)}; name one file')
        self.kind, = kinds
        self._summarize(metadata.topics if metadata else {})

    def _summarize(self, promised: dict[str, TopicInfo]) -> None:
        """Topics and times of all parts. promised: what metadata.yaml says."""
        self.topics = tally((topic.name, topic.type_name, topic.count)
                            for part in self._parts for topic in part.topics.values())
        differ = []
        for name, topic in promised.items():
            have = self.topics.setdefault(name, topic._replace(count=0)).count
            if have != topic.count:
                differ.append(f'{name} {have} of {topic.count}')
        if differ:
            self._say(f'the files do not hold as many messages as metadata.yaml says: {", ".join(differ)}')
        self._parts = sorted(self._parts, key=lambda part: part.start_ns)
        filled = [part for part in self._parts if any(topic.count for topic in part.topics.values())]
        self.start_ns = min((part.start_ns for part in filled), default=0)
        self.end_ns = max((part.end_ns for part in filled), default=0)

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Recorded]:
        """The messages in the order of their recording; of all topics if none are named."""
        wanted = set(self.topics if topics is None else topics)
        for together in overlapping(self._parts):
            yield from merge(*(part.messages(wanted) for part in together),
                             key=lambda message: message.time_ns)

    def _say(self, sentence: str) -> None:
        if sentence not in self.lost:
            self.lost.append(sentence)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> 'Bag':
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def overlapping(parts: list[Part]) -> list[list[Part]]:
    """Groups of parts that share some time, of parts in the order of their start."""
    groups: list[list[Part]] = []
    for part in parts:
        if groups and part.start_ns <= max(p.end_ns for p in groups[-1]):
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


class Writer:
    """A new mcap bag, a folder; a context manager. What was written is kept if an error ends it."""

    def __init__(self, path: Path) -> None:
        """FileExistsError if it is there."""
        if path.exists():
            raise FileExistsError(f'{path} is there already')
        self._writer = rosbags.rosbag2.Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._store = get_typestore(Stores.ROS2_HUMBLE)  # only for the definitions, the same since then
        self._connections: dict[str, Any] = {}
        self._writer.open()

    def write(self, topic: str, time_ns: int, type_name: str, data: bytes) -> None:
        """Write a message. data: CDR. ValueError if the type is not of ROS 2's own."""
        if topic not in self._connections:
            if type_name not in self._store.fielddefs:
                raise ValueError(f'{topic} cannot be recorded: the definition of its type {type_name} is not '
                                 'known')
            self._connections[topic] = self._writer.add_connection(topic, type_name, typestore=self._store)
        self._writer.write(self._connections[topic], time_ns, data)

    def close(self) -> None:
        self._writer.close()

    def __enter__(self) -> 'Writer':
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def write(path: Path, messages: Iterable[tuple[str, int, Any]]) -> None:
    """Write (topic, time in ns, message) to a new mcap bag, a folder; FileExistsError if it is there."""
    with Writer(path) as writer:
        for topic, time_ns, message in messages:
            package, name = type(message).__module__.split('.')[0], type(message).__name__
            writer.write(topic, time_ns, f'{package}/msg/{name}', serialize_message(message))


def read(path: Path) -> Iterator[Recorded]:
    """The messages of a bag, in the order of their recording."""
    with Bag(path) as bag:
        yield from bag.messages()
