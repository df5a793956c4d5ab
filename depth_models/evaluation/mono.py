"""
`depth-nodes evaluate mono`: how right depth from one image is on frames with ground truth, beside
floors that do not look at the image; as a table, as JSON and as a sheet of pictures.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from depth_models.data.dataset import DepthDataset
from depth_models.data.depth_datasets import DEPTH_LAYOUTS, open_depth_dataset
from depth_models.engines import ENGINES, PRECISIONS
from depth_models.evaluation import floors, mono_report, pictures, report
from depth_models.evaluation.figures import Figures, means_of, nulls
from depth_models.evaluation.mono_figures import (
    CROPS,
    MAX_DEPTH,
    MIN_DEPTH,
    UNITS,
    Rules,
    judge,
    judged,
    prepared,
)
from depth_models.frames import Image, Map
from depth_models.pretrained import SHIPPED

# methods of each kind of network, with the stage that they are
STAGES = {'mono_unet': {'mono_unet': 1}, 'coarse_to_fine': {'coarse': 1, 'fine': 2}}
LEARNED = tuple(method for methods in STAGES.values() for method in methods)
FLOORS = ('floor_constant', 'floor_rows')
METHODS = (*LEARNED, *FLOORS)

DESCRIPTION = """\
Judge depth from one image on frames with ground truth, beside two floors.

methods: mono_unet; coarse and fine, the stages of coarse to fine; floor_constant, the median depth of
the training views everywhere; floor_rows, their mean depth row by row. Of weights whose kind was
there before, methods have the name of the file before theirs: mine_fine.

A frame is judged where its depth is known, within the crop and between the caps. Estimates are scaled
by the ratio of the medians there, then clipped to the caps. Crops: eigen and garg are the windows that
the literature judges; eigen is that of NYU for indoor layouts, of KITTI for kitti_raw.

metrics, and their units in the table and in the JSON (d estimated, d* true):
""" + '\n'.join(f'  {name:11} {text}' for name, text in UNITS.items()) + """

The JSON: {"mean": {method: {metric: value}}, "frames": {name: {method: {metric: value}}},
"units": {metric: text}, "about": {...}}, null where a metric does not apply. A mean is over the
frames where it does, each counting the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, and what it says of itself."""
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    parser.add_argument('--data', type=Path, required=True, help='folder of a data set')
    parser.add_argument('--layout', default='auto', choices=('auto', *DEPTH_LAYOUTS),
                        help='of the folder; auto looks what is there')
    parser.add_argument('--methods', nargs='+', default=list(METHODS), choices=METHODS, metavar='METHOD',
                        help=f'to judge (default: {" ".join(METHODS)})')
    parser.add_argument('--weights', nargs='+', metavar='WEIGHTS',
                        help='shipped names or .safetensors files (default: the shipped ones of the '
                             f'methods, {" ".join(STAGES)})')
    parser.add_argument('--engine', default='auto', choices=ENGINES)
    parser.add_argument('--precision', default='auto', choices=PRECISIONS)
    parser.add_argument('--crop', default='none', choices=('none', 'eigen', 'garg'))
    parser.add_argument('--min-depth', type=float, default=MIN_DEPTH, metavar='M',
                        help='cap in m (default %(default)g)')
    parser.add_argument('--max-depth', type=float, metavar='M', help='cap in m '
                        '(default: {indoors:g} indoors, {outdoors:g} for kitti_raw)'.format(**MAX_DEPTH))
    parser.add_argument('--median-scaling', action=argparse.BooleanOptionalAction, default=True,
                        help='of every estimate to the truth of its frame (default: yes)')
    report.add_outputs(parser, 'frame')


def run(options: argparse.Namespace) -> None:
    """Judge, print, write. Raises ValueError, OSError or ImportError in one sentence."""
    report.check_outputs(options)
    dataset = open_depth_dataset(options.data, layout=options.layout)
    rules = rules_for(options, dataset)
    methods = Methods(options, rules.max_depth)
    figures: dict[str, dict[str, Figures]] = {}
    places = {name: place for place, name in enumerate(dataset.names)}
    for name, place in tqdm(places.items(), unit='frame', disable=None, file=sys.stderr):
        sample = dataset[place]
        if not judged(sample.depth, rules).any():
            raise ValueError(f'{options.data}: no pixel of {name} has a known depth within crop and caps')
        figures[name] = {method: judge(depth, sample.depth, rules)
                         for method, depth in methods.answers(sample.image).items()}
    means = means_of(figures)
    if options.verbose:
        for name, of_frame in figures.items():
            print(report.table(name, of_frame, mono_report.COLUMNS), end='\n\n')
    print(report.table(f'mean of {len(figures)}', means, mono_report.COLUMNS))
    if options.json is not None:
        about = {'command': command_of(options, rules), 'frames': len(figures), **methods.about(),
                 'rules': {'crop': list(CROPS[rules.crop]), 'min_depth_m': rules.min_depth,
                           'max_depth_m': rules.max_depth, 'median_scaling': rules.median_scaling}}
        report.write_json(options.json, {'mean': nulls(means), 'frames': nulls(figures), 'units': UNITS,
                                         'about': about})
    if options.sheet is not None:
        rows = []
        for name in report.to_show(figures, methods.names[0], 'abs_rel'):  # anew: not all maps fit memory
            sample = dataset[places[name]]
            answers = {method: prepared(depth, sample.depth, rules)
                       for method, depth in methods.answers(sample.image).items()}
            rows.append(mono_report.frame_panels(name, sample, answers, figures[name]))
        title = f'{options.data.resolve().name}: {len(figures)} frames'
        note = (f'some of them, from the best to the worst by AbsRel of {methods.names[0]}; '
                f'{"scaled by the median; " if rules.median_scaling else ""}black: unknown')
        pictures.save(options.sheet, report.sheet(title, rows, note))
        print(f'wrote {options.sheet}')


def rules_for(options: argparse.Namespace, dataset: DepthDataset) -> Rules:
    """What the options leave open depends on the data. Raises ValueError for caps that make no sense."""
    crop = options.crop
    if crop == 'eigen':
        crop = 'eigen_nyu' if dataset.indoors else 'eigen_kitti'
    largest = options.max_depth
    if largest is None:
        largest = MAX_DEPTH['indoors' if dataset.indoors else 'outdoors']
    return Rules(crop, options.min_depth, largest, options.median_scaling)


class Methods:
    """The methods that were asked for, ready to answer."""

    def __init__(self, options: argparse.Namespace, max_depth: float) -> None:
        """max_depth: m, to choose the floors by. Raises OSError or ValueError in one sentence."""
        from depth_models.estimators.mono import MonoEstimator  # loads torch

        wanted = list(dict.fromkeys(options.methods))
        weights = options.weights or _shipped(wanted)
        if len({Path(name).stem for name in weights}) < len(weights):
            raise ValueError(f'--weights must have different names, got {" ".join(weights)}')
        self._estimators: dict[str, Any] = {}
        self._stages: dict[str, tuple[str, int]] = {}  # of a method: weights and stage
        kinds: set[str] = set()
        for name in weights:
            estimator = MonoEstimator.from_pretrained(name, engine=options.engine,
                                                      precision=options.precision)
            kind = estimator.describe()['model']
            prefix = f'{Path(name).stem}_' if kind in kinds else ''
            kinds.add(kind)
            self._estimators[name] = estimator
            self._stages |= {prefix + method: (name, stage) for method, stage in STAGES[kind].items()
                             if method in wanted}
        if missing := [method for method in wanted if method not in (*self._stages, *FLOORS)]:
            raise ValueError(f'--weights {" ".join(weights)} have no {", ".join(missing)}: add weights, or '
                             'name the methods to judge by --methods')
        self._floors = floors.read(max_depth) if set(FLOORS) & set(wanted) else None
        self.names = [*self._stages, *(method for method in FLOORS if method in wanted)]

    def answers(self, image: Image) -> dict[str, Map]:
        """Depth [H,W] by method, each computed from its beginning."""
        found = {method: self._estimators[weights].compute(image, stage=stage).depth
                 for method, (weights, stage) in self._stages.items()}
        size = image.shape[0], image.shape[1]
        if self._floors is not None:
            answers, _ = self._floors
            every = {'floor_constant': answers.constant(size), 'floor_rows': answers.by_rows(size)}
            found |= {method: every[method] for method in FLOORS if method in self.names}
        return found

    def about(self) -> dict[str, Any]:
        """What made the answers."""
        made: dict[str, Any] = {'weights': {name: report.about_weights(name, estimator.describe())
                                            for name, estimator in self._estimators.items()}}
        if self._floors is not None:
            answers, about = self._floors
            made['floors'] = {'max_depth_m': answers.max_depth, **about}
        return made


def _shipped(methods: Sequence[str]) -> list[str]:
    """The shipped weights that methods need; FileNotFoundError naming the methods that have none."""
    needed = [name for name, stages in STAGES.items() if set(stages) & set(methods)]
    absent = {name for name in needed if not (SHIPPED / f'{name}.safetensors').is_file()}
    lacking = [method for name in STAGES if name in absent for method in STAGES[name] if method in methods]
    if lacking:
        rest = [method for method in methods if method not in lacking]
        raise FileNotFoundError(
            f'no weights for {", ".join(lacking)} are shipped in {SHIPPED}; name files by --weights'
            + (f', or judge the rest by --methods {" ".join(rest)}' if rest else ''))
    return needed


def command_of(options: argparse.Namespace, rules: Rules) -> str:
    words = ['depth-nodes', 'evaluate', 'mono', '--data', str(options.data), '--layout', options.layout,
             '--methods', *options.methods, *(['--weights', *options.weights] if options.weights else []),
             '--engine', options.engine, '--precision', options.precision, '--crop', options.crop,
             '--min-depth', f'{rules.min_depth:g}', '--max-depth', f'{rules.max_depth:g}',
             '--median-scaling' if rules.median_scaling else '--no-median-scaling']
    return shlex.join(words)
