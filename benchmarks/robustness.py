"""
What spoils a match: `python -m benchmarks.robustness --data DIR [--json FILE]`.

The pairs of a data set, made worse in one way at a time, as a camera pair gets worse in the field:
rows that no longer match, another exposure, noise, blur, darkness. bad-2 [%] over all known pixels,
mean over pairs, of the last stage of both networks and of OpenCV's SGBM with its holes filled.
"""

import json
from collections.abc import Callable

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks.real_pairs import asked
from benchmarks.timing import machine
from depth_models.data.samples import StereoSample
from depth_models.estimators.stereo import StereoMatcher
from depth_models.evaluation import classical, metrics
from depth_models.evaluation.stereo import WEIGHTS, range_of
from depth_models.frames import Image, Map

Pair = tuple[Image, Image]
SEED = 11  # of the noise


def main() -> None:
    dataset, searched, file = asked(__doc__)
    matchers = {name: StereoMatcher.from_pretrained(name, max_disparity=searched) for name in WEIGHTS}
    figures: dict[str, dict[str, float]] = {}
    for name, worsen in CHANGES.items():
        found: dict[str, list[float]] = {method: [] for method in (*matchers, 'sgbm')}
        for sample in tqdm(dataset, desc=name, unit='pair', disable=None, leave=False):
            left, right = worsen(sample.left, sample.right)
            for method, matcher in matchers.items():
                found[method].append(_bad2(matcher.compute(left, right, stage=4).disparity, sample))
            filled = classical.fill_holes(classical.semi_global_matching(left, right, range_of(sample)))
            found['sgbm'].append(_bad2(filled, sample))
        figures[name] = {method: float(np.nanmean(values)) for method, values in found.items()}
        print(f'{name:36}' + '  '.join(f'{m} {v:5.1f}' for m, v in figures[name].items()), flush=True)
    if file:
        file.write_text(json.dumps({'machine': machine(), 'bad2': figures}, indent=1) + '\n')


def _bad2(disparity: Map, sample: StereoSample) -> float:
    known = np.isfinite(sample.disparity)
    return 100 * metrics.bad(estimate=disparity, target=sample.disparity, valid=known, threshold=2.0)


def _rows_off(pixels: float) -> Callable[[Image, Image], Pair]:
    """The right camera looks down by so much: the pair is not rectified any more."""
    def worsen(left: Image, right: Image) -> Pair:
        move = np.array([[1, 0, 0], [0, 1, pixels]])
        size = (right.shape[1], right.shape[0])
        return left, np.asarray(cv2.warpAffine(right, move, size, borderMode=cv2.BORDER_REPLICATE))
    return worsen


def _exposed(left_by: float, right_by: float) -> Callable[[Image, Image], Pair]:
    return lambda left, right: (cv2.convertScaleAbs(left, alpha=left_by),
                                cv2.convertScaleAbs(right, alpha=right_by))


def _noisy(level: float) -> Callable[[Image, Image], Pair]:
    """Gaussian, of this standard deviation [grey levels], in each camera its own."""
    def worsen(left: Image, right: Image) -> Pair:
        rng = np.random.default_rng(SEED)
        one, two = (np.clip(image + level * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
                    for image in (left, right))
        return one, two
    return worsen


def _blurred(left_by: float, right_by: float) -> Callable[[Image, Image], Pair]:
    """Out of focus by these standard deviations [px]; 0: sharp."""
    def worsen(left: Image, right: Image) -> Pair:
        one, two = (np.asarray(cv2.GaussianBlur(image, (0, 0), sigma)) if sigma else image
                    for image, sigma in ((left, left_by), (right, right_by)))
        return one, two
    return worsen


CHANGES: dict[str, Callable[[Image, Image], Pair]] = {
    'as they are': lambda left, right: (left, right),
    'rows off by 0.5 px': _rows_off(0.5),
    'rows off by 1 px': _rows_off(1.0),
    'rows off by 2 px': _rows_off(2.0),
    'right at 0.7 of the exposure': _exposed(1.0, 0.7),
    'both at a fifth of the light': _exposed(0.2, 0.2),
    'noise of 5 grey levels': _noisy(5.0),
    'noise of 15 grey levels': _noisy(15.0),
    'right out of focus by 1.5 px': _blurred(0.0, 1.5),
    'both out of focus by 2 px': _blurred(2.0, 2.0),
}


if __name__ == '__main__':
    main()
