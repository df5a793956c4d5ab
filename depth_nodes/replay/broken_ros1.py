"""ROS 1 bags without an index, http://wiki.ros.org/Bags/Format/2.0: cut off, or `.bag.active`."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from depth_nodes.replay.broken import WHOLE_FILE, Chunk, Chunks, Entry, Found, counted, unfinished
from depth_nodes.replay.recorded import Say
from depth_nodes.replay.ros1 import Ros1Types, ros2_name

MAGIC = b'#ROSBAG V2.0\n'
MESSAGE, BAG, INDEX, CHUNK, CONNECTION = 2, 3, 4, 5, 7
LONGEST_HEADER = 1 << 20  # bytes; what is longer is damage

Fields = dict[str, bytes]


def recover(path: Path, name: str, say: Say) -> Found:
    """Every message that is whole; ValueError if it is no ROS 1 bag of format 2.0."""
    file = path.open('rb')

    def at(position: int, count: int) -> bytes:
        file.seek(position)
        return file.read(count)

    try:
        if at(0, len(MAGIC)) != MAGIC:
            raise ValueError(f'{name} is no ROS 1 bag of format 2.0: it does not begin as one')
        chunks, types = Chunks(file), Ros1Types(name, say)
        scan = Scan(types)
        good, size, index, indexed, of_chunks = len(MAGIC), path.stat().st_size, 0, 0, 0
        for fields, begin, end in records(at, good, size):
            opcode = number(fields, 'op')
            if opcode == BAG:
                index = number(fields, 'index_pos')
            elif opcode == CHUNK:
                compression = fields.get('compression', b'none').decode(errors='replace')
                if begin == end and compression != 'none':
                    end = size + 1  # the recorder writes the length when the chunk is full
                before = len(scan.entries)
                with suppress(ValueError):  # a compression that does not exist is damage
                    data, _ = chunks.add(begin, Chunk(min(end, size) - begin, compression))
                    scan.chunk(data, begin)
                found = len(scan.entries) - before
                of_chunks += found if end <= size else 0
                if end > size:
                    say(f'{name}: its last chunk is cut off, with {counted(found)} whole')
            elif opcode == INDEX:
                indexed += number(fields, 'count')
            elif end <= size:
                scan.record(fields, WHOLE_FILE, begin, end,
                            at(begin, end - begin) if opcode == CONNECTION else b'')
            good = end if end <= size else good
        if indexed > of_chunks:
            say(f'{name}: {counted(indexed - of_chunks)} in damaged chunks could not be read')
        if not 0 < index <= good:
            say(unfinished(name, size - good, len(scan.entries)))
    except BaseException:
        file.close()
        raise

    def message(entry: Entry) -> bytes:
        return types.cdr(scan.connections[entry.connection][1], chunks(entry))

    return Found(name, say, connections=scan.connections, entries=scan.entries, data=message,
                 close=file.close)


class Scan:
    """What was met so far."""

    def __init__(self, types: Ros1Types) -> None:
        self.entries: list[Entry] = []
        self.connections: dict[int, tuple[str, str]] = {}  # topic, type name
        self._types = types

    def chunk(self, data: bytes, block: int) -> None:
        """The whole records of a chunk."""
        for fields, begin, end in records(lambda at, count: data[at:at + count], 0, len(data)):
            if end <= len(data):
                self.record(fields, block, begin, end, data[begin:end])

    def record(self, fields: Fields, block: int, begin: int, end: int, data: bytes) -> None:
        """A message or a connection. data: of a connection."""
        opcode, connection = number(fields, 'op'), number(fields, 'conn')
        if opcode == CONNECTION and connection not in self.connections:
            about = parsed(data)
            type_name = ros2_name(about.get('type', b'').decode(errors='replace'))
            self.connections[connection] = fields.get('topic', b'').decode(errors='replace'), type_name
            self._types.define(type_name, about.get('message_definition', b'').decode(errors='replace'))
        elif opcode == MESSAGE and 'time' in fields:
            seconds, nanoseconds = fields['time'][:4], fields['time'][4:]
            time_ns = int.from_bytes(seconds, 'little') * 10**9 + int.from_bytes(nanoseconds, 'little')
            self.entries.append(Entry(time_ns, connection, block, begin, end))


def records(at: Callable[[int, int], bytes], position: int, size: int) -> Iterator[tuple[Fields, int, int]]:
    """(fields, first byte of the data, byte after the last) until the end or what is no record.

    at: the bytes from a position on. The last record may end after `size`.
    """
    while size - position >= 8:
        length = int.from_bytes(at(position, 4), 'little')
        begin = position + 4 + length + 4
        if length > LONGEST_HEADER or begin > size:
            return
        fields = parsed(at(position + 4, length))
        if 'op' not in fields:
            return
        end = begin + int.from_bytes(at(begin - 4, 4), 'little')
        yield fields, begin, end
        if end > size:
            return
        position = end


def parsed(header: bytes) -> Fields:
    """The fields of a header; empty if it is none."""
    fields, position = {}, 0
    while position < len(header):
        length = int.from_bytes(header[position:position + 4], 'little')
        name, equals, value = header[position + 4:position + 4 + length].partition(b'=')
        position += 4 + length
        if not equals or position > len(header):
            return {}
        fields[name.decode(errors='replace')] = value
    return fields


def number(fields: Fields, name: str) -> int:
    return int.from_bytes(fields.get(name, b''), 'little')
