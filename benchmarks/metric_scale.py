"""
What a few metric depths are worth to depth from one image: `python -m benchmarks.metric_scale --json FILE`.

Of every frame 200 random pixels of true depth, as they come on sparse_depth/image, and what each `scale`
of the nodes makes of them; every frame by itself. Judged up to 10 m at the pixels that were not given,
nothing else is scaled. RMSE [m], AbsRel, and the share of pixels that still have depth, means over frames;
`cut_by` is by how much of it RMSE is less than with `none`.
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
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
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
                                             seed=number)
                 for number, sample in enumerate(tqdm(chosen, desc=name, unit='frame', disable=None))}
        means = means_of(found)
        for mode, figures in means.items():
            print(f'{name:16} {mode:8}' + ''.join(f'{title} {figures[title]:7.3f}   ' for title in SHOWN)
                  + f'cut by {cut(means, mode):7.1%}')
        made[name] = {mode: {**{title: figures[title] for title in SHOWN}, 'cut_by': cut(means, mode)}
                      for mode, figures in means.items()}
    if options.json:
        about = {'machine': machine(), 'data': str(options.data or 'generated'), 'frames': len(chosen),
                 'samples': options.samples}
        options.json.write_text(json.dumps({**about, 'mean': made}, indent=1) + '\n')


def judged_by_mode(depth: Map, sample: DepthSample, samples: int, *, seed: int) -> dict[str, Figures]:
    """Figures of every mode. depth: [H,W] as a network gives it; samples: how many true depths are known."""
    given, rest = shared_out(sample.depth, samples, seed=seed)
    found = {}
    for mode in MODES:
        scale = MetricScale(mode, memory=0)
        scale.update(depth, given)
        found[mode] = judge(scale.apply(depth), rest, RULES)
    return found


def shared_out(truth: Map, samples: int, *, seed: int) -> tuple[Map, Map]:
    """Depth [H,W] at random judged pixels, NaN elsewhere; and that of all others."""
    pixels = np.flatnonzero(judged(truth, RULES))
    chosen = np.random.default_rng(seed).choice(pixels, min(samples, len(pixels) // 2), replace=False)
    given, rest = np.full_like(truth, np.nan), truth.copy()
    given.flat[chosen] = truth.flat[chosen]
    rest.flat[chosen] = np.nan
    return given, rest


def cut(means: dict[str, Figures], mode: str) -> float:
    return 1 - means[mode]['rmse'] / means['none']['rmse']


if __name__ == '__main__':
    main()
