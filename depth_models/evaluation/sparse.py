"""
`depth-nodes evaluate sparse`: how right dense depth from sparse depth is, pattern by pattern of what was
measured, beside what needs no learning; as a table, as JSON and as a sheet of pictures.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from depth_models.data.dataset import DepthDataset
from depth_models.data.depth_datasets import DEPTH_LAYOUTS, open_depth_dataset
from depth_models.data.samples import DepthSample
from depth_models.engines import ENGINES, PRECISIONS
from depth_models.evaluation import completion, pictures, report
from depth_models.evaluation.figures import Figures, mean, nulls
from depth_models.evaluation.mono_figures import MAX_DEPTH, MIN_DEPTH, Rules, judged
from depth_models.evaluation.sparse_figures import (
    HELD_OUT,
    NOTHING,
    PATTERNS,
    SCAN_LINES,
    SEED,
    UNITS,
    has_outliers,
    judge,
    measured,
)
from depth_models.evaluation.sparse_report import COLUMNS, pattern_panels
from depth_models.frames import Map

LEARNED = {'ours': 'sparse_depth', 'ours_rgb': 'sparse_depth_rgb'}  # shipped weights of a method
METHODS = (*LEARNED, *completion.METHODS)

DESCRIPTION = f"""\
Judge dense depth from sparse depth on frames with ground truth.

patterns, of what is measured of a frame: uniform10, uniform1, every pixel with probability 10 or 1 %;
gradient, gradient_uniform, along the gradients of the image, all of the 10 % or half of them; grid, every
third pixel of every third row; scanlines, of a LiDAR, 4.5 %; uniform10_outliers, of 10 % every tenth is
wrong. Where the data have a LiDAR's own points, they are the scan lines; where those of one scan are all
the truth, {HELD_OUT:.0%} of them, at random.

methods: ours, of depth alone; ours_rgb, of the image too; nearest; linear, SciPy's griddata with the
nearest outside of the triangles; inpaint, OpenCV's by fast marching; morphological, in the manner of
IP-Basic. Ours knows which patterns have outliers (denoise), as a user would.

Every method answers every pixel, and all pixels of known depth between the caps are judged, those that
were measured too, as in the literature; with --unseen only the others. Estimates are clipped to the caps.

metrics, and their units in the table and in the JSON (d estimated, d* true):
""" + '\n'.join(f'  {name:6} {text}' for name, text in UNITS.items()) + """

The JSON: {"mean": {pattern: {method: {metric: value}}}, "frames": {name: {pattern: {method: ...}}},
"units": {metric: text}, "about": {...}}, null where nothing was measured. A mean is over the frames
where something was, each counting the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, and what it says of itself."""
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    parser.add_argument('--data', type=Path, required=True, help='folder of a data set')
    parser.add_argument('--layout', default='auto', choices=('auto', *DEPTH_LAYOUTS),
                        help='of the folder; auto looks what is there')
    parser.add_argument('--frames', type=int, metavar='N', help='so many, evenly out of all (default: all)')
    parser.add_argument('--patterns', nargs='+', default=list(PATTERNS), choices=PATTERNS, metavar='PATTERN',
                        help=f'to measure by (default: {" ".join(PATTERNS)})')
    parser.add_argument('--methods', nargs='+', default=list(METHODS), choices=METHODS, metavar='METHOD',
                        help=f'to judge (default: {" ".join(METHODS)})')
    for method, shipped in LEARNED.items():
        parser.add_argument(f'--weights{method.removeprefix("ours").replace("_", "-")}', default=shipped,
                            metavar='WEIGHTS', help=f'of {method}: a shipped name or a .safetensors file '
                            '(default: %(default)s)')
    parser.add_argument('--engine', default='auto', choices=ENGINES)
    parser.add_argument('--precision', default='auto', choices=PRECISIONS)
    parser.add_argument('--min-depth', type=float, default=MIN_DEPTH, metavar='M',
                        help='cap in m (default %(default)g)')
    parser.add_argument('--max-depth', type=float, metavar='M', help='cap in m (default: '
                        '{indoors:g} indoors, {outdoors:g} outdoors)'.format(**MAX_DEPTH))
    parser.add_argument('--unseen', action='store_true', help='judge pixels that were not measured only')
    report.add_outputs(parser, 'pattern')


def run(options: argparse.Namespace) -> None:
    """Judge, print, write. Raises ValueError, OSError or ImportError in one sentence."""
    report.check_outputs(options)
    dataset = open_depth_dataset(options.data, options.layout, measured=True)
    rules = Rules('none', options.min_depth, options.max_depth or MAX_DEPTH[
        'indoors' if dataset.indoors else 'outdoors'], median_scaling=False)
    places = chosen(dataset, options.frames)
    patterns = [pattern for pattern in PATTERNS if pattern in options.patterns]
    methods = Methods(options)
    figures: dict[str, dict[str, dict[str, Figures]]] = {}  # by pattern, frame, method
    for name, place in tqdm(places.items(), unit='frame', disable=None, file=sys.stderr):
        sample = dataset[place]
        if not judged(sample.depth, rules).any():
            raise ValueError(f'{options.data}: no pixel of {name} has a known depth between the caps')
        for pattern in patterns:
            figures.setdefault(pattern, {})[name] = judged_frame(
                methods, pattern, sample, measured(pattern, sample, name), rules, unseen=options.unseen)
    means = {pattern: {method: mean([of_frame[method] for of_frame in frames.values()])
                       for method in methods.names} for pattern, frames in figures.items()}
    for pattern in patterns:
        if options.verbose:
            for name, of_frame in figures[pattern].items():
                print(report.table(f'{pattern}, {name}', of_frame, COLUMNS), end='\n\n')
        print(report.table(f'{pattern}, mean of {len(places)}', means[pattern], COLUMNS), end='\n\n')
    if options.json is not None:
        by_frame = {name: {pattern: figures[pattern][name] for pattern in patterns} for name in places}
        report.write_json(options.json, {'mean': nulls(means), 'frames': nulls(by_frame), 'units': UNITS,
                                         'about': about(options, rules, places, methods)})
    if options.sheet is not None:
        write_sheet(options, dataset, places, methods, figures)


class Methods:
    """The methods that were asked for, ready to answer."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises OSError, ValueError or ImportError in one sentence."""
        self.names = [method for method in METHODS if method in options.methods]
        self.estimators: dict[str, Any] = {}
        self.weights = {'ours': options.weights, 'ours_rgb': options.weights_rgb}
        for method in self.names:
            if method in LEARNED:
                from depth_models.estimators.sparse import SparseDepthEstimator  # loads torch

                estimator = SparseDepthEstimator.from_pretrained(
                    self.weights[method], engine=options.engine, precision=options.precision)
                if estimator.guided != (method == 'ours_rgb'):
                    raise ValueError(f'{method} needs weights of a network that sees '
                                     f'{"depth alone" if estimator.guided else "images too"}, '
                                     f'{self.weights[method]} has those of another one')
                self.estimators[method] = estimator

    def answer(self, method: str, pattern: str, sample: DepthSample, sparse: Map) -> tuple[Map, float]:
        """Depth [H,W] m, and the time that it took [ms]."""
        if method in self.estimators:
            estimator = self.estimators[method]
            estimator.make_ready(sparse.shape)  # takes its time once
            started = perf_counter()
            dense = estimator.compute(sparse, sample.image if estimator.guided else None,
                                      denoise=has_outliers(pattern)).depth
        else:
            started = perf_counter()
            dense = completion.METHODS[method](sparse)
        return dense, (perf_counter() - started) * 1e3


def judged_frame(methods: Methods, pattern: str, sample: DepthSample, sparse: Map, rules: Rules, *,
                 unseen: bool) -> dict[str, Figures]:
    """Figures of every method."""
    if not np.isfinite(sparse).any():
        return dict.fromkeys(methods.names, NOTHING)
    found = {}
    for method in methods.names:
        dense, ms = methods.answer(method, pattern, sample, sparse)
        found[method] = judge(dense, sample.depth, rules, ms=ms, given=sparse if unseen else None)
    return found


def chosen(dataset: DepthDataset, count: int | None) -> dict[str, int]:
    """The places in a data set of `count` of its frames, evenly spread, by name."""
    if count is not None and count < 1:
        raise ValueError(f'--frames must be 1 or more, got {count}')
    places = np.linspace(0, len(dataset) - 1, min(count or len(dataset), len(dataset)))
    return {dataset.names[place]: int(place) for place in np.rint(places).astype(int)}


def about(options: argparse.Namespace, rules: Rules, places: Mapping[str, int], methods: Methods
          ) -> dict[str, Any]:
    """What made the figures."""
    command = ['depth-nodes', 'evaluate', 'sparse', '--data', str(options.data), '--layout', options.layout,
               *(['--frames', str(options.frames)] if options.frames else []),
               '--patterns', *options.patterns, '--methods', *options.methods, '--weights', options.weights,
               '--weights-rgb', options.weights_rgb, '--engine', options.engine,
               '--precision', options.precision, '--min-depth', f'{rules.min_depth:g}',
               '--max-depth', f'{rules.max_depth:g}', *(['--unseen'] if options.unseen else [])]
    return {'command': shlex.join(command), 'frames': len(places), 'seed': SEED,
            'weights': {method: report.about_weights(methods.weights[method], estimator.describe())
                        for method, estimator in methods.estimators.items()},
            'rules': {'min_depth_m': rules.min_depth, 'max_depth_m': rules.max_depth,
                      'unseen_only': options.unseen,
                      'denoise': [pattern for pattern in options.patterns if has_outliers(pattern)],
                      f'held_out_of_lidar_in_{SCAN_LINES}': HELD_OUT}}


def write_sheet(options: argparse.Namespace, dataset: DepthDataset, places: Mapping[str, int],
                methods: Methods, figures: Mapping[str, Mapping[str, Mapping[str, Figures]]]) -> None:
    """A row of pictures for every pattern, of the frame on which the first method is in the middle."""
    rows, leading = [], methods.names[0]
    for pattern, frames in figures.items():
        known = sorted((name for name in frames if np.isfinite(frames[name][leading]['rmse'])),
                       key=lambda name: frames[name][leading]['rmse'])
        if not known:
            continue
        name = known[len(known) // 2]
        sample = dataset[places[name]]
        sparse = measured(pattern, sample, name)
        answers = {method: methods.answer(method, pattern, sample, sparse)[0] for method in methods.names}
        rows.append(pattern_panels(f'{pattern}: {name}', sample, sparse, answers, frames[name]))
    if not rows:
        raise ValueError(f'{options.data}: nothing was measured of any frame, there is nothing to show')
    title = f'{options.data.resolve().name}: {len(places)} frames'
    note = f'of every pattern the frame on which {leading} is in the middle by RMSE; black: unknown'
    pictures.save(options.sheet, report.sheet(title, rows, note))
    print(f'wrote {options.sheet}')
