"""
Whether two runs over a recording differ by more than chance: a bootstrap over frames.

Frames that follow each other show nearly the same, so their figures are no independent draws: to resample
single frames would call much too small differences real. Blocks of frames are resampled instead, around
the end of the recording (the circular block bootstrap [Politis and Romano, 1992]), with a length that
follows from the autocorrelation of the figures themselves.

How often a difference of 0 is marked, of 400 pairs each, which should be 5 %: figures that keep 0.9 of
what they were in the frame before, 15 % of runs of 100 frames and 7 % from 500 frames on; figures that
remember nothing, 9 % of 100 frames and 6 % from 500 on.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEED = 20_208  # of every resampling: the same runs give the same interval
RESAMPLES = 2_000
INTERVAL = 0.95  # `_widening` knows its quantile
MIN_FRAMES = 20  # under which an interval says nothing
_AT_ONCE = 2_000_000  # values resampled in one go: 16 MB

Values = NDArray[np.float64]
Statistic = Callable[[Values], Values]  # along the last axis


class Difference(NamedTuple):
    """How a figure of the second run differs from the first one's: second minus first."""

    value: float
    low: float  # of the interval; NaN where there are too few frames
    high: float
    frames: int  # compared; of the shorter run where they are not paired
    block: int  # frames

    @property
    def judged(self) -> bool:
        return bool(np.isfinite(self.low))

    @property
    def larger_than_noise(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.judged and not self.low <= 0 <= self.high


def mean(values: Values) -> Values:
    return values.mean(axis=-1)


def quantile(share: float) -> Statistic:
    return lambda values: np.quantile(values, share, axis=-1)


def paired(first: ArrayLike, second: ArrayLike, *, statistic: Statistic = mean,
           resamples: int = RESAMPLES) -> Difference:
    """
    Of two runs over the same frames: [N] each, in the order of time, NaN where a run has no figure.

    The same frames are drawn from both, so what makes a frame hard for both is no noise.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f'paired figures must be of the same frames, got {one.shape} and {two.shape}')
    known = np.isfinite(one) & np.isfinite(two)
    one, two = one[known], two[known]
    if one.size == 0:
        return Difference(np.nan, np.nan, np.nan, 0, 1)
    value = float(statistic(two) - statistic(one))
    generator = np.random.default_rng(SEED)
    if statistic is mean:  # it depends on the differences alone, other statistics on how each run behaves
        apart = two - one
        block = _long_block(apart)
        drawn = [mean(apart[frames]) for frames in _draws(apart.size, block, resamples, generator)]
    else:
        block = max(map(_long_block, (two - one, one, two)))
        drawn = [statistic(two[frames]) - statistic(one[frames])
                 for frames in _draws(one.size, block, resamples, generator)]
    return _difference(value, drawn, one.size, block)


def unpaired(first: ArrayLike, second: ArrayLike, *, statistic: Statistic = mean,
             resamples: int = RESAMPLES) -> Difference:
    """Of two runs over different frames: [N] and [M], in the order of time, NaN where there is no figure."""
    one, two = (np.asarray(values, np.float64) for values in (first, second))
    one, two = one[np.isfinite(one)], two[np.isfinite(two)]
    if min(one.size, two.size) == 0:
        return Difference(np.nan, np.nan, np.nan, 0, 1)
    value = float(statistic(two) - statistic(one))
    blocks = _long_block(one), _long_block(two)
    generator = np.random.default_rng(SEED)
    frames, block = min(one.size, two.size), max(blocks)
    if frames < MIN_FRAMES:
        return _difference(value, [], frames, block)
    drawn_one, drawn_two = (
        np.concatenate([statistic(values[drawn])
                        for drawn in _draws(values.size, length, resamples, generator)])
        for values, length in zip((one, two), blocks))
    return _difference(value, [drawn_two - drawn_one], frames, block)


def block_length(series: Values) -> int:
    """
    Frames of a block for the circular bootstrap of the mean of a series [N]; 1 where frames are independent.

    [Politis and White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews
    23, 2004, section 3, with the correction of Patton, Politis and White, 2009]
    """
    count = series.size
    centred = series - series.mean() if count else series
    if count < MIN_FRAMES or not np.ptp(series) > 1e-12 * np.abs(series).max():
        return 1
    in_a_row = max(5, int(np.log10(count)))
    largest = int(np.ceil(np.sqrt(count))) + in_a_row  # lag
    covariance = np.array([centred[:count - lag] @ centred[lag:] / count for lag in range(largest + 1)])
    small = np.abs(covariance[1:] / covariance[0]) < 2 * np.sqrt(np.log10(count) / count)
    quiet_after = [lag for lag in range(largest - in_a_row + 1) if small[lag:lag + in_a_row].all()]
    reach = min(2 * max(quiet_after[0], 1), largest) if quiet_after else largest
    lags = np.arange(1, reach + 1)
    window = np.clip(2 * (1 - lags / reach), 0, 1)
    spectrum = covariance[0] + 2 * float(np.sum(window * covariance[1:reach + 1]))
    slope = 2 * float(np.sum(window * lags * covariance[1:reach + 1]))
    limit = int(np.ceil(min(3 * np.sqrt(count), count / 3)))
    if spectrum <= 0:  # a series that swings to and fro: its mean is surer than that of independent frames
        return 1
    return int(np.clip(np.ceil((1.5 * slope ** 2 / spectrum ** 2 * count) ** (1 / 3)), 1, limit))


def _long_block(series: Values) -> int:
    """Twice the `block_length`, which makes the variance the surest and the interval somewhat too short."""
    length = block_length(series)
    return min(2 * length, max(series.size // 4, 1)) if length > 1 else 1


def _draws(count: int, block: int, resamples: int, generator: np.random.Generator
           ) -> Iterator[NDArray[np.int64]]:
    """Indices [*, count] of resampled frames, `resamples` rows in all; none of too few frames."""
    if count < MIN_FRAMES:
        return
    starts = generator.integers(0, count, (resamples, -(-count // block)))
    rows = max(1, _AT_ONCE // count)
    for first in range(0, resamples, rows):
        frames = (starts[first:first + rows, :, None] + np.arange(block)) % count
        yield frames.reshape(-1, starts.shape[1] * block)[:, :count]


def _difference(value: float, drawn: list[Values], frames: int, block: int) -> Difference:
    if not drawn:
        return Difference(value, np.nan, np.nan, frames, block)
    outside = (1 - INTERVAL) / 2
    wider = _widening(frames / block)
    low, high = (value + wider * (float(end) - value)
                 for end in np.quantile(np.concatenate(drawn), (outside, 1 - outside)))
    return Difference(value, low, high, frames, block)


def _widening(blocks: float) -> float:
    """How much wider the interval of so few independent parts is than the one that resampling them gives.

    A resampled spread is too small by the root of (n - 1) / n, and the law of a mean over its estimated
    spread is Student's t of n - 1 degrees of freedom, here by its expansion about the normal law
    [Abramowitz and Stegun, 26.7.5].
    """
    z, free = 1.959964, max(blocks - 1, 2.0)  # the normal law's quantile for INTERVAL
    t = (z + (z ** 3 + z) / (4 * free) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * free ** 2)
         + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * free ** 3))
    return t / z * float(np.sqrt((free + 1) / free))
