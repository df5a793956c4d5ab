"""What the benchmarks share: how a call is timed, and how the machine is told."""

import os
import platform
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray


def processor_ms(work: Callable[[], object], repeats: int, warm_up: int = 5) -> NDArray[np.float64]:
    """Processor time of every call [ms]: of this process, so that what else runs counts less."""
    for _ in range(warm_up):
        work()
    spent = np.empty(repeats)
    for index in range(repeats):
        started = time.process_time()
        work()
        spent[index] = (time.process_time() - started) * 1e3
    return spent


def machine() -> str:
    """'x86_64, 2 cores, load 0.42, Python 3.11.2, OpenCV 4.13.0, numpy 2.2.6'."""
    return (f'{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, '
            f'Python {platform.python_version()}, OpenCV {cv2.__version__}, numpy {np.__version__}')
