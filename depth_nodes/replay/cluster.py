"""
Work spread over processes and machines by Dask: a worker that dies loses nothing.

Why not Ray: `distributed` and `dask` are pure Python, 2.5 MB for every platform and Python version, where
Ray is a binary wheel of 79 MB for each, and whatever robots and servers are about can take part by one
command, `dask worker ADDRESS`. What we need of it is little: a task whose worker is lost is run again on
another one, up to four times, and then said to have failed, while the others go on.
"""

import asyncio
import logging
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

try:
    import dask
    from distributed import Client, Future, KilledWorker, LocalCluster, get_worker, wait
except ImportError as error:
    raise ImportError(f"several bags at once need Dask ({error}): pip install 'depth_nodes[fleet]'"
                      ) from error

POLL = 2.0  # s, after which new workers are looked for
CONNECT = 10.0  # s, for a scheduler to answer
# neither is the builtin in Python 3.10
_LOST = (OSError, asyncio.TimeoutError, CancelledError)
J = TypeVar('J')
R = TypeVar('R')


@contextmanager
def local(workers: int) -> Iterator[Client]:
    """So many processes of this machine, which share its cores."""
    threads = max((os.cpu_count() or 1) // workers, 1)
    # a worker is no server: no limit of memory but the machine's, no page that shows what it does
    with (dask.config.set({'distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS': threads}),
          LocalCluster(n_workers=workers, threads_per_worker=threads, processes=True, memory_limit=0,
                       dashboard_address=None) as cluster,
          Client(cluster) as client):
        yield client


@contextmanager
def remote(address: str) -> Iterator[Client]:
    """The workers of a scheduler, 'HOST:8786' or 'tcp://HOST:8786'; ConnectionError where there is none."""
    for name in ('distributed', 'distributed.client'):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is said by what is returned
    try:
        client = Client(address, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise ConnectionError(f'--scheduler {address} does not answer ({error}): start one by '
                              '`dask scheduler`, and by `dask worker ADDRESS` as many workers as you like'
                              ) from None
    with client:
        yield client


def shares_machines(client: Client) -> bool:
    """Whether a machine has more than one worker."""
    hosts = [address.rsplit(':', 1)[0] for address in client.nthreads()]
    return len(set(hosts)) < len(hosts)


def threads_of_worker() -> int:
    """Of the worker that this thread belongs to; 0 where it belongs to none."""
    try:
        return get_worker().state.nthreads
    except ValueError:
        return 0


def spread(work: Callable[[J], R], jobs: Sequence[J], client: Client,
           say: Callable[[str], object] = print) -> Iterator[tuple[J, R | Exception]]:
    """
    Every job once with what came of it, in the order in which they end.

    A worker has one job at a time, however many threads it has, and is given the next one by us: when it
    dies, Dask holds that against every job that it had been given. Workers may come and go; while there is
    none, we wait, and say so. What `work` raises is returned; a job that no worker survived is a
    ChildProcessError, and a scheduler that is lost a ConnectionError.
    """
    waiting, alone = deque(jobs), False
    running: dict[Future, J] = {}
    name = uuid.uuid4().hex
    while waiting or running:
        workers = _workers(client)
        if workers is None:
            for job in (*running.values(), *waiting):
                yield job, ConnectionError('the connection to the scheduler was lost')
            return
        if not workers:
            if not alone:
                say('no worker is there: waiting for one')
            time.sleep(POLL)
        alone = not workers
        while waiting and len(running) < workers:
            try:
                future = client.submit(work, waiting[0], pure=False, key=f'bag-{len(waiting)}-{name}')
            except _LOST:
                break
            running[future] = waiting.popleft()
        if running:
            with suppress(*_LOST):  # who is done is asked of each anyway
                wait(list(running), timeout=POLL, return_when='FIRST_COMPLETED')
        for future in [future for future in running if future.done()]:
            job = running.pop(future)
            try:
                outcome = _outcome(future)
            except _LOST:  # it may come back
                waiting.append(job)
            else:
                yield job, outcome


def _workers(client: Client) -> int | None:
    """How many there are; None where the scheduler is gone."""
    with suppress(OSError):  # it is lost at this moment
        if client.scheduler is not None:  # else it is looked for, for CONNECT seconds
            return len(client.nthreads())
    return 0 if client.status in ('running', 'connecting') else None


def _outcome(future: Future) -> Any:
    """What the job returned or raised. What this raises, one of _LOST, is of the connection."""
    if future.status == 'cancelled':
        raise CancelledError
    error = future.exception()
    if isinstance(error, KilledWorker):
        return ChildProcessError(
            f'{error.allowed_failures + 1} workers died with it, the last was {error.last_worker.address}; '
            'their logs may say why, and too little memory is a usual reason')
    return future.result() if error is None else error
