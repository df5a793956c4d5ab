"""
What depth from one image is worth without looking at it: the floors that a network must beat.

Their numbers come from the generated training views: `python -m depth_models.training.mono_floors`
writes them, to `weights/mono_floors.json`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.frames import Map
from depth_models.pretrained import SHIPPED

FILE = SHIPPED / 'mono_floors.json'


@dataclass(frozen=True)
class Floors:
    """The answers of two methods, the same for every image."""

    max_depth: float  # m; what lies farther did not count
    median: float  # m, of all pixels
    rows: tuple[float, ...]  # m, mean depth of each row of pixels, from the top

    def constant(self, size: tuple[int, int]) -> Map:
        """[H,W] m: the median everywhere."""
        return np.full(size, self.median, np.float32)

    def by_rows(self, size: tuple[int, int]) -> Map:
        """[H,W] m: the mean of each row, between rows in a straight line."""
        at = (np.arange(size[0]) + 0.5) * len(self.rows) / size[0] - 0.5  # rows cover equal heights
        values = np.interp(at, np.arange(len(self.rows)), self.rows).astype(np.float32)
        return np.repeat(values[:, None], size[1], axis=1)


def read(max_depth: float, path: Path = FILE) -> tuple[Floors, dict[str, Any]]:
    """
    The floors for a judgement up to max_depth [m], and what made them.

    Of those in the file, the ones with the smallest cap that covers max_depth, else the largest.
    OSError or ValueError in one sentence.
    """
    try:
        made = json.loads(path.read_text())
        floors = [Floors(float(one['max_depth']), float(one['median']), tuple(map(float, one['rows'])))
                  for one in made['floors']]
        about = dict(made['about'])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path}: not what mono_floors writes ({type(error).__name__}: {error})') from None
    if not floors or not all(one.rows and 0 < one.median <= one.max_depth for one in floors):
        raise ValueError(f'{path}: needs floors with rows and a median over 0 m and up to max_depth')
    covering = [one for one in floors if one.max_depth >= max_depth]
    chosen = (min(covering, key=lambda one: one.max_depth) if covering
              else max(floors, key=lambda one: one.max_depth))
    return chosen, about
