"""
`depth-nodes compare A B ...`: what changed between runs, with what is larger than noise marked.

Every run is set beside the first one. Where both have a frame of the same stamp the frames are paired, else
the runs are compared as two samples; `depth_models.evaluation.noise` tells how sure a difference is.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from depth_models.evaluation import noise
from depth_models.evaluation.noise import Difference
from depth_nodes.replay import charts
from depth_nodes.replay.charts import Result
from depth_nodes.replay.page import Label, label, number, render, write_whole

MOST = 6  # runs: more lines than that cannot be told apart
PARTS = ('about', 'summary', 'series', 'unit', 'units')  # of a report.json
# what else than the node may have made a difference
CONDITIONS = {'bag': ('about', 'bag'), 'node': ('about', 'node'), 'mode': ('about', 'mode'),
              'truth': ('about', 'truth'), 'processor': ('about', 'system', 'cpu'),
              'cores': ('about', 'system', 'cores')}
UNMARKED = ('fps', 'latency_p99', 'latency_max', 'deadline_missed_share')


class Cell(NamedTuple):
    """What one run has of one figure."""

    value: float | None
    difference: Difference | None = None  # to the first run; None of the first run itself
    relative: Difference | None = None  # in parts of the first run's value; None where that is 0
    verdict: str = ''  # 'better', 'worse', 'differs', 'noise', 'unknown'


class Row(NamedTuple):
    label: Label
    cells: list[Cell]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('runs', type=Path, nargs='+', metavar='RUN',
                        help='report.json of a replay, or the folder that has it; the first is what others '
                             'are compared with')
    parser.add_argument('--report', type=Path, default=Path('comparison.html'), metavar='FILE.html',
                        help='the page to write, default %(default)s')


def run(options: argparse.Namespace) -> None:
    results = [read(path) for path in options.runs]
    names = names_of(options.runs)
    print(table(write_comparison(results, names, options.report), names))
    print(f'wrote {options.report}')


def read(path: Path) -> dict[str, Any]:
    """The result in a report.json, or in a folder that has one; ValueError where it is none."""
    file = path / 'report.json' if path.is_dir() else path
    try:
        result = json.loads(file.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{file} is not a report.json: {error}') from None
    missing = [part for part in PARTS if not isinstance(result, dict) or part not in result]
    if missing:
        raise ValueError(f'{file} is not a report.json of a replay: it has no {", ".join(missing)}')
    if not result['series']['t']:
        raise ValueError(f'{file} has no frames')
    return result


def names_of(paths: Sequence[Path]) -> list[str]:
    """Names that tell the runs apart: as much of their paths as it takes, a number where one comes twice."""
    parts = [(path.parent if path.name == 'report.json' else path).resolve().parts for path in paths]
    length = 1
    while len({of_run[-length:] for of_run in parts}) < len(set(parts)):
        length += 1
    names = ['/'.join(of_run[-length:]) for of_run in parts]
    return [name if names.count(name) == 1 else f'{name} ({names[:index + 1].count(name)})'
            for index, name in enumerate(names)]


def write_comparison(results: Sequence[Result], names: Sequence[str], path: Path) -> list[Row]:
    """Write the page; what it says. ValueError: other than 2 to MOST runs."""
    if not 2 <= len(results) <= MOST:
        raise ValueError(f'compare takes 2 to {MOST} runs, got {len(results)}')
    rows = compare(results)
    cells = [cell for row in rows for cell in row.cells]
    judged = [cell.difference for cell in cells if cell.difference and cell.difference.judged]
    widest = [abs(end) for cell in cells if cell.relative and cell.relative.judged
              for end in (cell.relative.low, cell.relative.high)]
    write_whole(path, render(
        'compare.html.j2', title=f'{" and ".join(names[1:])} beside {names[0]}', names=names,
        runs=[result['about'] for result in results], rows=rows, warnings=warnings(results, names),
        # a change of more than half leaves the axis, so that small ones are seen
        reach=min(max(widest, default=0.0) or 0.01, 0.5), judged=len(judged),
        blocks=(min((one.block for one in judged), default=0), max((one.block for one in judged), default=0)),
        noise=noise, time=charts.time_plots(results, names), distance=charts.distance(results, names),
        sparsification=charts.sparsification(results, names)))
    return rows


def compare(results: Sequence[Result]) -> list[Row]:
    """Every figure of every run beside the first run's."""
    texts: dict[str, str] = {}
    for result in results:
        for part in ('figures', 'self_checks'):
            texts |= {name: result['units'].get(name, '') for name in result['series'][part]}
    rows = [_row(results, label(name, text), [_figure(result, name) for result in results])
            for name, text in texts.items()]
    latencies = [result['series']['latency_ms'] for result in results]
    rows += [_row(results, label('latency_mean', 'ms: of the frames that were answered'), latencies),
             _row(results, label('latency_p50', 'ms: the median'), latencies, noise.quantile(0.5)),
             _row(results, label('latency_p95', 'ms: 95 % of the frames take no longer'), latencies,
                  noise.quantile(0.95)),
             _row(results, label('answered', '1: share of the frames that were answered'), [
                 [1.0 - dropped for dropped in result['series']['dropped']] for result in results]),
             _row(results, label('stage', '1: the last stage that was run, mean'),
                  [result['series']['stage'] for result in results])]
    summaries = [{**result['summary'], **{f'latency_{name}': value for name, value
                                          in result['summary']['latency_ms'].items()}} for result in results]
    about = {'fps': '1/s: frames answered a second', 'latency_p99': 'ms: 99 % of the frames take no longer',
             'latency_max': 'ms: the longest',
             'deadline_missed_share': '1: share of the answers that came too late'}
    rows += [Row(label(name, about[name]), [Cell(summary.get(name)) for summary in summaries])
             for name in UNMARKED]
    return [row for row in rows if any(cell.value is not None for cell in row.cells)]


def warnings(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """What besides the node differs between the runs, a sentence each."""
    found = []
    for what, path in CONDITIONS.items():
        values = []
        for result in results:
            value: Any = result
            for key in path:
                value = (value or {}).get(key)
            values.append('none' if value is None else str(value))
        if len(set(values)) > 1:
            found.append(f'The runs differ in {what}: ' + ', '.join(
                f'{value} ({name})' for name, value in zip(names, values)) + '.')
    for result, name in zip(results[1:], names[1:]):
        if not _common(results[0], result):
            found.append(f'{name} has no frame of the same stamp as {names[0]}: their frames are not paired, '
                         'and only large differences can be told from noise.')
    return found


def table(rows: Sequence[Row], names: Sequence[str]) -> str:
    """For a terminal: a line a figure, '*' at what is larger than noise."""
    width = max(len(row.label.heading) for row in rows)
    column = max(20, *(len(name) + 2 for name in names))
    lines = [' ' * width + ''.join(f'{name:>{column}}' for name in names)]
    for row in rows:
        cells = []
        for cell in row.cells:
            mark = '*' if cell.verdict in ('better', 'worse', 'differs') else ' '
            change = '' if cell.relative is None else f' ({100 * cell.relative.value:+.1f} %)'
            cells.append(f'{number(cell.value)}{change}{mark}')
        lines.append(f'{row.label.heading:{width}}' + ''.join(f'{cell:>{column}}' for cell in cells))
    marked = sum(cell.verdict in ('better', 'worse', 'differs') for row in rows for cell in row.cells)
    return '\n'.join([*lines, f'* larger than noise: {marked}'])


def _figure(result: Result, name: str) -> Sequence[float | None] | None:
    series = result['series']
    return series['figures'].get(name, series['self_checks'].get(name))


def _row(results: Sequence[Result], about: Label, values: Sequence[Sequence[float | None] | None],
         statistic: noise.Statistic = noise.mean) -> Row:
    """values: of the frames of every run, None for a run without this figure."""
    series = [_in_time(result, of_run) for result, of_run in zip(results, values)]
    cells: list[Cell] = []
    for index, (result, own) in enumerate(zip(results, series)):
        known = own[np.isfinite(own)]
        value = float(statistic(known)) if known.size else None
        first = cells[0].value if cells else None
        if index == 0 or value is None or first is None:
            cells.append(Cell(value))
            continue
        common = _common(results[0], result)
        if common:
            frames = np.array(common).T
            difference = noise.paired(series[0][frames[0]], own[frames[1]], statistic=statistic)
        else:
            difference = noise.unpaired(series[0], own, statistic=statistic)
        cells.append(Cell(value, difference, _relative(difference, first), _verdict(about, difference)))
    return Row(about, cells)


def _relative(difference: Difference, first: float) -> Difference | None:
    if not first:
        return None
    return difference._replace(value=difference.value / abs(first), low=difference.low / abs(first),
                               high=difference.high / abs(first))


def _verdict(about: Label, difference: Difference) -> str:
    if not difference.judged:
        return 'unknown'
    if not difference.larger_than_noise:
        return 'noise'
    if not about.better:
        return 'differs'
    return 'better' if (difference.value < 0) == (about.better == 'lower') else 'worse'


def _in_time(result: Result, values: Sequence[float | None] | None) -> noise.Values:
    if values is None:
        return np.full(len(result['series']['t']), np.nan)
    return np.array([values[index] for index in charts.ordered(result)], np.float64)


def _common(first: Result, second: Result) -> list[tuple[int, int]]:
    """The places, in the order of time, of the frames whose stamps both have once."""
    stamps = [[result['series']['stamp_ns'][index] for index in charts.ordered(result)]
              for result in (first, second)]
    there = {stamp: place for place, stamp in enumerate(stamps[1])}
    return [(place, there[stamp]) for place, stamp in enumerate(stamps[0]) if stamp in there]
