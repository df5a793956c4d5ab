"""What a replay found, as one plain dictionary that JSON can hold: the input of reports and comparisons."""

import importlib.metadata
import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.evaluation.frame_scores import UNITS
from depth_nodes.replay.judge import Judge, Row
from depth_nodes.replay.page import plain

PACKAGES = ('depth_nodes', 'numpy', 'opencv-python-headless', 'torch', 'onnxruntime', 'openvino', 'rosbags',
            'rclpy')
CHECKS = {'photometric': 'grey levels: mean difference, of 255, of what disparity says is the same',
          'left_right': '0..1: share of the pixels whose two disparities differ by more than 1 px',
          'flicker': '0..1: median change of depth where the image did not change',
          'planarity_residual_m': 'm: mean distance from the largest plane',
          'planarity_residual_relative': '0..1: the same along the ray, of the depth',
          'planarity_share': '0..1: share of the pixels on the largest plane'}


def assemble(about: Mapping[str, Any], judge: Judge, *, seconds: float,
             deadline_missed_share: float | None = None) -> dict[str, Any]:
    """The result: about, summary, series, distance, sparsification, units, pictures, cloud.

    about: see `about_run`; seconds: that the run took by the clock on the wall. Numbers that are not
    known are None, as in JSON, never NaN.
    """
    rows = judge.rows
    figures, checks = _columns([row.figures for row in rows]), _columns([row.self_checks for row in rows])
    answered = [row for row in rows if row.stage is not None]
    return plain({
        'about': {**about, 'notes': [*about['notes'], *judge.notes()]},
        'summary': {
            'frames': len(rows), 'answered': len(answered), 'dropped': len(rows) - len(answered),
            'seconds': round(seconds, 3), 'fps': len(answered) / seconds if seconds else None,
            'latency_ms': _latency([row.latency_ms for row in answered if row.latency_ms is not None]),
            'figures': _means(figures), 'self_checks': _means(checks),
            'deadline_missed_share': deadline_missed_share},
        'series': {**_series(rows), 'figures': figures, 'self_checks': checks},
        'distance': judge.distance(), 'sparsification': judge.sparsification(),
        'unit': 'm', 'units': {**{name: UNITS['px' if 'epe' in figures else 'm'].get(name) or UNITS['m'][name]
                                  for name in figures}, **{name: CHECKS[name] for name in checks}},
        'pictures': judge.showcase.pictures(), 'cloud': judge.showcase.cloud()})


def about_run(*, command: str, bag: Path, kind: str, node: str, mode: str,
              topics: Mapping[str, str | None], truth: str | None, notes: Sequence[str],
              estimator: Mapping[str, str]) -> dict[str, Any]:
    """What was run, on what. mode: 'every-frame' or 'realtime'; kind: of the bag."""
    return {'command': command, 'bag': str(bag), 'kind': kind, 'node': node, 'mode': mode,
            'topics': dict(topics), 'truth': truth, 'notes': list(notes), 'estimator': dict(estimator),
            'system': system()}


def system() -> dict[str, Any]:
    """The machine, and the versions of what computes on it."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # not every one is needed
    return {'cpu': _cpu(), 'cores': os.cpu_count(),
            'ram_gb': round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30, 1),
            'os': platform.platform(), 'python': platform.python_version(), 'versions': versions,
            'load': round(os.getloadavg()[0], 2)}


def _series(rows: Sequence[Row]) -> dict[str, Any]:
    first = rows[0].stamp_ns if rows else 0
    return {'t': [round((row.stamp_ns - first) * 1e-9, 6) for row in rows],
            'stamp_ns': [row.stamp_ns for row in rows],
            'latency_ms': [row.latency_ms for row in rows], 'stage': [row.stage for row in rows],
            'dropped': [int(row.stage is None) for row in rows]}


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float | None]]:
    """{name: a value or None for every row}, in the order in which the names first come."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_number(row.get(name)) for row in rows] for name in names}


def _means(columns: Mapping[str, Sequence[float | None]]) -> dict[str, float | None]:
    """Of the frames that have a value."""
    known = {name: [value for value in values if value is not None] for name, values in columns.items()}
    return {name: float(np.mean(values)) if values else None for name, values in known.items()}


def _latency(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return dict.fromkeys(('p50', 'p95', 'p99', 'max'))
    p50, p95, p99 = np.percentile(values, (50, 95, 99)).tolist()
    return {'p50': p50, 'p95': p95, 'p99': p99, 'max': max(values)}


def _number(value: float | None) -> float | None:
    """A plain number; None where it is not known, which JSON has no NaN for."""
    return None if value is None or not math.isfinite(value) else float(value)


def _cpu() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith(('model name', 'Model'))]
    return names[0] if names else platform.machine()
