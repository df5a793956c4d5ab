"""
Errors of pixels, summed by the distance, by the confidence and by the size of the error: no pixel is kept.

Sums are exact; only which pixels are told apart depends on the bins.
"""

import numpy as np
from numpy.typing import NDArray

CONFIDENCES = 4096  # bins of equal width in [0, 1]
# Bins of a ratio, by the first bits of a float32: exponent, then so many of the mantissa. One of them halves
# every doubling: the edges are 1, 1.5, 2, 3, 4, 6, 8 ...
MANTISSA = 23
DISTANCE_BITS, ERROR_BITS = 1, 5
DISTANCES, ERRORS = (-10, 12), (-20, 20)  # 2 to the power of these: first and last edge

Values = NDArray[np.float32]
Sums = NDArray[np.float64]


class Distances:
    """Pixels, the sum of their errors and of their relative errors, by true value."""

    def __init__(self) -> None:
        self.sums = np.zeros((3, _bins(DISTANCES, DISTANCE_BITS)))

    def add(self, truth: Values, error: Values, relative: Values) -> None:
        number = _bin(truth, DISTANCES, DISTANCE_BITS)
        for sums, weights in zip(self.sums, (None, error, relative)):
            # what bincount converts by itself takes it eight times as long
            sums += np.bincount(number, None if weights is None else weights.astype(np.float64), len(sums))

    def rows(self) -> list[dict[str, float]]:
        """As `frame_scores.Accumulator.distance`."""
        edges = _edges(DISTANCES, DISTANCE_BITS)
        pixels, errors, relative = self.sums
        total = pixels.sum()
        return [{'near': float(edges[i]), 'far': float(edges[i + 1]), 'share': float(pixels[i] / total),
                 'mean_abs': float(errors[i] / pixels[i]), 'abs_rel': float(relative[i] / pixels[i])}
                for i in np.flatnonzero(pixels)]


class Order:
    """
    Pixels and the sum of their errors, by confidence and by error: all that both curves need.

    As in `metrics.sparsification` pixels of one confidence keep their mean error; here, those of one bin do.
    The oracle's bins are 3 % wide.
    """

    def __init__(self) -> None:
        self._by_confidence = np.zeros((2, CONFIDENCES))
        self._by_error = np.zeros((2, _bins(ERRORS, ERROR_BITS)))

    @property
    def pixels(self) -> int:
        return int(self._by_error[0].sum())

    def add(self, error: Values, confidence: Values) -> None:
        known = np.isfinite(confidence)
        if not known.all():
            error, confidence = error[known], confidence[known]
        if not error.size:
            return
        if confidence.min() < 0 or confidence.max() > 1:
            raise ValueError(f'confidence must lie in [0, 1], got {confidence.min():g} to '
                             f'{confidence.max():g}')
        number = np.minimum((confidence * np.float32(CONFIDENCES)).astype(np.intp), CONFIDENCES - 1)
        weights = error.astype(np.float64)  # once for both
        for sums, bins in ((self._by_confidence, number), (self._by_error, _bin(error, ERRORS, ERROR_BITS))):
            sums[0] += np.bincount(bins, minlength=sums.shape[1])
            sums[1] += np.bincount(bins, weights, sums.shape[1])

    def plus(self, other: 'Order') -> None:
        self._by_confidence += other._by_confidence
        self._by_error += other._by_error

    def curves(self, steps: int) -> tuple[Sums, Sums]:
        """The mean error of what is left by confidence, and by error; [steps] each."""
        return (_mean_of_first(self._by_confidence[:, ::-1], steps), _mean_of_first(self._by_error, steps))


def _mean_of_first(bins: Sums, steps: int) -> Sums:
    """
    [steps] mean errors of the first 1, 1 - 1/steps, ... of pixels that come in bins, at least of one pixel.

    bins: [2,N], pixels and the sum of their errors.
    """
    counts, totals = (np.append(0, np.cumsum(values)) for values in bins)
    kept = np.maximum(np.rint(counts[-1] * (1 - np.arange(steps) / steps)), 1)
    first = np.append(True, bins[0] > 0)  # of empty bins nothing can be taken
    return np.interp(kept, counts[first], totals[first]) / kept


def _bin(values: Values, powers: tuple[int, int], bits: int) -> NDArray[np.intp]:
    """Numbers of bins with edges at powers of 2 and, for one bit, halfway; what is outside: first or last."""
    low, high = (np.float32(2.0 ** power) for power in powers)
    number = np.clip(values, low, np.nextafter(high, low)).view(np.int32) >> (MANTISSA - bits)
    return (number - (low.view(np.int32) >> (MANTISSA - bits))).astype(np.intp)


def _bins(powers: tuple[int, int], bits: int) -> int:
    return (powers[1] - powers[0]) << bits


def _edges(powers: tuple[int, int], bits: int) -> Sums:
    power, part = np.divmod(np.arange(_bins(powers, bits) + 1), 1 << bits)
    return 2.0 ** (powers[0] + power) * (1 + part / (1 << bits))
