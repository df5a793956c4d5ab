"""
Errors of estimated maps, as pure functions of arrays. Every argument is given by name.

estimate, target: arrays of one shape, NaN where unknown. valid: bool of that shape, the pixels to
judge (all known ones, or the non-occluded ones, ...). A pixel counts when it is valid and both
values are known (finite); an estimator that leaves pixels out is judged on the others alone, so
`density` belongs beside every other figure. Where no pixel counts the figure is NaN.

Shapes that differ, or a `valid` that is not boolean, raise ValueError.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# --- stereo: disparities in px


def epe(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """End-point error: the mean absolute error [px]."""
    error, _ = _errors(estimate, target, valid)
    return _mean(error)


def bad(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike, threshold: float) -> float:
    """Bad-N of Middlebury: the share of pixels, 0..1, off by more than `threshold` px."""
    error, _ = _errors(estimate, target, valid)
    return _mean(error > threshold)


def d1(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """D1 of KITTI 2015: the share of pixels, 0..1, off by more than 3 px and more than 5 %."""
    error, truth = _errors(estimate, target, valid)
    return _mean((error > 3.0) & (error > 0.05 * np.abs(truth)))


def density(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """The share, 0..1, of the valid pixels of known target that have an estimate."""
    known, target, valid = _checked(estimate, target, valid)
    return _mean(np.isfinite(known[valid & np.isfinite(target)]))


# --- confidence: how well it tells the good pixels from the bad ones


def sparsification(*, error: ArrayLike, confidence: ArrayLike, valid: ArrayLike, steps: int = 100
                   ) -> Values:
    """
    The mean error of what is left after the least confident 0, 1/steps, 2/steps, ... are removed.

    error: absolute errors [px], NaN where unknown; confidence: higher is surer. Returns `steps`
    values: the last one keeps 1/steps of the pixels, at least one. Equal confidences keep
    their mean error, so their order in memory does not matter. [Ilg et al., ECCV 2018]
    """
    error, confidence = known_pairs(error, confidence, valid)
    if error.size == 0:
        return np.full(steps, np.nan)
    return _mean_of_surest(error, confidence, 1 - np.arange(steps) / steps)


def mean_of_surest(*, error: ArrayLike, confidence: ArrayLike, valid: ArrayLike, share: float
                   ) -> float:
    """
    The mean error of the most confident `share`, 0..1, of the pixels: a point of `sparsification`.

    error may be any figure of a pixel: with `error > 2` the result is bad-2 of the surest pixels.
    """
    error, confidence = known_pairs(error, confidence, valid)
    if error.size == 0:
        return float('nan')
    return float(_mean_of_surest(error, confidence, np.array([share]))[0])


def auc(*, error: ArrayLike, confidence: ArrayLike, valid: ArrayLike, steps: int = 100) -> float:
    """Area under the sparsification curve: its mean, in the unit of the error."""
    return float(np.mean(sparsification(error=error, confidence=confidence, valid=valid,
                                        steps=steps)))


def ause(*, error: ArrayLike, confidence: ArrayLike, valid: ArrayLike, steps: int = 100) -> float:
    """
    Area under the sparsification error [px]: 0 for a confidence that orders pixels as errors do.

    The mean distance, over the share removed, between the curve of `confidence` and the curve of an
    oracle that removes the largest errors first. In the unit of the error, not normalized by the
    error of the full map.
    """
    error, confidence = known_pairs(error, confidence, valid)
    every = np.ones(error.shape, np.bool_)
    return (auc(error=error, confidence=confidence, valid=every, steps=steps)
            - auc(error=error, confidence=-error, valid=every, steps=steps))


def calibration_error(*, correct: ArrayLike, confidence: ArrayLike, valid: ArrayLike,
                      bins: int = 10) -> float:
    """
    Expected calibration error, 0..1: how far confidence is from the share of correct pixels.

    correct: bool, whether the estimate is right by the rule that the confidence speaks of;
    confidence: probabilities in [0, 1], NaN where unknown. The absolute difference between mean
    confidence and share of correct, in `bins` bins of equal width, weighted by their pixels.
    [Guo et al., ICML 2017]
    """
    right, confidence = known_pairs(correct, confidence, valid)
    if right.size == 0:
        return float('nan')
    if confidence.min() < 0 or confidence.max() > 1:
        raise ValueError(f'confidence must lie in [0, 1], got {confidence.min():g} to '
                         f'{confidence.max():g}')
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(number, weights=confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / right.size)


def known_pairs(first: ArrayLike, second: ArrayLike, valid: ArrayLike) -> tuple[Values, Values]:
    """What counts of two arrays, as float64 [N] each."""
    one, two, mask = _checked(first, second, valid)
    known = mask & np.isfinite(one) & np.isfinite(two)
    return one[known], two[known]


# ---


def _checked(first: ArrayLike, second: ArrayLike, valid: ArrayLike
             ) -> tuple[Values, Values, NDArray[np.bool_]]:
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    mask = np.asarray(valid)
    if mask.dtype != np.bool_:
        raise ValueError(f'valid must be boolean, got {mask.dtype}')
    if not one.shape == two.shape == mask.shape:
        raise ValueError('the arrays to compare must have one shape, '
                         f'got {one.shape} and {two.shape}, valid {mask.shape}')
    return one, two, mask


def _errors(estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> tuple[Values, Values]:
    """Absolute errors and targets of the pixels that count."""
    found, truth = known_pairs(estimate, target, valid)
    return np.abs(found - truth), truth


def _mean_of_surest(error: Values, confidence: Values, shares: Values) -> Values:
    """The mean error of the most confident shares, of at least one pixel each."""
    order = np.argsort(-confidence)
    error, confidence = error[order], confidence[order]
    # ties share their mean, or an estimator of constant confidence could be lucky or not
    starts = np.flatnonzero(np.append(True, np.diff(confidence) != 0))
    sizes = np.diff(np.append(starts, error.size))
    total = np.cumsum(np.repeat(np.add.reduceat(error, starts) / sizes, sizes))
    kept = np.maximum(np.rint(error.size * shares).astype(int), 1)
    return total[kept - 1] / kept


def _mean(values: NDArray) -> float:
    return float(np.mean(values)) if values.size else float('nan')
