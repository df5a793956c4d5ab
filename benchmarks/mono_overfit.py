"""
Whether training of one camera learns at all: `python -m benchmarks.mono_overfit --data FOLDER --json FILE`.

Eight frames are written to a folder, trained on by the command that trains anything, and judged by the
weight file that it leaves: AbsRel of what was learned by heart, nothing scaled, should be under 0.05.
Some minutes of two cores; a test of the plumbing, it says nothing of images that were not seen.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.depth_frames import add_data, frames
from benchmarks.timing import machine
from depth_models.data.depth_datasets import open_depth_dataset
from depth_models.data.samples import DepthSample
from depth_models.estimators.mono import MonoEstimator
from depth_models.evaluation.figures import mean
from depth_models.evaluation.mono_figures import Rules, judge
from depth_models.training import config_files, running

FRAMES, SIZE = 8, (96, 128)  # SIZE: (height, width) px that networks are trained at
REACH = 0.05  # AbsRel
STEPS = {'mono_unet': 400, 'coarse_to_fine': 600}
RULES = Rules(median_scaling=False)
# by heart: what is seen is always the same
OVERRIDES = ('data.batch=8', f'data.height={SIZE[0]}', f'data.width={SIZE[1]}', 'data.validation_views=8',
             'data.workers=0', 'optimizer.learning_rate=2e-3', 'optimizer.warmup_steps=50',
             'optimizer.weight_decay=0.0', 'optimizer.average_decay=0.9', 'network.max_depth=10.0',
             "trainer.initial_weights=''", 'trainer.validate_every=100000',
             'trainer.checkpoint_every=100000', 'trainer.log_every=100')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    add_data(parser)
    parser.add_argument('--networks', nargs='+', default=list(STEPS), choices=STEPS)
    parser.add_argument('--steps', type=int, help='of the training (default: '
                        + ', '.join(f'{steps} of {name}' for name, steps in STEPS.items()) + ')')
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
    made: dict[str, dict[str, float]] = {}
    try:
        chosen = frames(options.data, FRAMES, RULES.max_depth)
        for name in options.networks:
            made[name] = found = overfit(name, chosen, options.steps or STEPS[name])
            print(f'{name:16} AbsRel {found["abs_rel"]:.4f} of {len(chosen)} frames after {found["steps"]} '
                  f'steps, {found["seconds"]:.0f} s: {"below" if found["abs_rel"] < REACH else "NOT below"} '
                  f'{REACH:g}')
    except (OSError, ValueError, ImportError) as error:
        parser.exit(1, f'{error}\n')
    if options.json:
        about = {'machine': machine(), 'data': str(options.data or 'generated'), 'reach': REACH}
        options.json.write_text(json.dumps({**about, 'networks': made}, indent=1) + '\n')
    if any(found['abs_rel'] >= REACH for found in made.values()):
        parser.exit(1, 'the network did not learn the frames by heart\n')


def overfit(name: str, samples: Sequence[DepthSample], steps: int) -> dict[str, float]:
    """Train the network of a shipped config on the frames and judge it on them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / 'frames'
        write(folder, samples)
        source = json.dumps([{'kind': 'rgbd', 'path': str(folder), 'augment': False}])
        overrides = [*OVERRIDES, f'data.sources={source}', f'data.validation_sources={source}',
                     f'trainer.steps={steps}']
        if name == 'coarse_to_fine':
            overrides.append(f'trainer.coarse_steps={steps // 2}')
        started = time.monotonic()
        weights = running.train(config_files.load(name, overrides), Path(place) / 'run', check=False)
        estimator = MonoEstimator.from_pretrained(str(weights), engine='torch')
        figures = mean([judge(estimator.compute(sample.image).depth, sample.depth, RULES)
                        for sample in open_depth_dataset(folder, 'rgbd')])
    return {'abs_rel': figures['abs_rel'], 'rmse': figures['rmse'], 'd1': figures['d1'], 'steps': steps,
            'seconds': time.monotonic() - started}


def write(folder: Path, samples: Sequence[DepthSample]) -> None:
    """In the layout 'rgbd', at the size that is trained on; depth beyond 10 m is left out."""
    for name in ('color', 'depth'):
        (folder / name).mkdir(parents=True)
    for number, sample in enumerate(samples):
        image = cv2.resize(sample.image, SIZE[::-1], interpolation=cv2.INTER_AREA)
        depth = cv2.resize(sample.depth, SIZE[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        known = np.nan_to_num(depth, nan=0.0, posinf=0.0)
        known[known >= RULES.max_depth] = 0
        cv2.imwrite(str(folder / f'color/{number}.png'), image[..., ::-1])
        cv2.imwrite(str(folder / f'depth/{number}.png'), np.round(1000 * known).astype(np.uint16))


if __name__ == '__main__':
    main()
