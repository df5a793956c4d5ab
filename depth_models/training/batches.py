"""
The samples of every step. Sample `index` of step `step` depends on (seed, step, index) alone, so it is
the same for any number of workers, of devices, and in a run that was resumed.
"""

import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from depth_models.training.config import BatchConfig, SourceConfig
from depth_models.training.task import Draw, Task

VALIDATION_BATCH = 4  # samples that are drawn as those of one step, and may share what a step draws
GRACE = 10  # s that a worker lives on after SIGTERM, for the step that is under way


def share_of_rank(batch: int, rank: int, ranks: int) -> range:
    """Which samples of a batch one of several devices draws; ValueError where they cannot be shared."""
    if batch % ranks:
        raise ValueError(f'data.batch must be a multiple of the {ranks} devices, got {batch}')
    return range(rank * batch // ranks, (rank + 1) * batch // ranks)


def shares(sources: Sequence[SourceConfig]) -> NDArray[np.float64]:
    """Of each source, 1 in all."""
    weights = np.array([source.weight for source in sources])
    return weights / weights.sum()


class StepBatches(IterableDataset[Any]):
    """The batches of the steps from `start` on, in order, shared out among the workers in turn."""

    def __init__(self, draw: Draw[Any], start: int, indices: range) -> None:
        self.draw, self.start, self.indices = draw, start, indices

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.start + number  # the loader takes from the workers in turn
        while True:
            yield self.draw(step, self.indices)
            step += of


class TimedBatches:
    """An endless loader that counts how long the training waited for it."""

    def __init__(self, dataset: StepBatches, *, workers: int, prefetch: int, pin_memory: bool) -> None:
        """workers, prefetch: see `BatchConfig`."""
        self.waited = 0.0  # s
        self._loader = DataLoader(
            dataset, batch_size=None, num_workers=workers, pin_memory=pin_memory,
            prefetch_factor=prefetch if workers else None,
            worker_init_fn=_outlive_the_signal, generator=torch.Generator().manual_seed(0))

    def __iter__(self) -> Iterator[Any]:
        with warnings.catch_warnings():
            # of Python 3.12 on: the workers draw samples, and touch none of this process's threads
            warnings.filterwarnings('ignore', 'This process .* is multi-threaded, use of fork',
                                    DeprecationWarning)
            batches = iter(self._loader)
        while True:
            began = time.perf_counter()
            batch = next(batches)
            self.waited += time.perf_counter() - began
            yield batch


def validation_batches(task: Task[Any], data: BatchConfig, rank: int = 0, ranks: int = 1) -> list[Any]:
    """The samples of one of several devices; the same in every run, whatever its seed and batch.

    Every device gets as many, so that none waits for another: where they do not divide evenly, some
    get one of which no pixel is valid, and that does not count.
    """
    draw = task.open(data.for_validation(), validation=True)
    samples = []
    for number in range(rank, -(-data.validated // ranks) * ranks, ranks):
        step, index = divmod(number, VALIDATION_BATCH)
        sample = draw(step, range(index, index + 1))
        if number >= data.validated:
            sample = sample._replace(valid=torch.zeros_like(sample.valid))
        samples.append(sample)
    return [_together(list(of_step)) for _, of_step in groupby(samples, key=lambda sample: sample.step)]


def _together(batches: Sequence[Any]) -> Any:
    """One batch of all; the step is the first one's."""
    return type(batches[0])(*(torch.cat(parts) if isinstance(parts[0], Tensor) else parts[0]
                              for parts in zip(*batches)))


def _outlive_the_signal(_: int) -> None:
    """Ctrl-C and SIGTERM reach a whole process group: the training ends the workers when it is done.

    A worker that is gone at once would end the step that is about to be saved.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE) and None)
