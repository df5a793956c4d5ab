"""One bag of many, wherever it is worked on: what becomes of it is a row, an error too. ROS comes late."""

import os
import platform
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depth_nodes.dds_profile import free_domain, stay_on_this_machine, use_dds_profile
from depth_nodes.replay.charts import Result
from depth_nodes.replay.command import replayer
from depth_nodes.replay.origin import ORIGIN, made_before, origin_of
from depth_nodes.replay.report import write_report
from depth_nodes.replay.request import Request

DONE, KEPT, FAILED = 'done', 'kept', 'failed'  # kept: the report was there, of the same bag and command
BESIDE = ('Other bags were replayed on the same machine at the same time: latency and speed are not those '
          'of a machine of its own.')
Row = dict[str, Any]  # of `row_of` or `failed`; JSON holds it

_one_at_a_time = threading.Lock()  # a process has one ROS domain, and its memory is for one bag
_domain: list[socket.socket] = []  # that this process holds


@dataclass(frozen=True)
class Job:
    """A bag to replay. Paths must mean the same on every machine that may get it."""

    bag: Path
    folder: Path  # of its report
    request: Request
    command: str = ''  # that was given, for the report
    again: bool = False  # also where there is a report of the same
    run: str = ''  # tells what this run has made from what was there before
    beside: bool = False  # others are at work on the same machine


def work(job: Job) -> Row:
    """Replay the bag and write its report. Raises nothing but what ends the process."""
    with _one_at_a_time:
        started = time.monotonic()
        try:
            origin = origin_of(job.bag, job.request)
            before = made_before(job.folder, origin)
            if before is not None and (not job.again or before['about'].get('run') == job.run):
                # of this very run: the worker that had made it was lost with its answer
                state = DONE if before['about'].get('run') == job.run else KEPT
                return row_of(job, state, before, started)
            result = _replay(job)
            result['about'] |= {ORIGIN: origin, 'run': job.run}
            write_report(result, job.folder)
            return row_of(job, DONE, result, started)
        except (OSError, ValueError, ImportError) as error:
            return failed(job, str(error), started)
        except Exception as error:  # of no kind that was thought of: the other bags go on all the same
            traceback.print_exc()
            return failed(job, f'{type(error).__name__}: {error}', started)


def row_of(job: Job, state: str, result: Result, started: float) -> Row:
    """Of a bag that has a report. started: by the monotonic clock, when it was taken up."""
    summary = result['summary']
    return {**_head(job, state, '', started), 'report': str(job.folder / 'report.html'),
            **{name: summary[name] for name in ('frames', 'answered', 'dropped', 'fps', 'latency_ms',
                                                'figures', 'self_checks')}, 'units': result['units']}


def failed(job: Job, reason: str, started: float | None = None) -> Row:
    """Of a bag that has none. started: None where nobody knows how long it took, or where it was."""
    row = {**_head(job, FAILED, ' '.join(reason.split()), started), 'report': None}
    return row if started is not None else {**row, 'host': None}


def _head(job: Job, state: str, reason: str, started: float | None) -> Row:
    return {'bag': str(job.bag), 'state': state, 'reason': reason, 'host': f'{platform.node()}:{os.getpid()}',
            'seconds': None if started is None else round(time.monotonic() - started, 3)}


def _replay(job: Job) -> dict[str, Any]:
    threads = _threads()
    if threads:
        use_own_domain()
    replay_bag = replayer()
    from depth_nodes.replay.node_config import read_config

    request = job.request
    given: Mapping[str, Any] = {**(read_config(request.config, request.node) if request.config else {}),
                                **request.parameters}
    if threads and not given.get('num_threads'):  # 0, all cores, are not ours: others work beside us
        request = replace(request, parameters={**request.parameters, 'num_threads': threads})
    result = replay_bag(job.bag, request, job.command, quiet=bool(threads))
    if job.beside:
        result['about']['notes'].append(BESIDE)
    return result


def _threads() -> int:
    """That this process may compute with, if it is a worker of Dask; else 0."""
    if 'distributed' not in sys.modules:
        return 0
    from depth_nodes.replay.cluster import threads_of_worker

    return threads_of_worker()


def use_own_domain() -> None:
    """Let this process, and those it starts, be alone in a ROS domain, as long as it lives.

    What starts at the same moment may find the same domain free: an address in the machine's network says
    who has it. Whatever ROS_DOMAIN_ID was inherited, it is that of everybody who inherited it.
    """
    while not _domain:
        domain, held = free_domain(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(f'\0depth_nodes/domain/{domain}')  # of Linux: it goes with the process
        except OSError:
            held.close()
            continue
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        _domain.append(held)
    stay_on_this_machine()
    use_dds_profile()
