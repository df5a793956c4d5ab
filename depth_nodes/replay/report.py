"""
The report of one run: `report.html`, one file that opens from disk, and `report.json` with the same figures.

A result is a plain dictionary:

    about            command, bag, kind, node, mode, topics {role: topic}, truth (text or None), notes
                     [sentences], estimator {name: text}, system {name: text or {name: text}}
    summary          frames, answered, dropped, seconds, fps, latency_ms {p50, p95, p99, max},
                     figures {name: mean}, self_checks {name: mean}, deadline_missed_share
    series           t [s], stamp_ns, latency_ms, stage, dropped (0 or 1), figures {name: [...]},
                     self_checks {name: [...]}: a value for every frame, None where there is none
    distance         [{near, far, share, mean_abs, abs_rel}]
    sparsification   {share (removed), error, oracle, ause} or None
    unit, units      'm' or 'px' of the errors; {name of a figure: 'unit: what it is'}
    pictures         {by (name of a figure), best, worst: [{stamp_ns, jpeg (base64), figure}]}
    cloud            {points, count} by `packed_cloud`, or None

The first figure, or without truth the first self-check, is the one that the summary shows first.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_nodes.replay import charts
from depth_nodes.replay.charts import Result
from depth_nodes.replay.page import label, number, plain, render, write_whole

MAX_POINTS = 120_000  # of a cloud: 2.4 MB of the page
ONLY_IN_THE_PAGE = ('pictures', 'cloud')
TILES = 3  # figures in the summary
NARROW = '\u202f'  # a space at which no line ends


def write_report(result: Result, folder: Path) -> Path:
    """Write report.html, then report.json, into a folder; the page's path. ValueError: see `check`."""
    check(result)
    write_whole(folder / 'report.html', page(result))
    kept = {name: value for name, value in result.items() if name not in ONLY_IN_THE_PAGE}
    write_whole(folder / 'report.json', json.dumps(plain(kept), indent=1, allow_nan=False) + '\n')
    return folder / 'report.html'


def check(result: Result) -> None:
    """ValueError where a series has not one value for every frame."""
    series = result['series']
    count = len(series['t'])
    if count == 0:
        raise ValueError('series t has no frames: there is nothing to report')
    for name in ('stamp_ns', 'latency_ms', 'stage', 'dropped'):
        _of_length(name, series[name], count)
    for part in ('figures', 'self_checks'):
        for name, values in series[part].items():
            _of_length(f'{part} {name}', values, count)


def packed_cloud(points: NDArray[np.floating], colours: NDArray[np.uint8]) -> dict[str, Any] | None:
    """
    Points [N,3] (x right, y down, z forward) [m] and colours [N,3] RGB as results hold them.

    Base64 of every point's three little-endian float32, then every point's three uint8. Unknown points and
    those behind the camera are left out, and so are some, evenly, where there are more than MAX_POINTS;
    None where no point is left.
    """
    known = np.isfinite(points).all(axis=1) & (points[:, 2] > 0)
    points, colours = points[known], colours[known]
    if len(points) == 0:
        return None
    if len(points) > MAX_POINTS:
        kept = np.linspace(0, len(points) - 1, MAX_POINTS).round().astype(int)
        points, colours = points[kept], colours[kept]
    data = points.astype('<f4').tobytes() + np.ascontiguousarray(colours, np.uint8).tobytes()
    return {'points': base64.b64encode(data).decode(), 'count': len(points)}


def page(result: Result) -> str:
    """The report as HTML."""
    about, summary = result['about'], result['summary']
    bag = Path(about['bag']).name
    curve = result.get('sparsification')
    cloud = result.get('cloud')
    return render(
        'report.html.j2', title=f'{about["node"]} on {bag}',
        subtitle=f'{about["mode"]} · {about["bag"]} ({about["kind"]}) · truth: {about["truth"] or "none"}',
        notes=about['notes'], tiles=list(tiles(result)), rows=figure_rows(result), command=about['command'],
        time=charts.time_plots([result], [bag]), unit=result['unit'],
        distance=charts.distance([result], [bag]), bins=result.get('distance') or [],
        sparsification=charts.sparsification([result], [bag]), ause=curve and curve.get('ause'),
        curve=[dict(zip(('share', 'error', 'oracle'), row))
               for row in zip(curve['share'], curve['error'], curve['oracle'])] if curve else [],
        pictures=_pictures(result), cloud=cloud and {
            **cloud, 'text': f'{number(cloud["count"])} points, x right, y down, z forward.'},
        tables=[(name, facts) for name, facts in (
            ('Run', _facts(_run(about, summary))), ('Topics', list(about['topics'].items())),
            ('Estimator', _facts(about['estimator'])), ('System', _facts(about['system']))) if facts])


def tiles(result: Result) -> Iterable[dict[str, str]]:
    """The figures to see first."""
    summary, units = result['summary'], result['units']
    latency = summary['latency_ms']
    for name, mean in list((summary['figures'] or summary['self_checks']).items())[:TILES]:
        about = label(name, units.get(name, ''))
        yield {'name': name, 'value': number(mean), 'unit': about.unit, 'more': about.meaning}
    yield {'name': 'latency, median', 'value': number(latency['p50'], 3), 'unit': 'ms',
           'more': ', '.join(f'{name} {number(latency[key], 3)}' for name, key in (
               (f'95{NARROW}%', 'p95'), (f'99{NARROW}%', 'p99'), ('worst', 'max')))}
    yield {'name': 'speed', 'value': number(summary['fps'], 3), 'unit': 'frames/s',
           'more': f'{number(summary["frames"])} frames in {number(summary["seconds"])} s'}
    share = summary['dropped'] / max(summary['frames'], 1)
    missed = summary.get('deadline_missed_share')
    late = '' if missed is None else f'; {number(100 * missed, 3)}{NARROW}% of the answers came too late'
    yield {'name': 'without an answer', 'value': number(summary['dropped']), 'unit': 'frames',
           'more': f'{number(100 * share, 3)}{NARROW}% of {number(summary["frames"])}{late}'}


def figure_rows(result: Result) -> list[dict[str, Any]]:
    """Every figure's mean and quantiles over the frames."""
    series, units = result['series'], result['units']
    named = {**series['figures'], **series['self_checks'], 'latency_ms': series['latency_ms'],
             'stage': series['stage']}
    texts = {'latency_ms': 'ms: of a frame that was answered', 'stage': '1: the last stage that was run',
             **units}
    rows = []
    for name, values in named.items():
        known = np.array([value for value in values if value is not None], np.float64)
        known = known[np.isfinite(known)]
        if known.size:
            p5, p50, p95, p99 = (float(value) for value in np.quantile(known, (0.05, 0.5, 0.95, 0.99)))
            rows.append({'label': label(name, texts.get(name, '')), 'mean': float(known.mean()), 'p5': p5,
                         'p50': p50, 'p95': p95, 'p99': p99, 'frames': known.size})
    return rows


def _pictures(result: Result) -> dict[str, Any] | None:
    pictures = result.get('pictures') or {}
    if not pictures.get('best') and not pictures.get('worst'):
        return None
    by = pictures.get('by', '')
    unit = label(by, result['units'].get(by, '')).unit
    when = dict(zip(result['series']['stamp_ns'], result['series']['t']))

    def shown(frame: Mapping[str, Any]) -> dict[str, Any]:
        at = when.get(frame['stamp_ns'])
        parts = [f'{by} {number(frame["figure"])} {unit}'.strip(), '' if at is None else f'at {at:.2f} s']
        return {'stamp_ns': frame['stamp_ns'], 'jpeg': frame['jpeg'], 'text': ', '.join(filter(None, parts))}

    return {'by': by, 'best': [shown(frame) for frame in pictures.get('best', [])],
            'worst': [shown(frame) for frame in pictures.get('worst', [])]}


def _run(about: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    return {'node': about['node'], 'mode': about['mode'], 'bag': about['bag'], 'kind of bag': about['kind'],
            'truth': about['truth'] or 'none', 'frames': summary['frames'], 'answered': summary['answered']}


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts; what is nested becomes one text."""
    rows = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            value = ', '.join(f'{part} {of_part}' for part, of_part in value.items())
        rows.append((str(name).replace('_', ' '), '–' if value is None else str(value)))
    return rows


def _of_length(name: str, values: Any, count: int) -> None:
    if len(values) != count:
        raise ValueError(f'series {name} has {len(values)} values, expected {count}, one for every frame')
