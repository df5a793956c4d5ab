"""
Many bags: a row for each, whatever becomes of it, and a report for each that can have one.

One after the other, on so many processes of this machine, or on the workers of a Dask scheduler. A bag whose
report is there, made of the same bag by the same request, is kept as it is: what was stopped goes on where
it stopped. The table is written anew after every bag.
"""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from depth_nodes.replay import fleet_table
from depth_nodes.replay.origin import absolute
from depth_nodes.replay.request import Request
from depth_nodes.replay.worker import DONE, FAILED, KEPT, Job, Row, failed, work

NAMED = 3  # failures in the last sentence; the table has all of them


def replay_all(bags: Sequence[Path], request: Request, report: Path, *, command: str = '', jobs: int = 1,
               scheduler: str | None = None, again: bool = False) -> list[Row]:
    """
    Replay every bag; the rows, in the order of the bags. Says how each one ended.

    command: that was given, for the reports. again: also bags that have a report of the same. Writes
    fleet.html, fleet.csv and fleet.json into `report`, and each bag's report into a folder in there, which
    all workers must see by the same path. Raises what keeps all bags from being replayed: ImportError
    without Dask, ConnectionError without a scheduler.
    """
    bags = list(dict.fromkeys(Path(os.path.abspath(bag)) for bag in bags))
    report, run = Path(os.path.abspath(report)), uuid.uuid4().hex
    tasks = [Job(bag, folder, absolute(request), command, again, run)
             for bag, folder in zip(bags, folders(bags, report))]
    rows: dict[Path, Row] = {}
    with ExitStack() as keep:
        for job, row in _outcomes(keep, tasks, jobs, scheduler):
            rows[job.bag] = row
            print(f'[{len(rows)} of {len(bags)}] {fleet_table.sentence(row)}', flush=True)
            fleet_table.write([rows[bag] for bag in bags if bag in rows], report, len(bags), command)
    return [rows[bag] for bag in bags]


def conclude(rows: Sequence[Row], report: Path) -> None:
    """Say what became of them; ValueError, in a sentence, where bags have no report."""
    kept = sum(row['state'] == KEPT for row in rows)
    if kept:
        print(f'{kept} of {len(rows)} bags had their report, of the same bag and the same request: they '
              'were skipped (--again does not)')
    print(f'wrote {report / "fleet.html"}')
    lost = [row for row in rows if row['state'] == FAILED]
    if lost:
        more = f'; and {len(lost) - NAMED} more' if len(lost) > NAMED else ''
        raise ValueError(f'{len(lost)} of {len(rows)} bags have no report: '
                         + '; '.join(f'{row["bag"]}: {row["reason"]}' for row in lost[:NAMED]) + more)


def folders(bags: Sequence[Path], report: Path) -> list[Path]:
    """Of each bag's report: `report` itself for one, folders of the bags' names in it for several.

    Of bags of the same name, as much of their paths as it takes: day_1/run.mcap. So a folder does not
    depend on the order of the bags.
    """
    if len(bags) == 1:
        return [report]
    stems = [bag.stem for bag in bags]
    found = [report / (bag.stem if stems.count(bag.stem) == 1 else _tail(bag, bags)) for bag in bags]
    twice = next((folder for folder in found if found.count(folder) > 1), None)
    if twice is not None:
        raise ValueError(f'the reports of several bags would be written to {twice}: rename a bag, or replay '
                         'it by itself')
    return found


def _tail(bag: Path, bags: Sequence[Path]) -> Path:
    """The end of the path that no other bag has."""
    parts = bag.absolute().parts
    for length in range(1, len(parts)):
        if sum(other.absolute().parts[-length:] == parts[-length:] for other in bags) == 1:
            return Path(*parts[-length:])
    raise ValueError(f'{bag} was given twice')


def _outcomes(keep: ExitStack, tasks: Sequence[Job], jobs: int, scheduler: str | None
              ) -> Iterator[tuple[Job, Row]]:
    """Every job with its row, as they end."""
    if scheduler is None and jobs == 1:
        for job in tasks:
            yield job, work(job)
        return
    from depth_nodes.replay import cluster  # it needs Dask

    if scheduler is None:
        client, beside = keep.enter_context(cluster.local(min(jobs, len(tasks)))), len(tasks) > 1
    else:
        client = keep.enter_context(cluster.remote(scheduler))
        beside = cluster.shares_machines(client)
    for job, row in cluster.spread(work, [replace(job, beside=beside) for job in tasks], client):
        if isinstance(row, Exception):
            row = failed(job, f'{row}' if isinstance(row, OSError) else f'{type(row).__name__}: {row}')
        elif row['state'] in (DONE, KEPT) and not (job.folder / 'report.json').is_file():
            row = failed(job, f'{row["host"]} wrote {job.folder}, and it cannot be seen from here: give '
                              '--report a folder that all machines share')
        yield job, row
