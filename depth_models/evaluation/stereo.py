"""
`depth-nodes evaluate stereo`: how right the networks are on pairs with ground truth, stage by stage,
beside OpenCV's matchers; as a table, as JSON and as a sheet of pictures.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from tqdm import tqdm

from depth_models.data.samples import StereoSample
from depth_models.data.stereo_datasets import LAYOUTS, open_stereo_dataset
from depth_models.engines import ENGINES, PRECISIONS
from depth_models.evaluation import classical, pictures, report, stereo_report
from depth_models.evaluation.figures import Figures, means_of, nulls
from depth_models.evaluation.stereo_figures import UNITS, Answer, judge

STAGES = (1, 2, 3, 4)
SEARCHED = 192  # px: what a network searches where the truth does not reach farther
WEIGHTS = ('anynet_wide', 'anynet')  # judged if nothing else is asked for
PEER = 'sgbm'  # beside ours on the sheet

DESCRIPTION = f"""\
Judge stereo networks, stage by stage, and OpenCV's matchers on rectified pairs with ground truth.

methods: stage1 to stage4 of the first of the weights, anynet_stage1 and so on of the others;
bm, sgbm and sgbm_3way with their holes filled as KITTI's devkit does; bm_sparse, sgbm_sparse and
sgbm_3way_sparse with holes left open, judged where they answer.
OpenCV's matchers search a pair's true range, rounded up to 16 px: the best case for them. Networks
search {SEARCHED} px, or the true range where that is larger.

metrics, and their units in the table and in the JSON:
""" + '\n'.join(f'  {name:11} {text}' for name, text in UNITS.items() if not name.endswith('_noc')) + """
  ..._noc     the same of non-occluded pixels, where the data say which: epe, bad, d1, density, ause

The JSON: {"pairs": {name: {method: {metric: value}}}, "mean": {method: {metric: value}},
"units": {metric: text}, "about": {...}}, null where a metric does not apply. A mean is over the
pairs where it does, each counting the same."""

Result = TypeVar('Result')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, and what it says of itself."""
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    parser.add_argument('--data', type=Path, required=True, help='folder of a data set')
    parser.add_argument('--layout', default='auto', choices=('auto', *LAYOUTS),
                        help='of the folder; auto looks what is there')
    parser.add_argument('--weights', nargs='+', default=list(WEIGHTS), metavar='WEIGHTS',
                        help=f'shipped names or .safetensors files (default: {" ".join(WEIGHTS)})')
    parser.add_argument('--stages', type=int, nargs='*', default=list(STAGES), choices=STAGES,
                        help="stages to judge; none: only OpenCV's matchers")
    parser.add_argument('--engine', default='auto', choices=ENGINES)
    parser.add_argument('--precision', default='auto', choices=PRECISIONS)
    parser.add_argument('--max-disparity', type=int, metavar='PX',
                        help='searched by every method in every pair, whatever the truth')
    report.add_outputs(parser, 'pair')


def run(options: argparse.Namespace) -> None:
    """Judge, print, write. Raises ValueError or OSError in one sentence."""
    if options.max_disparity is not None and options.max_disparity < 1:
        raise ValueError(f'--max-disparity must be 1 px or more, got {options.max_disparity}')
    report.check_outputs(options)
    dataset = open_stereo_dataset(options.data, layout=options.layout)
    names = [Path(weights).stem for weights in options.weights]
    if len(set(names)) < len(names):
        raise ValueError(f'--weights must have different names, got {" ".join(options.weights)}')
    learned = [Stages(weights, options.stages, f'{name}_' if number else '', engine=options.engine,
                      precision=options.precision)
               for number, (weights, name) in enumerate(zip(options.weights, names)) if options.stages]

    def answers_to(sample: StereoSample) -> dict[str, Answer]:
        found = opencv_answers(sample, options.max_disparity or range_of(sample))
        for stages in learned:
            found |= stages.answers(sample, options.max_disparity or max(range_of(sample), SEARCHED))
        return found

    figures: dict[str, dict[str, Figures]] = {}
    ranges: dict[str, int] = {}
    places = {name: place for place, name in enumerate(dataset.names)}
    for name, place in tqdm(places.items(), unit='pair', disable=None, file=sys.stderr):
        sample = dataset[place]
        if not np.isfinite(sample.disparity).any():
            raise ValueError(f'{options.data}: no pixel of {name} has a known disparity')
        ranges[name] = options.max_disparity or range_of(sample)
        figures[name] = {method: judge(answer, sample)
                         for method, answer in answers_to(sample).items()}
    means = means_of(figures)
    _print(figures, means, every_pair=options.verbose)
    if options.json is not None:
        about = _about(options, ranges, learned)
        report.write_json(options.json, {'pairs': nulls(figures), 'mean': nulls(means), 'units': UNITS,
                                         'about': about})
    if options.sheet is not None:
        method = f'stage{max(options.stages)}' if learned else PEER
        rows = []
        for name in report.to_show(figures, method, 'bad2'):  # anew: not all maps fit memory
            sample = dataset[places[name]]
            answers = answers_to(sample)
            rows.append(stereo_report.pair_panels(
                name, sample, {shown: answers[shown] for shown in dict.fromkeys((method, PEER))}))
        title = f'{options.data.resolve().name}: {len(figures)} pairs'
        note = 'some of them, from the best to the worst by bad-2; black: unknown'
        pictures.save(options.sheet, report.sheet(title, rows, note))
        print(f'wrote {options.sheet}')


def range_of(sample: StereoSample) -> int:
    """The range [px] that holds all true disparities, rounded up to 16 px."""
    return (max(int(np.nanmax(sample.disparity)), 0) // 16 + 1) * 16


def opencv_answers(sample: StereoSample, max_disparity: int) -> dict[str, Answer]:
    """`bm` and so on, with holes filled, then `bm_sparse` and so on, as the matchers leave them."""
    sparse = {}
    for name, match in classical.MATCHERS.items():
        disparity, seconds = _timed(match, sample.left, sample.right, max_disparity)
        sparse[name] = Answer(disparity, None, seconds)
    filled = {name: Answer(classical.fill_holes(answer.disparity), None, answer.seconds)
              for name, answer in sparse.items()}
    return {**filled, **{f'{name}_sparse': answer for name, answer in sparse.items()}}


class Stages:
    """A network's stages, made ready for whatever range and size a pair needs."""

    def __init__(self, weights: str, stages: Sequence[int], prefix: str = '', **options: Any) -> None:
        """
        prefix: of the methods' names. options: of the StereoMatcher, for instance its engine.

        Raises as `StereoMatcher.from_pretrained`.
        """
        from depth_models.estimators.stereo import StereoMatcher  # loads torch

        self._make = lambda searched: StereoMatcher.from_pretrained(
            weights, max_disparity=searched, **options)
        self._matchers = {SEARCHED: self._make(SEARCHED)}  # by range: that of a matcher is fixed
        self._stages, self._prefix = sorted(set(stages)), prefix
        self.weights = weights

    def answers(self, sample: StereoSample, max_disparity: int) -> dict[str, Answer]:
        """`stage1` and so on, each run from its beginning."""
        if max_disparity not in self._matchers:
            self._matchers[max_disparity] = self._make(max_disparity)
        matcher = self._matchers[max_disparity]
        matcher.make_ready((sample.left.shape[0], sample.left.shape[1]))  # outside the time taken
        found = {}
        for stage in self._stages:
            estimate, seconds = _timed(matcher.compute, sample.left, sample.right, stage=stage)
            found[f'{self._prefix}stage{stage}'] = Answer(estimate.disparity, estimate.confidence, seconds)
        return found

    def describe(self) -> dict[str, str]:
        """Engine, precision and so on, for people."""
        return self._matchers[SEARCHED].describe()


def _print(figures: Mapping[str, Mapping[str, Figures]], means: Mapping[str, Figures], *,
           every_pair: bool) -> None:
    if every_pair:
        for name, of_pair in figures.items():
            print(report.table(name, of_pair, stereo_report.COLUMNS), end='\n\n')
    print(report.table(f'mean of {len(figures)}', means, stereo_report.COLUMNS))
    marked = sum(np.isfinite(next(iter(of_pair.values()))['density_noc'])
                 for of_pair in figures.values())
    if marked:
        print('\nnon-occluded pixels\n'
              + report.table(f'mean of {marked}', means, stereo_report.OF_NON_OCCLUDED))


def _about(options: argparse.Namespace, ranges: Mapping[str, int], learned: Sequence[Stages]
           ) -> dict[str, Any]:
    """What made the figures; ranges: that OpenCV's matchers searched [px], by pair."""
    networks = {stages.weights: report.about_weights(stages.weights, stages.describe())
                for stages in learned}
    return {'command': _command(options), 'pairs': len(ranges), 'weights': networks,
            'opencv': cv2.__version__, 'opencv_searched_px': dict(ranges)}


def _command(options: argparse.Namespace) -> str:
    words = ['depth-nodes', 'evaluate', 'stereo', '--data', str(options.data),
             '--layout', options.layout, '--weights', *options.weights,
             '--stages', *map(str, options.stages),
             '--engine', options.engine, '--precision', options.precision]
    if options.max_disparity is not None:
        words += ['--max-disparity', str(options.max_disparity)]
    return shlex.join(words)


def _timed(work: Callable[..., Result], *arguments: Any, **options: Any) -> tuple[Result, float]:
    started = time.perf_counter()
    result = work(*arguments, **options)
    return result, time.perf_counter() - started
