"""
What guided super-resolution gains from relative depth: `python -m benchmarks.relative_depth --data FOLDER`.

The same network enlarges the same maps with relative depth of our mono network, with none (the same
everywhere), and with the true one: an upper bound, as much as a network that never errs could bring. RMSE,
everywhere and within 3 px of depth edges, in parts of that of bicubic interpolation, means over frames. What
is given and how it is judged are those of `depth-nodes evaluate super_resolution`, so that the row of the
mono network repeats `guided` there.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.timing import machine
from depth_models.estimators.relative_depth import MONO_UNET, RelativeDepth
from depth_models.evaluation import report
from depth_models.evaluation.figures import Figures, nulls
from depth_models.evaluation.super_resolution_figures import DEGRADATIONS, Given
from depth_models.evaluation.super_resolution_methods import (
    FACTORS,
    GUIDED,
    SHIPPED,
    by_network,
    relative_of,
    upscaler_of,
)
from depth_models.evaluation.super_resolution_report import columns
from depth_models.evaluation.super_resolution_sets import (
    Case,
    Figured,
    cases_of,
    judged_sets,
    means,
    nested,
    opened_sets,
    together,
)
from depth_models.frames import Map

NONE, TRUTH = 'none', 'truth'
SHOWN = ('rmse_ratio', 'edges_ratio')


class Sources:
    """The guided network by where its relative depth comes from."""

    def __init__(self, weights: str, engine: str) -> None:
        """Raises OSError, ValueError or ImportError in one sentence."""
        self.names = [MONO_UNET, NONE, TRUTH]
        self.upscaler = upscaler_of(GUIDED, weights, engine=engine)
        self._mono = RelativeDepth.from_pretrained(MONO_UNET, engine=engine)

    def answer(self, method: str, frame: Given, unit: str, *, noisy: bool) -> tuple[Map, float]:
        """See `super_resolution_sets.Answering`; nothing is timed."""
        return by_network(self.upscaler, frame, unit, self.relative(method, frame, unit)), float('nan')

    def relative(self, source: str, frame: Given, unit: str) -> Map:
        """[H,W], NaN where it is unknown."""
        if source == MONO_UNET:
            return relative_of(self._mono, frame, unit)
        return np.reciprocal(frame.target) if source == TRUTH else np.ones_like(frame.target)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--data', type=Path, required=True, action='append',
                        help='folder of a data set of depth or of pairs; may be given more than once')
    parser.add_argument('--frames', type=int, metavar='N', help='so many of every folder (default: all)')
    parser.add_argument('--factors', nargs='+', type=int, default=[4, 8], choices=FACTORS, metavar='FACTOR',
                        help='to enlarge by (default: 4 8)')
    parser.add_argument('--degradations', nargs='+', default=['noisy'], choices=DEGRADATIONS,
                        metavar='DEGRADATION', help=f'of what is given, of {" ".join(DEGRADATIONS)} '
                                                    '(default: noisy)')
    parser.add_argument('--weights', default=SHIPPED[GUIDED],
                        help='of a guided network: a shipped name or a .safetensors file '
                             '(default: %(default)s)')
    parser.add_argument('--engine', default='auto')
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
    cases = cases_of(options.factors, options.degradations)
    began_on = machine()
    print(began_on)
    try:
        sources = Sources(options.weights, options.engine)
        sets = opened_sets(options.data, 'auto', options.frames)
        figures, left_out = judged_sets(sets, cases, sources)
    except (OSError, ValueError, ImportError) as error:
        parser.exit(1, f'{error}\n')
    of_all = together(figures)
    ratios = [column for column in columns('') if column.figure in SHOWN]
    for name, of_set in {**figures, 'all': of_all}.items():
        for case, of_sources in shown(of_set).items():
            title = f'{" ".join(case)}, {name}, mean of {len(of_set[case])}'
            print(report.table(title, of_sources, ratios), end='\n\n')
    if left_out:
        print(f'left out, under half of the map is known: {" ".join(left_out)}')
    if options.json:
        report.write_json(options.json, {
            'machine': began_on, 'data': [str(folder) for folder in options.data],
            'weights': {options.weights: report.about_weights(options.weights, sources.upscaler.describe())},
            'frames': len(of_all[cases[0]]), 'left_out': left_out, 'mean': nulls(nested(shown(of_all))),
            'sets': nulls({name: nested(shown(of_set)) for name, of_set in figures.items()})})


def shown(figures: Figured) -> Mapping[Case, dict[str, Figures]]:
    """Means by case and source."""
    return {case: {source: {name: row[name] for name in SHOWN} for source, row in of_sources.items()}
            for case, of_sources in means(figures).items()}


if __name__ == '__main__':
    main()
