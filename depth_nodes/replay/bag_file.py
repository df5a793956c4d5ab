"""One file of a bag, read by its index with `rosbags`; what has none, or a broken one, in spite of it."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from rosbags import rosbag1, rosbag2

from depth_nodes.replay import broken, broken_mcap, broken_ros1, broken_sqlite3, compressed
from depth_nodes.replay.recorded import Part, Recorded, Say, tally
from depth_nodes.replay.ros1 import Ros1Types

KINDS = {broken_mcap.MAGIC: 'rosbag2 mcap', broken_sqlite3.MAGIC: 'rosbag2 sqlite3',
         broken_ros1.MAGIC: 'ROS 1'}
SUFFIXES = {'rosbag2 mcap': '.mcap', 'rosbag2 sqlite3': '.db3', 'ROS 1': '.bag'}


def kind_of(path: Path) -> str | None:
    """What kind of bag a file is of, by its first bytes."""
    with path.open('rb') as file:
        head = file.read(16)
    return next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None)


def prepared(path: Path, scratch: Path, say: Say) -> Path:
    """The file, or what it holds as a new one in `scratch`: decompressed, unfinished transactions settled."""
    if compressed.file_compression(path):
        target = scratch / path.name.removesuffix(path.suffix)
        if not compressed.expand_file(path, target):
            say(f'{path.name} is compressed and cut off or damaged: of its {path.stat().st_size:,} bytes '
                f'{target.stat().st_size:,} could be decompressed')
        path = target
    # what SQLite had not yet moved into the file lies beside it, and belongs to it
    beside = [file for suffix in ('-wal', '-journal')
              if (file := path.with_name(path.name + suffix)).is_file() and file.stat().st_size]
    if not beside or kind_of(path) != 'rosbag2 sqlite3':
        return path
    for file in (path, *beside):
        shutil.copyfile(file, scratch / file.name)
    try:
        with closing(sqlite3.connect(scratch / path.name)) as connection:
            connection.execute('PRAGMA journal_mode = DELETE').fetchall()
            connection.execute('SELECT count(*) FROM sqlite_master').fetchall()
    except sqlite3.Error as error:
        say(f'{beside[0].name}, what SQLite had not yet moved into {path.name}, cannot be read: {error}')
    return scratch / path.name


def open_file(path: Path, name: str, say: Say) -> Part:
    """Open a file that is `prepared`; ValueError if nothing of it can be read. name: for sentences."""
    kind = kind_of(path)
    if kind is None:
        what = 'is empty' if path.stat().st_size == 0 else 'begins as none of them'
        raise ValueError(f'{name} is no bag: mcap, SQLite and ROS 1 files of format 2.0 can be read, and it '
                         f'{what}')
    complete = kind != 'rosbag2 sqlite3' or broken_sqlite3.is_complete(path)
    if complete and (path.suffix == SUFFIXES[kind] or kind == 'ROS 1'):
        try:
            return Indexed(path, kind, name, say)
        except Exception:  # of every type: what a broken file makes a reader raise is not designed
            pass
    return broken.recover(path, kind, name, say)


class Indexed:
    """A file with an index, as all are that were finished."""

    def __init__(self, path: Path, kind: str, name: str, say: Say) -> None:
        self._path, self._kind, self._name, self._say = path, kind, name, say
        self._recovered: broken.Found | None = None
        self._types = Ros1Types(name, say) if kind == 'ROS 1' else None
        self._reader: Any = rosbag1.Reader(path) if kind == 'ROS 1' else rosbag2.Reader(path)
        self._reader.open()
        try:
            self._look()
        except BaseException:
            self._reader.close()
            raise

    def _look(self) -> None:
        """What the index says; ValueError if there is none."""
        connections = self._reader.connections
        if self._types:
            for connection in connections:
                self._types.define(connection.msgtype, connection.msgdef.data)
        self.topics = tally((c.topic, c.msgtype, c.msgcount) for c in connections)
        self._promised = {topic: info.msgcount for topic, info in self._reader.topics.items()}
        if self._kind != 'ROS 1' and self._reader.message_count != sum(self._promised.values()):
            raise ValueError('an index that contradicts itself')
        any_ = sum(topic.count for topic in self.topics.values()) > 0
        if any_ and self._kind == 'rosbag2 mcap' and not self._reader.storage.chunks:
            raise ValueError('no index of chunks: `rosbags` reads such files only if they are in order')
        self.start_ns = self._reader.start_time if any_ else 0
        self.end_ns = self._reader.end_time - 1 if any_ else 0

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        connections = [c for c in self._reader.connections if c.topic in topics]
        if not connections:  # which `rosbags` takes for all
            return
        last, of_last = -1, Counter[str]()  # time of the last message, and what came at that time
        left, damaged = sum(self._promised[topic] for topic in topics if topic in self._promised), 0
        try:
            for connection, time_ns, data in self._reader.messages(connections):
                if time_ns != last:
                    last, of_last = time_ns, Counter()
                of_last[connection.topic] += 1
                left -= 1
                try:
                    data = (self._types.cdr(connection.msgtype, data) if self._types
                            else compressed.plain(data))
                except ValueError:
                    damaged += 1
                    continue
                yield Recorded(connection.topic, time_ns, connection.msgtype, data)
            if damaged:
                self._say(broken.undecompressed(self._name, damaged))
            if left:
                more = 'fewer' if left > 0 else 'more'
                self._say(f'{self._name}: {abs(left)} {more} messages could be read than its index counts')
            return
        except Exception:  # as above
            pass
        if self._recovered is None:
            self._recovered = broken.recover(self._path, self._kind, self._name, self._say)
        for message in self._recovered.messages(topics):
            if message.time_ns > last or (message.time_ns == last and not of_last[message.topic]):
                yield message
            elif message.time_ns == last:
                of_last[message.topic] -= 1

    def close(self) -> None:
        self._reader.close()
        if self._recovered is not None:
            self._recovered.close()
