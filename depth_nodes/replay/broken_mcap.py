"""
mcap files without a usable index, https://mcap.dev/spec.

Own parsing, because the `mcap` package has no positions of messages, and gives a chunk as a whole or not
at all.
"""

import struct
from binascii import crc32
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from depth_nodes.replay import compressed
from depth_nodes.replay.broken import WHOLE_FILE, Chunk, Chunks, Entry, Found, counted, unfinished
from depth_nodes.replay.recorded import Say
from depth_nodes.replay.ros1 import Ros1Types, ros2_name

MAGIC = b'\x89MCAP0\r\n'
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, INDEX, STATISTICS, DATA_END = 2, 3, 4, 5, 6, 7, 11, 15
MESSAGE_HEAD = 22  # bytes: channel, sequence, log time, publish time
LAST_OPCODE, FIRST_PRIVATE = 15, 128
CHUNK_HEAD = 28  # bytes: first and last time, size and checksum of the data
LONGEST_NAME = 16  # bytes of a compression's name; what is longer is no chunk


def recover(path: Path, name: str, say: Say) -> Found:
    """Every message that is whole; ValueError if it is no mcap file."""
    file = path.open('rb')
    try:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f'{name} is no mcap file: it does not begin as one')
        scan = Scan(Chunks(file), Ros1Types(name, say), lambda sentence: say(f'{name}: {sentence}'))
        good, size, ended = len(MAGIC), path.stat().st_size, False
        while size - good >= 9:
            file.seek(good)
            opcode, length = struct.unpack('<BQ', file.read(9))
            if opcode == 0 or LAST_OPCODE < opcode < FIRST_PRIVATE:  # zeros after a power cut, or noise
                break
            end = good + 9 + length
            scan.top_level(file, opcode, good + 9, end, min(end, size))
            if end > size:
                break
            # what follows is the index, with the definitions once more
            good, ended = end, ended or opcode == DATA_END
            if opcode == FOOTER:
                break
        missed = max(scan.indexed - scan.of_chunks, scan.promised - len(scan.entries))
        if missed > 0:
            say(f'{name}: {counted(missed)} in damaged chunks could not be read')
        if not ended:
            say(unfinished(name, size - good, len(scan.entries)))
    except BaseException:
        file.close()
        raise
    return Found(name, say, connections=scan.topics(), entries=scan.entries, data=scan.data, close=file.close)


class Scan:
    """What was met so far."""

    def __init__(self, chunks: Chunks, types: Ros1Types, say: Say) -> None:
        self.entries: list[Entry] = []
        self.of_chunks = 0  # messages of whole chunks
        self.indexed = 0  # messages that the records after chunks count
        self.promised = 0  # messages that the end of the file counts
        self._chunks, self._types, self._say = chunks, types, say
        self._schemas: dict[int, tuple[str, str, str]] = {}  # name, encoding, definition
        self._channels: dict[int, tuple[int, str, str]] = {}  # schema, topic, encoding

    def top_level(self, file: BinaryIO, opcode: int, begin: int, end: int, there: int) -> None:
        """A record outside of chunks. end: where its body should end; there: where it does."""
        if opcode == CHUNK:
            self.chunk(file.read(CHUNK_HEAD + 12 + LONGEST_NAME)[:there - begin], begin, end, there)
        elif there < end:
            return
        elif opcode in (SCHEMA, CHANNEL):
            self.define(opcode, file.read(end - begin))
        elif opcode == MESSAGE and end - begin >= MESSAGE_HEAD:
            self.message(file.read(MESSAGE_HEAD), WHOLE_FILE, begin, end)
        elif opcode == INDEX and end - begin >= 6:
            self.indexed += struct.unpack('<HI', file.read(6))[1] // 16  # a time and a place each
        elif opcode == STATISTICS and end - begin >= 8:
            self.promised, = struct.unpack('<Q', file.read(8))

    def chunk(self, head: bytes, begin: int, end: int, there: int) -> None:
        """Read a chunk as far as it goes. head: its first bytes."""
        cut = there < end
        if len(head) < CHUNK_HEAD + 4:
            return
        _, _, expected, checksum, named = struct.unpack_from('<QQQII', head)
        at = begin + CHUNK_HEAD + 4 + named + 8
        if named > LONGEST_NAME or at > there:
            return
        compression = head[CHUNK_HEAD + 4:CHUNK_HEAD + 4 + named].decode(errors='replace')
        try:
            data, whole = self._chunks.add(at, Chunk(there - at, compression))
        except ValueError as error:
            self._say(f'the chunk at byte {begin:,} could not be read: {error}')
            return
        if not cut and (not whole or len(data) != expected or (checksum and crc32(data) != checksum)):
            return
        before = len(self.entries)
        for opcode, first, last in records(data):
            if opcode in (SCHEMA, CHANNEL):
                self.define(opcode, data[first:last])
            elif opcode == MESSAGE and last - first >= MESSAGE_HEAD:
                self.message(data[first:first + MESSAGE_HEAD], at, first, last)
        if cut:
            self._say(f'its last chunk is cut off: {len(data):,} of {expected:,} bytes of it are there, '
                      f'with {counted(len(self.entries) - before)} whole')
        else:
            self.of_chunks += len(self.entries) - before

    def define(self, opcode: int, body: bytes) -> None:
        """A schema or a channel; a damaged one is passed over."""
        with suppress(struct.error):
            self._define(opcode, body)

    def _define(self, opcode: int, body: bytes) -> None:
        if opcode == SCHEMA:
            number, = struct.unpack_from('<H', body)
            name, encoding, definition = texts(body, 2, 3)
            self._schemas[number] = name, encoding, definition
            return
        number, schema = struct.unpack_from('<HH', body)
        topic, encoding = texts(body, 4, 2)
        self._channels[number] = schema, topic, encoding
        if encoding == 'ros1' and schema in self._schemas:
            name, _, definition = self._schemas[schema]
            self._types.define(ros2_name(name), definition)

    def message(self, head: bytes, block: int, begin: int, end: int) -> None:
        channel, _, time_ns, _ = struct.unpack('<HIQQ', head)
        self.entries.append(Entry(time_ns, channel, block, begin + MESSAGE_HEAD, end))

    def topics(self) -> dict[int, tuple[str, str]]:
        return {number: (topic, ros2_name(self._schemas[schema][0]) if schema in self._schemas else '')
                for number, (schema, topic, _) in self._channels.items()}

    def data(self, entry: Entry) -> bytes:
        schema, _, encoding = self._channels[entry.connection]
        data = self._chunks(entry)
        if encoding == 'ros1' and schema in self._schemas:
            return self._types.cdr(ros2_name(self._schemas[schema][0]), data)
        return compressed.plain(data)


def records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(opcode, first byte, byte after the last) of the whole records of a chunk."""
    position = 0
    while len(data) - position >= 9:
        opcode, length = struct.unpack_from('<BQ', data, position)
        if position + 9 + length > len(data):
            return
        yield opcode, position + 9, position + 9 + length
        position += 9 + length


def texts(body: bytes, position: int, count: int) -> list[str]:
    """The next texts of a record, each after its length."""
    found = []
    for _ in range(count):
        length, = struct.unpack_from('<I', body, position)
        found.append(body[position + 4:position + 4 + length].decode(errors='replace'))
        position += 4 + length
    return found
