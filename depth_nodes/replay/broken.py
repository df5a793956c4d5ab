"""
Files of bags without a usable index: what can be read is found by going through the file.

Once at the start, to know what is there; the messages themselves are read when they are asked for.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from depth_nodes.replay import compressed
from depth_nodes.replay.recorded import Recorded, Say, TopicInfo, tally


class Entry(NamedTuple):
    """Where a message lies."""

    time_ns: int
    connection: int
    block: int  # byte of the file where its chunk's data begin; WHOLE_FILE: in none
    begin: int  # byte of the chunk, or of the file
    end: int


WHOLE_FILE = -1


class Chunk(NamedTuple):
    """Where the data of a chunk lie."""

    size: int  # bytes in the file
    compression: str


class Found:
    """The messages that were found in a file, in the order of their recording."""

    def __init__(self, name: str, say: Say, *, connections: dict[int, tuple[str, str]],
                 entries: list[Entry], data: Callable[[Entry], bytes], close: Callable[[], object]) -> None:
        """connections: of each number, (topic, type name). data: a message's bytes as CDR, or ValueError."""
        self._name, self._say = name, say
        self._connections, self._data, self._close = connections, data, close
        unknown = len(entries)
        entries = [entry for entry in entries if entry.connection in connections]
        if unknown := unknown - len(entries):
            say(f'{name}: {counted(unknown)} could not be read: the definitions of their topics are lost')
        # by time, because chunks overlap, and a recorder of several threads writes late messages too
        self._entries = sorted(entries, key=lambda entry: entry.time_ns)
        counts = Counter(entry.connection for entry in entries)
        self.topics: dict[str, TopicInfo] = tally(
            (*connections[number], counts[number]) for number in sorted(connections))
        self.start_ns = self._entries[0].time_ns if entries else 0
        self.end_ns = self._entries[-1].time_ns if entries else 0

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        damaged = 0
        for entry in self._entries:
            topic, type_name = self._connections[entry.connection]
            if topic not in topics:
                continue
            try:
                data = self._data(entry)
            except ValueError:
                damaged += 1
                continue
            yield Recorded(topic, entry.time_ns, type_name, data)
        if damaged:
            self._say(undecompressed(self._name, damaged))

    def close(self) -> None:
        self._close()


class Chunks:
    """The bytes of entries, out of chunks that are decompressed a few at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._chunks: dict[int, Chunk] = {}
        self._expanded = lru_cache(maxsize=8)(self._expand)

    def add(self, block: int, chunk: Chunk) -> tuple[bytes, bool]:
        """Remember a chunk; what it holds, and whether all of it could be read."""
        self._chunks[block] = chunk
        return self._expand(block)

    def _expand(self, block: int) -> tuple[bytes, bool]:
        self._file.seek(block)
        chunk = self._chunks[block]
        return compressed.expand(self._file.read(chunk.size), chunk.compression)

    def __call__(self, entry: Entry) -> bytes:
        if entry.block == WHOLE_FILE:
            self._file.seek(entry.begin)
            return self._file.read(entry.end - entry.begin)
        return self._expanded(entry.block)[0][entry.begin:entry.end]


def counted(number: int) -> str:
    """'1 message', '2 messages'."""
    return f'{number} message' if number == 1 else f'{number} messages'


def unfinished(name: str, left: int, found: int) -> str:
    """A file without its end. left: bytes that are no whole record; found: messages."""
    unread = f'the last {left:,} bytes are no whole record, and ' if left else ''
    return (f'{name} was cut off or never finished: {unread}what should follow is missing; '
            f'{counted(found)} could be read')


def undecompressed(name: str, damaged: int) -> str:
    return f'{name}: {counted(damaged)} could not be decompressed'


def recover(path: Path, kind: str, name: str, say: Say) -> Found:
    """What can be read of a file; ValueError if that is nothing. What is lost is said."""
    # here, because these use what is above
    from depth_nodes.replay import broken_mcap, broken_ros1, broken_sqlite3

    ways = {'rosbag2 mcap': broken_mcap.recover, 'rosbag2 sqlite3': broken_sqlite3.recover,
            'ROS 1': broken_ros1.recover}
    return ways[kind](path, name, say)
