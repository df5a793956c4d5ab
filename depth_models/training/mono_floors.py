"""
`python -m depth_models.training.mono_floors`: the floors of mono evaluation from generated views.

Writes `depth_models/weights/mono_floors.json`, the same on every run: of the scenes that the shipped
networks were trained on. Small pictures show the same scenes as large ones.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from depth_models.data.depth_datasets import GeneratedViews
from depth_models.evaluation import floors
from depth_models.evaluation.mono_figures import MAX_DEPTH
from depth_models.frames import Map
from depth_models.training import config_files
from depth_models.training.mono_batches import generated

COUNT, SEED, SIZE = 2000, 1, (96, 128)  # SIZE: (height, width) px
TRAINED = 'mono_unet'  # its config says which scenes
DIGITS = 4  # of m: 0.1 mm


def floors_of(depths: Iterable[Map], max_depths: Sequence[float]) -> list[floors.Floors]:
    """Of maps [H,W] in m of one size, NaN where unknown; for each cap [m] of its own."""
    every = np.stack(list(depths))
    found = []
    for largest in max_depths:
        values = np.where(every <= largest, every, np.nan)
        rows = np.nanmean(values, axis=(0, 2), dtype=np.float64)
        found.append(floors.Floors(largest, round(float(np.nanmedian(values)), DIGITS),
                                   tuple(np.round(rows, DIGITS).tolist())))
    return found


def made_of(views: GeneratedViews, command: str) -> dict[str, Any]:
    """What the file holds."""
    depths = (views[index].depth for index in tqdm(range(len(views)), unit='view', disable=None,
                                                   file=sys.stderr))
    height, width = views.size
    return {'about': {'command': command, 'views': views.count, 'seed': views.seed,
                      'size': [height, width], 'units': 'm'},
            'floors': [{'max_depth': one.max_depth, 'median': one.median, 'rows': list(one.rows)}
                       for one in floors_of(depths, sorted(MAX_DEPTH.values()))]}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m depth_models.training.mono_floors',
                                     description='Write the floors of mono evaluation.')
    parser.add_argument('--count', type=int, default=COUNT, help='views (default %(default)s)')
    parser.add_argument('--seed', type=int, default=SEED, help='of the views (default %(default)s)')
    parser.add_argument('--furniture', type=Path, help='folder of .sh3f files (default: that of the config)')
    parser.add_argument('--out', type=Path, default=floors.FILE, help='file (default: the shipped one)')
    options = parser.parse_args(arguments)
    command = [*parser.prog.split(), '--count', str(options.count), '--seed', str(options.seed)]
    try:
        views = generated(config_files.load(TRAINED).data)
        views = replace(views, count=options.count, seed=options.seed, size=SIZE, colours=False,
                        furniture=options.furniture or views.furniture)
        made = made_of(views, shlex.join(command))
        options.out.write_text(json.dumps(made) + '\n')
    except (OSError, ValueError, ImportError) as error:
        parser.exit(1, f'{error}\n')
    print(f'wrote {options.out}')


if __name__ == '__main__':
    main()
