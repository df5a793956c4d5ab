"""
What a few metric depths are worth to depth from one image: `python -m benchmarks.metric_scale --json FILE`.

Of every frame 200 random pixels of true depth, as they come on sparse_depth/image, and what each `scale`
of the nodes makes of them; every frame by itself. Judged up to 10 m at the pixels that were not given,
nothing else is scaled. RMSE [m], AbsRel, and the share of pixels that still have depth, means over frames;
`cut_by` is by how much of it RMSE is less than with `none`.

`--rows 0.2` takes the samples from the fifth of the rows in the middle alone, as those of a LiDAR of few
lines may come; `--wrong 0.3` gives three of ten a random depth.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.depth_frames import add_data, frames
from benchmarks.timing import machine
from depth_models.data.samples import DepthSample
from depth_models.estimators.mono import MonoEstimator
from depth_models.evaluation.figures import Figures, means_of
from depth_models.evaluation.mono_figures import Rules, judge, judged
from depth_models.frames import Map
from depth_models.metric_scale import MODES, MetricScale

FRAMES, SAMPLES = 24, 200
WRONG = (0.3, 10.0)  # m
RULES = Rules(median_scaling=False)
SHOWN = ('rmse', 'abs_rel', 'density')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    add_data(parser)
    parser.add_argument('--weights', nargs='+', default=['mono_unet', 'coarse_to_fine'],
                        help='shipped names or .safetensors files (default: %(default)s)')
    parser.add_argument('--engine', default='auto')
    parser.add_argument('--frames', type=int, default=FRAMES)
    parser.add_argument('--samples', type=int, default=SAMPLES, help='of every frame (default: %(default)s)')
    parser.add_argument('--rows', type=float, default=1.0, metavar='SHARE',
                        help="of the image's rows that samples come from, about the middle (default: 1)")
    parser.add_argument('--wrong', type=float, default=0.0, metavar='SHARE',
                        help=f'of the samples that say anything from {WRONG[0]:g} to {WRONG[1]:g} m '
                        '(default: 0)')
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
    if not (0 < options.rows <= 1 and 0 <= options.wrong <= 1):
        parser.error(f'--rows must lie in 0 to 1, over 0, and --wrong in 0 to 1, got {options.rows} and '
                     f'{options.wrong}')
    if min(options.frames, options.samples) < 1:
        parser.error(f'--frames and --samples must be at least 1, got {options.frames} and {options.samples}')
    try:
        estimators = {Path(name).stem: MonoEstimator.from_pretrained(name, engine=options.engine)
                      for name in options.weights}
        chosen = frames(options.data, options.frames, RULES.max_depth)
    except (OSError, ValueError, ImportError) as error:
        parser.exit(1, f'{error}\n')
    print(f'{machine()}, {len(chosen)} frames')
    made: dict[str, dict[str, Figures]] = {}
    for name, estimator in estimators.items():
        found = {str(number): judged_by_mode(estimator.compute(sample.image).depth, sample, options.samples,
                                             seed=number, rows=options.rows, wrong=options.wrong)
                 for number, sample in enumerate(tqdm(chosen, desc=name, unit='frame', disable=None))}
        means = means_of(found)
        for mode, figures in means.items():
            print(f'{name:16} {mode:8}' + ''.join(f'{title} {figures[title]:7.3f}   ' for title in SHOWN)
                  + f'cut by {cut(means, mode):7.1%}')
        made[name] = {mode: {**{title: figures[title] for title in SHOWN}, 'cut_by': cut(means, mode)}
                      for mode, figures in means.items()}
    if options.json:
        about = {'machine': machine(), 'data': str(options.data or 'generated'), 'frames': len(chosen),
                 'samples': options.samples, 'rows': options.rows, 'wrong': options.wrong}
        options.json.write_text(json.dumps({**about, 'mean': made}, indent=1) + '\n')


def judged_by_mode(depth: Map, sample: DepthSample, samples: int, *, seed: int, rows: float = 1.0,
                   wrong: float = 0.0) -> dict[str, Figures]:
    """Figures of every mode. depth: [H,W] as a network gives it; samples: how many true depths are known."""
    given, rest = shared_out(sample.depth, samples, seed=seed, rows=rows, wrong=wrong)
    found = {}
    for mode in MODES:
        scale = MetricScale(mode, memory=0)
        scale.update(depth, given)
        found[mode] = judge(scale.apply(depth), rest, RULES)
    return found


def shared_out(truth: Map, samples: int, *, seed: int, rows: float = 1.0, wrong: float = 0.0
               ) -> tuple[Map, Map]:
    """
    Depth [H,W] at random judged pixels, NaN elsewhere; and that of all others.

    rows: share of the rows, about the middle, that the samples come from. wrong: share of the samples
    that are no true ones.
    """
    margin = round((1 - rows) / 2 * len(truth))
    among = judged(truth, RULES)
    among[:margin] = among[len(truth) - margin:] = False
    pixels = np.flatnonzero(among)
    random = np.random.default_rng(seed)
    chosen = random.choice(pixels, min(samples, len(pixels) // 2), replace=False)
    given, rest = np.full_like(truth, np.nan), truth.copy()
    given.flat[chosen] = truth.flat[chosen]
    rest.flat[chosen] = np.nan
    untrue = chosen[:round(wrong * len(chosen))]
    given.flat[untrue] = random.uniform(*WRONG, len(untrue))
    return given, rest


def cut(means: dict[str, Figures], mode: str) -> float:
    return 1 - means[mode]['rmse'] / means['none']['rmse']


if __name__ == '__main__':
    main()
