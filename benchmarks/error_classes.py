"""
Where a match goes wrong: `python -m benchmarks.error_classes --data DIR [--json FILE]`.

The known pixels of a data set's pairs, sorted by what is hard about them; bad-2 [%] of the last stage
of both networks and of OpenCV's SGBM with its holes filled, mean over the pairs that have enough such
pixels. A pixel may belong to several classes.
"""

import json
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.real_pairs import asked
from benchmarks.timing import machine
from depth_models.data.samples import StereoSample
from depth_models.estimators.stereo import StereoMatcher
from depth_models.evaluation import classical, metrics
from depth_models.evaluation.stereo import WEIGHTS, range_of
from depth_models.frames import Map

Mask = NDArray[np.bool_]
ENOUGH = 200  # pixels of a class in a pair
WINDOW = 9  # px, in which texture is judged
STEP = 2.0  # px: a jump of the disparity that makes an edge
REACH = 3  # px on either side of it
NOWHERE = 1e6  # px: no disparity is like this


def main() -> None:
    dataset, searched, file = asked(__doc__)
    matchers = {name: StereoMatcher.from_pretrained(name, max_disparity=searched) for name in WEIGHTS}
    methods = (*matchers, 'sgbm')
    found: dict[str, list[list[float]]] = {name: [] for name in CLASSES}
    shares: dict[str, list[float]] = {name: [] for name in CLASSES}
    for sample in tqdm(dataset, unit='pair', disable=None, leave=False):
        answers = [matcher.compute(sample.left, sample.right, stage=4).disparity
                   for matcher in matchers.values()]
        answers.append(classical.fill_holes(
            classical.semi_global_matching(sample.left, sample.right, range_of(sample))))
        known = np.isfinite(sample.disparity)
        for name, belongs in CLASSES.items():
            these = known & belongs(sample)
            shares[name].append(100 * these.sum() / known.sum())
            if these.sum() >= ENOUGH:
                found[name].append([100 * metrics.bad(estimate=answer, target=sample.disparity,
                                                      valid=these, threshold=2.0) for answer in answers])
    figures = {name: {'share': float(np.mean(shares[name])), 'pairs': len(rows),
                      **dict(zip(methods, np.mean(rows, axis=0).tolist()))}
               for name, rows in found.items() if rows}
    for name, row in figures.items():
        print(f'{name:32}' + '  '.join(f'{key} {value:5.1f}' for key, value in row.items()))
    if file:
        file.write_text(json.dumps({'machine': machine(), 'bad2': figures}, indent=1) + '\n')


def _contrast(sample: StereoSample) -> Map:
    """Standard deviation of the grey in a window [grey levels]."""
    grey = cv2.cvtColor(sample.left, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean, square = (cv2.blur(values, (WINDOW, WINDOW)) for values in (grey, grey * grey))
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)))


def _near_a_step(sample: StereoSample) -> Mask:
    known = np.isfinite(sample.disparity)
    size = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    high = cv2.dilate(np.where(known, sample.disparity, -NOWHERE).astype(np.float32), size)
    low = cv2.erode(np.where(known, sample.disparity, NOWHERE).astype(np.float32), size)
    return np.asarray(high - low > STEP)


def _unseen(sample: StereoSample) -> Mask:
    """Left of what the right image shows."""
    return np.asarray(np.arange(sample.disparity.shape[1]) < sample.disparity)


def _range(low: float, high: float) -> Callable[[StereoSample], Mask]:
    return lambda sample: np.asarray((sample.disparity >= low) & (sample.disparity < high))


CLASSES: dict[str, Callable[[StereoSample], Mask]] = {
    'all known pixels': lambda sample: np.ones(sample.disparity.shape, np.bool_),
    'plain: contrast below 2': lambda sample: np.asarray(_contrast(sample) < 2),
    'contrast of 2 to 8': lambda sample: np.asarray((_contrast(sample) >= 2) & (_contrast(sample) < 8)),
    'textured: contrast above 8': lambda sample: np.asarray(_contrast(sample) >= 8),
    'within 3 px of a step': _near_a_step,
    'elsewhere': lambda sample: ~_near_a_step(sample) & ~_unseen(sample),
    'outside of the right image': _unseen,
    'disparity below 16 px': _range(-np.inf, 16),
    '16 to 64 px': _range(16, 64),
    '64 to 128 px': _range(64, 128),
    'above 128 px': _range(128, np.inf),
}


if __name__ == '__main__':
    main()
