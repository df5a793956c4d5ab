"""The rows of a fleet for people, spreadsheets and programs: fleet.html, fleet.csv and fleet.json."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_nodes.replay.page import Label, label, number, plain, render, write_whole
from depth_nodes.replay.worker import DONE, FAILED, KEPT, Row

WORDS = {DONE: 'done', KEPT: 'kept from before', FAILED: 'failed'}


def write(rows: Sequence[Row], folder: Path, total: int, command: str = '') -> None:
    """Write the three of them. total: bags there are, with those that have no row yet."""
    labels = columns(rows)
    write_whole(folder / 'fleet.json', json.dumps(
        plain({'command': command, 'bags': total, 'rows': list(rows)}), indent=1, allow_nan=False) + '\n')
    write_whole(folder / 'fleet.csv', as_csv(rows, labels))
    states = ', '.join(f'{count} {WORDS[state]}' for state in WORDS
                       if (count := sum(row['state'] == state for row in rows)))
    write_whole(folder / 'fleet.html', render(
        'fleet.html.j2', title=f'{total} bags', command=command, labels=labels,
        subtitle=f'{len(rows)} of {total} bags have ended: {states}.',
        rows=[{**row, 'word': WORDS[row['state']], 'values': [value_of(row, each) for each in labels],
               'link': None if row['report'] is None else os.path.relpath(row['report'], folder)}
              for row in rows]))


def columns(rows: Sequence[Row]) -> list[Label]:
    """The figures that rows have, in the order in which they first come; one for each unit."""
    found: dict[str, Label] = {}
    for row in rows:
        for part in ('figures', 'self_checks'):
            for name in row.get(part, {}):
                each = label(name, row['units'].get(name, ''))
                found.setdefault(each.heading, each)
    return list(found.values())


def value_of(row: Row, column: Label) -> float | None:
    """None where the row has no such figure, or has it in another unit."""
    for part in ('figures', 'self_checks'):
        if column.name in row.get(part, {}) and label(
                column.name, row['units'].get(column.name, '')).heading == column.heading:
            return row[part][column.name]
    return None


def as_csv(rows: Sequence[Row], labels: Sequence[Label]) -> str:
    """A line a bag; what is not known is empty."""
    latency = ('p50', 'p95', 'p99', 'max')
    fixed = ('bag', 'state', 'reason', 'report', 'host', 'seconds', 'frames', 'answered', 'dropped', 'fps')
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow([*fixed, *(f'latency_{name} [ms]' for name in latency),
                     *(each.heading for each in labels)])
    for row in rows:
        values: list[Any] = [*(row.get(name) for name in fixed),
                             *(row.get('latency_ms', {}).get(name) for name in latency),
                             *(value_of(row, each) for each in labels)]
        writer.writerow(['' if value is None else value for value in values])
    return text.getvalue()


def sentence(row: Row) -> str:
    """How a bag ended, for a terminal."""
    if row['state'] == FAILED:
        return f'{row["bag"]}: failed: {row["reason"]}'
    figures = [f'{name} {number(value)} {label(name, row["units"].get(name, "")).unit}'.rstrip()
               for name, value in (row['figures'] or row['self_checks']).items()][:2]
    return ', '.join([f'{row["bag"]}: {WORDS[row["state"]]}',
                      f'{row["answered"]} of {row["frames"]} frames answered', *figures])
