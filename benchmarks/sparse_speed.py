"""
Dense depth from sparse depth beside interpolation: `python -m benchmarks.sparse_speed --json FILE`.

One process, 640x480, everything in turn again and again, so that what else the machine does hits all
alike; medians over the turns. A time runs from a sparse map to a dense one of full size, with ours
confidence included: `ours` and `ours_rgb` by the automatic engine and by eager torch, both stages.
`griddata` is SciPy's linear interpolation as it is, with the rest of the image left open; `linear` is
that with the nearest measurement there.

`ratio_griddata_over_ours` tells how many times as fast ours is, in the same run. Weights are random: no
network takes another way for what it has learned. Measured are 10 % and 1 % of the pixels, and scan lines.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch

from benchmarks.timing import machine
from depth_models.data import sparse_patterns
from depth_models.estimators.sparse import SparseDepthEstimator
from depth_models.evaluation import completion
from depth_models.frames import Image, Map
from depth_models.networks.sparse_depth import SparseDepth, SparseDepthConfig

SIZE = (480, 640)  # (height, width)
PATTERNS = ('uniform10', 'uniform1', 'scanlines')
PEERS: dict[str, completion.Completion] = {'griddata': completion.griddata_linear, **completion.METHODS}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--json', type=Path, help='file for the figures')
    parser.add_argument('--turns', type=int, default=15)
    parser.add_argument('--threads', type=int, default=0, help='of all that have some; 0: all cores')
    options = parser.parse_args(arguments)
    if options.turns < 2:
        parser.error(f'--turns must be 2 or more, the first one is warm-up, got {options.turns}')

    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    print(f'{machine()}, {threads} threads')
    ours = estimators(threads)
    for name, estimator in ours.items():
        print(f'{name:24} {estimator.describe()["engine"]}, {estimator.describe()["precision"]}')
    found: dict[str, dict[str, float]] = {}
    for pattern in PATTERNS:
        found[pattern] = measure(ours, pattern, options.turns)
        print(f'\n{pattern}')
        for name, value in found[pattern].items():
            print(f'  {name:36} {value:9.2f}' + ('' if name.startswith('ratio') else ' ms'))
        print(f'  {"frames a second":36} {1e3 / found[pattern]["ours_auto"]:9.1f}')
    if options.json:
        options.json.write_text(json.dumps({
            'machine': machine(), 'threads': threads, 'size': f'{SIZE[1]}x{SIZE[0]}', 'ms': found}, indent=2)
            + '\n')


def estimators(threads: int) -> dict[str, SparseDepthEstimator]:
    """Ours by the engine that users get, and by eager torch."""
    torch.manual_seed(0)
    return {f'{method}_{engine}': SparseDepthEstimator(
                SparseDepth(SparseDepthConfig(rgb=method == 'ours_rgb')), engine=engine, num_threads=threads)
            for engine in ('auto', 'torch') for method in ('ours', 'ours_rgb')}


def measure(ours: dict[str, SparseDepthEstimator], pattern: str, turns: int) -> dict[str, float]:
    """Milliseconds of everything, and ratios of them."""
    depth, image = scene()
    sparse = sparse_patterns.sample(pattern, np.random.default_rng(7), depth, image)
    work: dict[str, Callable[[], object]] = {}
    for name, estimator in ours.items():
        estimator.make_ready(SIZE)
        guide = image if estimator.guided else None
        for stage in (1, 2):
            title = name if stage == estimator.stages else f'{name}_stage{stage}'
            work[title] = lambda e=estimator, g=guide, s=stage: e.compute(sparse, g, stage=s)  # type: ignore[misc]
    for name, peer in PEERS.items():
        work[name] = lambda peer=peer: peer(sparse)  # type: ignore[misc]
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(turns):
        for name, once in work.items():
            started = perf_counter()
            once()
            spent[name].append((perf_counter() - started) * 1e3)
    ms = {name: float(np.median(values[1:])) for name, values in spent.items()}  # 1: warm-up
    return {**ms,
            **{f'ratio_{peer}_over_ours': ms[peer] / ms['ours_auto'] for peer in PEERS},
            'ratio_griddata_over_ours_rgb': ms['griddata'] / ms['ours_rgb_auto'],
            'ratio_torch_over_auto': ms['ours_torch'] / ms['ours_auto']}


def scene() -> tuple[Map, Image]:
    """A floor with boxes on it, 1 to 8 m away, and an image of noise; no time depends on what they are."""
    rng = np.random.default_rng(5)
    depth = np.repeat(np.linspace(8, 1.5, SIZE[0], dtype=np.float32)[:, None], SIZE[1], axis=1)
    for _ in range(12):
        top, left = (int(rng.integers(0, length - 80)) for length in SIZE)
        depth[top:top + int(rng.integers(20, 80)), left:left + int(rng.integers(20, 80))] = rng.uniform(1, 4)
    return depth, rng.integers(0, 256, (*SIZE, 3), np.uint8)


if __name__ == '__main__':
    main()
