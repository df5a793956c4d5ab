"""A node as a process of its own: started, asked what it uses, ended."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from depth_nodes.replay.kinds import module_of, name_of


@dataclass
class Usage:
    """What a process has used so far."""

    cpu_seconds: float
    resident_mb: float

    @classmethod
    def of(cls, pid: int) -> 'Usage':
        ticks = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[11:13]
        pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
        return cls(sum(map(int, ticks)) / os.sysconf('SC_CLK_TCK'),
                   pages * os.sysconf('SC_PAGE_SIZE') / 2**20)


@contextmanager
def running(kind: str, arguments: Sequence[str]) -> Iterator[subprocess.Popen]:
    """The node of a kind, ended by SIGINT as a terminal would; ChildProcessError when it ends otherwise.

    arguments: of `kinds.ros_arguments`.
    """
    process = subprocess.Popen([sys.executable, '-m', module_of(kind), *arguments])
    try:
        yield process
    except BaseException:
        _end(process)
        raise
    if _end(process) != 0:
        raise ChildProcessError(f'{name_of(kind)} ended with {process.returncode}; its log says why')


def _end(process: subprocess.Popen) -> int:
    if process.poll() is None:
        process.send_signal(2)
    try:
        return process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
