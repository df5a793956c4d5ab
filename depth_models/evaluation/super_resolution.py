"""
`depth-nodes evaluate super_resolution`: how right enlarged depth is, factor by factor, from clean and from
noisy maps of low resolution, beside what needs no learning; as tables, as JSON and as a sheet of pictures.
"""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from depth_models.data.degradation import PRESETS
from depth_models.engines import ENGINES, PRECISIONS
from depth_models.evaluation import pictures, report
from depth_models.evaluation.figures import Figures, nulls
from depth_models.evaluation.super_resolution_data import LAYOUTS
from depth_models.evaluation.super_resolution_figures import (
    DEGRADATIONS,
    SEED,
    UNITS,
    given,
    has_noise,
)
from depth_models.evaluation.super_resolution_methods import (
    FACTORS,
    METHODS,
    RELATIVE,
    SHIPPED,
    Methods,
)
from depth_models.evaluation.super_resolution_report import columns, frame_panels
from depth_models.evaluation.super_resolution_sets import (
    Case,
    Figured,
    Set,
    cases_of,
    judged_sets,
    means,
    nested,
    opened_sets,
    together,
)

DESCRIPTION = """\
Judge enlarged depth on frames with ground truth, of which a low-resolution map is made: the mean of every
cell of 4 x 4 or 8 x 8 px (clean), with noise and quantization added (noisy), with holes and bleeding edges
besides (sensor).

Data may be given more than once: depth in m, or stereo pairs, of which disparity in px is enlarged, as the
papers on super-resolution do. Frames of which under half is known, as by a LiDAR, are left out.

methods: depth_only, by a network that sees the low-resolution map alone; guided, by one that sees the image
and its relative depth, too; nearest, bilinear and bicubic, OpenCV's; joint_bilateral and guided_filter,
bicubic and then smoothed along the image, more if the map is known to be noisy.

Every method answers every pixel, and all of known truth are judged.

metrics, and their units in the table and in the JSON (d estimated, d* true):
""" + '\n'.join(f'  {name:12} {text}' for name, text in UNITS.items()) + """

The JSON: {"mean": {"x4": {"clean": {method: {metric: value}}, "noisy": ..., "sensor": ...}, "x8": ...},
"sets": {set: the same}, "frames": {set/frame: the same}, "units": {metric: text}, "about": {...}}, null where
a metric does not apply. A mean is over the frames where one does, each counting the same, whatever the unit
of its map: where data of several units are given, rmse is to be read set by set, or as rmse_ratio, which has
none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, and what it says of itself."""
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    parser.add_argument('--data', type=Path, required=True, action='append',
                        help='folder of a data set; may be given more than once')
    parser.add_argument('--layout', default='auto', choices=('auto', *LAYOUTS), metavar='LAYOUT',
                        help='of the folders; auto looks what is there')
    parser.add_argument('--frames', type=int, metavar='N',
                        help='so many of every folder, evenly out of all (default: all)')
    parser.add_argument('--factors', nargs='+', type=int, default=[4, 8], choices=FACTORS, metavar='FACTOR',
                        help='to enlarge by (default: 4 8)')
    parser.add_argument('--degradations', nargs='+', default=list(DEGRADATIONS), choices=DEGRADATIONS,
                        metavar='DEGRADATION', help=f'of what is given (default: {" ".join(DEGRADATIONS)})')
    parser.add_argument('--methods', nargs='+', default=list(METHODS), choices=METHODS, metavar='METHOD',
                        help=f'to judge (default: {" ".join(METHODS)})')
    for name, shipped in SHIPPED.items():
        parser.add_argument(f'--weights-{name}', default=shipped, metavar='WEIGHTS',
                            help=f'of {"depth_only for " * (name != "guided")}{name}: a shipped name or a '
                                 '.safetensors file (default: %(default)s)')
    parser.add_argument('--relative', default=RELATIVE, metavar='SOURCE',
                        help='of the relative depth that guided sees: weights of a mono network, or '
                             'depth_anything_v2_small (default: %(default)s)')
    parser.add_argument('--engine', default='auto', choices=ENGINES)
    parser.add_argument('--precision', default='auto', choices=PRECISIONS)
    report.add_outputs(parser, 'frame')


def run(options: argparse.Namespace) -> None:
    """Judge, print, write. Raises ValueError, OSError or ImportError in one sentence."""
    report.check_outputs(options)
    sets = opened_sets(options.data, options.layout, options.frames)
    cases = cases_of(options.factors, options.degradations)
    methods = Methods(options)
    figures, left_out = judged_sets(sets, cases, methods)
    sets = [one for one in sets if one.name in figures]
    of_all = together(figures)
    print_figures(sets, figures, of_all, verbose=options.verbose)
    if left_out:
        print(f'left out, under half of the map is known: {" ".join(left_out)}')
    if options.json is not None:
        names = list(of_all[cases[0]])
        report.write_json(options.json, {
            'mean': nulls(nested(means(of_all))),
            'sets': nulls({one.name: nested(means(figures[one.name])) for one in sets}),
            'frames': nulls({name: nested({case: of_all[case][name] for case in cases}) for name in names}),
            'units': UNITS,
            'about': {'command': command_of(options), 'frames': len(names), 'left_out': left_out,
                      'sets': {one.name: {'unit': one.unit, 'frames': len(figures[one.name][cases[0]])}
                               for one in sets},
                      'seed': SEED, **methods.about(),
                      'degradations': {name: asdict(PRESETS[name]) for _, name in cases}}})
    if options.sheet is not None:
        write_sheet(options.sheet, sets, methods, figures)


def print_figures(sets: Sequence[Set], figures: Mapping[str, Figured], of_all: Figured, *, verbose: bool
                  ) -> None:
    """Tables of every frame where they are asked for, of every set where there are several, and of all."""
    for one in sets:
        of_set = figures[one.name]
        count = len(next(iter(of_set.values())))
        if verbose:
            for case, frames in of_set.items():
                for name, of_frame in frames.items():
                    _print_table(case, name, of_frame, one.unit)
        if len(sets) > 1:
            for case, of_methods in means(of_set).items():
                _print_table(case, f'{one.name}, mean of {count}', of_methods, one.unit)
    units = {one.unit for one in sets}
    unit = units.pop() if len(units) == 1 else ''
    for case, of_methods in means(of_all).items():
        _print_table(case, f'mean of {len(of_all[case])}', of_methods, unit)


def _print_table(case: Case, title: str, figures: Mapping[str, Figures], unit: str) -> None:
    print(report.table(f'{" ".join(case)}, {title}', figures, columns(unit)), end='\n\n')


def command_of(options: argparse.Namespace) -> str:
    words = ['depth-nodes', 'evaluate', 'super_resolution',
             *(word for folder in options.data for word in ('--data', str(folder))),
             '--layout', options.layout, *(['--frames', str(options.frames)] if options.frames else []),
             '--factors', *map(str, options.factors), '--degradations', *options.degradations,
             '--methods', *options.methods,
             *(word for name in SHIPPED for word in (
                 f'--weights-{name}', getattr(options, f'weights_{name}'))),
             '--relative', options.relative, '--engine', options.engine, '--precision', options.precision]
    return shlex.join(words)


def write_sheet(path: Path, sets: Sequence[Set], methods: Methods, figures: Mapping[str, Figured]) -> None:
    """A row of pictures for every set and case, of the frame on which the first method is in the middle."""
    rows, leading = [], methods.names[0]
    for one in sets:
        for case, frames in figures[one.name].items():
            errors = {name: of_frame[leading]['rmse'] for name, of_frame in frames.items()}
            known = sorted((name for name in errors if np.isfinite(errors[name])), key=errors.__getitem__)
            if not known:
                continue
            name = known[len(known) // 2]
            frame = given(one.dataset[one.places[name]], name, int(case[0][1:]), case[1])
            answers = {method: methods.answer(method, frame, one.unit, noisy=has_noise(case[1]))[0]
                       for method in methods.names}
            rows.append(frame_panels(f'{" ".join(case)}: {name}', frame, one.unit, answers, frames[name]))
    if not rows:
        raise ValueError('nothing was given of any frame, there is nothing to show')
    note = f'of every set and case the frame on which {leading} is in the middle by RMSE; black: unknown'
    pictures.save(path, report.sheet(', '.join(one.name for one in sets), rows, note))
    print(f'wrote {path}')
