"""zstd, lz4 and bz2 as they occur in bags: whole files, chunks and single messages, cut ones too."""

import bz2
import sys
from pathlib import Path
from typing import Any

import lz4.frame  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = {b'\x28\xb5\x2f\xfd': 'zstd', b'\x04\x22\x4d\x18': 'lz4'}
SUFFIXES = ('.zstd', '.zst', '.lz4')  # of compressed files
DAMAGE = (EOFError, RuntimeError, ValueError, zstd.ZstdError)  # RuntimeError: lz4's


def expand(data: bytes, compression: str) -> tuple[bytes, bool]:
    """What a compressed frame holds, and whether all of it could be read.

    Of a frame that is cut or damaged, what comes before the damage. compression: zstd, lz4, bz2 or
    empty; ValueError if it is another.
    """
    if compression in ('', 'none'):
        return data, True
    machines: dict[str, Any] = {'zstd': zstd.ZstdDecompressor, 'lz4': lz4.frame.LZ4FrameDecompressor,
                                'bz2': bz2.BZ2Decompressor}
    if compression not in machines:
        raise ValueError(f'the compression is {compression!r}; zstd, lz4 and bz2 can be read')
    machine = machines[compression]()
    found = []
    step = 1 << 14  # small: what a step gives is lost if the step meets the damage
    try:
        for begin in range(0, len(data), step):
            found.append(machine.decompress(data[begin:begin + step]))
            if machine.eof:
                return b''.join(found), True
    except (*DAMAGE, OSError):  # OSError: bz2's
        pass
    return b''.join(found), False


def plain(message: bytes) -> bytes:
    """A message without the compression that the recorder may have given it; ValueError if damaged.

    CDR begins with a zero byte, so that it is never taken for a compressed frame.
    """
    compression = MAGIC.get(bytes(message[:4]))
    if compression is None:
        return bytes(message)
    found, whole = expand(message, compression)
    if not whole:
        raise ValueError(f'a message of {len(message)} bytes is no whole {compression} frame')
    return found


def file_compression(path: Path) -> str | None:
    """zstd or lz4 if the whole file is compressed."""
    with path.open('rb') as file:
        return MAGIC.get(file.read(4))


def expand_file(path: Path, target: Path) -> bool:
    """Decompress a file into a new one; whether all of it could be read."""
    opener: Any = {'zstd': zstd.open, 'lz4': lz4.frame.open}[file_compression(path) or '']
    with target.open('wb') as sink, opener(path, 'rb') as source:
        try:
            while block := source.read1(1 << 20):  # what read() had collected before damage is lost
                sink.write(block)
        except DAMAGE:
            return False
    return True
