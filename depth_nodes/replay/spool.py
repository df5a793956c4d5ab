"""What was heard, as bytes in a temporary file, found again by topic and stamp: hours of it fit."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from depth_nodes.replay.bags import Recorded


class _Place(NamedTuple):
    type_name: str
    time_ns: int
    offset: int
    size: int


class Spool:
    """A context; the file is gone when it ends. One thread writes, and nobody reads before it is done."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: where there is room; None: the system's folder for such files."""
        self._folder = folder
        self._places: dict[tuple[str, int], _Place] = {}
        self._end = 0

    def __enter__(self) -> 'Spool':
        self._file = tempfile.TemporaryFile(dir=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, topic: str, stamp_ns: int, time_ns: int, type_name: str, data: bytes) -> None:
        """A later message of the same topic and stamp takes the place of an earlier one."""
        self._places[topic, stamp_ns] = _Place(type_name, time_ns, self._end, len(data))
        self._file.write(data)
        self._end += len(data)

    def forget(self) -> None:
        """Everything so far."""
        self._places.clear()
        self._file.seek(0)
        self._file.truncate()
        self._end = 0

    def get(self, topic: str, stamp_ns: int) -> Any:
        """The message; None where none came."""
        place = self._places.get((topic, stamp_ns))
        return None if place is None else self._read(topic, place).message()

    def __iter__(self) -> Iterator[Recorded]:
        """Everything, in the order in which it came."""
        for (topic, _), place in sorted(self._places.items(), key=lambda item: item[1].offset):
            yield self._read(topic, place)

    def _read(self, topic: str, place: _Place) -> Recorded:
        self._file.seek(place.offset)
        return Recorded(topic, place.time_ns, place.type_name, self._file.read(place.size))
