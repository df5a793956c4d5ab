"""
SQLite files that SQLite itself refuses as malformed: read page by page, https://sqlite.org/fileformat2.html.

The tree of pages is not followed: of a file that is cut off, its upper pages may be what is missing. Every
leaf is recognized by its form, and a row by the columns of rosbag2's tables, which all versions share:
topics (id, name, type, ...) and messages (id, topic, time, data).
"""

import mmap
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from depth_nodes.replay import compressed
from depth_nodes.replay.broken import WHOLE_FILE, Entry, Found, counted
from depth_nodes.replay.recorded import Say

MAGIC = b'SQLite format 3\0'
TABLE_LEAF = 13
TYPE_NAME = re.compile(r'\w+(/\w+)?/\w+')


class Row(NamedTuple):
    """A row, and where it lies."""

    id: int
    columns: list[Any]  # int, str, None; of a blob its length
    cell: int  # byte of the file
    whole: bool  # all of its pages are there


def recover(path: Path, name: str, say: Say) -> Found:
    """Every message that is whole; ValueError if that cannot be told."""
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC or path.stat().st_size < 512:
            raise ValueError(f'{name} is no SQLite database: it does not begin as one')
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        pages = Pages(data)
        topics: dict[int, tuple[str, str]] = {}
        rows: dict[int, Row] = {}
        for row in pages.rows():
            columns = row.columns
            if row.whole and is_topic(columns):
                topics.setdefault(row.id, (columns[1], columns[2]))
            elif is_message(columns) and (row.id not in rows or row.whole):
                rows[row.id] = row
        found = {number: row for number, row in rows.items() if row.whole and row.columns[1] in topics}
        if not topics:
            raise ValueError(f'{name} is a damaged SQLite database in which no topic can be found')
    except BaseException:
        data.close()
        raise
    last = max(rows, default=0)  # rosbag2 numbers messages from 1
    short, missing = pages.expected_size - len(data), last - len(found)
    lost = [f'{counted(missing)} of the first {last}'] if missing else []
    if is_cut := short > 0 or len(data) % pages.size > 0:
        lost += [f'all messages after number {last}']
    elif is_refused(path):
        lost += [f'perhaps messages after number {last}']
    if lost:
        what = f'cut off, {short:,} bytes are missing' if short > 0 else 'cut off' if is_cut else 'damaged'
        say(f'{name} is {what}: {" and ".join(lost)} could not be read; {counted(len(found))} could')
    entries = [Entry(row.columns[2], row.columns[1], WHOLE_FILE, row.cell, row.columns[3])
               for row in found.values()]

    def message(entry: Entry) -> bytes:
        return compressed.plain(pages.record(entry.begin)[-entry.end:] if entry.end else b'')

    return Found(name, say, connections=topics, entries=entries, data=message, close=data.close)


def is_complete(path: Path) -> bool:
    """The file is as long as its header says. SQLite itself takes what is missing of a page for zeros."""
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        pages = Pages(data)
        return len(data) >= pages.expected_size and len(data) % pages.size == 0


def is_refused(path: Path) -> bool:
    """SQLite itself cannot count the messages."""
    try:
        with closing(sqlite3.connect(f'{path.absolute().as_uri()}?immutable=1', uri=True)) as connection:
            connection.execute('SELECT max(id), count(*) FROM messages NOT INDEXED').fetchall()
    except sqlite3.Error:
        return True
    return False


def is_topic(columns: list[Any]) -> bool:
    return (len(columns) >= 4 and columns[0] is None and isinstance(columns[1], str)
            and columns[1].startswith('/') and isinstance(columns[2], str)
            and TYPE_NAME.fullmatch(columns[2]) is not None)


def is_message(columns: list[Any]) -> bool:
    """columns: with the length in place of the blob."""
    return len(columns) == 4 and columns[0] is None and all(isinstance(c, int) for c in columns[1:])


class Pages:
    """The rows of all tables of a file; the numbers of sections are those of the format's description."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        size = int.from_bytes(data[16:18], 'big')
        self.size = 1 << 16 if size == 1 else size  # bytes
        if self.size < 512 or self.size & (self.size - 1):
            raise ValueError(f'the pages of the damaged SQLite database have {self.size} bytes; '
                             'expected a power of two from 512')
        self._usable = self.size - data[20]
        # 1.3.7: the number of pages is out of date where these two differ
        counted = data[24:28] == data[92:96]
        self.expected_size = int.from_bytes(data[28:32], 'big') * self.size if counted else 0

    def rows(self) -> list[Row]:
        """Of every page that has the form of a leaf, but for those that continue a row."""
        continued = bytearray(len(self._data) // self.size + 2)  # 1 where a page does
        found = [(begin // self.size + 1, row) for begin in range(0, len(self._data), self.size)
                 for cell in self._cells(begin) if (row := self._row(cell, continued))]
        return [row for number, row in found if not continued[number]]

    def record(self, cell: int) -> bytes:
        """The record of a whole row, its pages put together."""
        return b''.join(self._data[begin:end] for begin, end in self._spans(cell)[0])

    def _cells(self, begin: int) -> list[int]:
        """1.6: where the rows of a leaf lie; empty if the page is none."""
        head = begin + (100 if begin == 0 else 0)
        if head + 8 > len(self._data) or self._data[head] != TABLE_LEAF:
            return []
        count = int.from_bytes(self._data[head + 3:head + 5], 'big')
        pointers = self._data[head + 8:head + 8 + 2 * count]
        first, last = head + 8 + 2 * count - begin, self._usable - 4
        offsets = [int.from_bytes(pointers[i:i + 2], 'big') for i in range(0, len(pointers), 2)]
        if len(pointers) < 2 * count or not all(first <= offset <= last for offset in offsets):
            return []
        return [begin + offset for offset in offsets]

    def _row(self, cell: int, continued: bytearray) -> Row | None:
        """The row at a cell, None if there is none; marks the pages that continue it."""
        length, position = self._varint(cell)
        number, position = self._varint(position)
        end_of_page = cell - cell % self.size + self._usable
        head_size, at = self._varint(position)
        head_end = position + head_size
        # 2.1: the types of all columns, then all columns
        if not position < at <= head_end <= min(end_of_page, len(self._data)) or number < 1:
            return None
        kinds = []
        while at < head_end:
            kind, at = self._varint(at)
            kinds.append(kind)
        sizes = [column_size(kind) for kind in kinds]
        if at != head_end or head_size + sum(sizes) != length or -1 in sizes:
            return None
        spans, pages = self._spans(cell)
        whole = sum(end - begin for begin, end in spans) == length
        columns = []
        for kind, size in zip(kinds, sizes):
            inside = head_end + size <= spans[0][1]
            value = self._data[head_end:head_end + size] if inside and (kind < 12 or kind % 2) else b''
            columns.append(None if kind == 0 else size if kind >= 12 and kind % 2 == 0
                           else value.decode(errors='replace') if kind >= 12
                           else kind - 8 if kind in (8, 9) else int.from_bytes(value, 'big', signed=True))
            head_end += size
        if whole and is_message(columns):
            for page in pages:
                continued[page] = 1
        return Row(number, columns, cell, whole)

    def _spans(self, cell: int) -> tuple[list[tuple[int, int]], list[int]]:
        """1.6: where the parts of a record lie, (begin, end) in the file, and the pages that continue it.

        As far as they are there: together shorter than the record where pages are missing.
        """
        length, position = self._varint(cell)
        _, position = self._varint(position)
        most, least = self._usable - 35, (self._usable - 12) * 32 // 255 - 23
        local = length
        if length > most:
            local = least + (length - least) % (self._usable - 4)
            local = least if local > most else local
        spans, pages = [(position, min(position + local, len(self._data)))], []
        left, link = length - local, position + local
        while left > 0:
            page = int.from_bytes(self._data[link:link + 4], 'big')
            link = (page - 1) * self.size
            size = min(left, self._usable - 4)
            if page < 2 or link + 4 + size > len(self._data):
                break
            pages.append(page)
            spans.append((link + 4, link + 4 + size))
            left -= size
        return spans, pages

    def _varint(self, position: int) -> tuple[int, int]:
        """1.6: the number at a position, and where it ends."""
        value = 0
        for index, byte in enumerate(self._data[position:position + 9]):
            if index == 8:
                return value << 8 | byte, position + 9
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, position + index + 1
        return value, position + 9


def column_size(kind: int) -> int:
    """2.1: bytes of a column of a serial type; -1 if there is no such type."""
    if kind >= 12:
        return (kind - 12) // 2
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, -1, -1)[kind]
