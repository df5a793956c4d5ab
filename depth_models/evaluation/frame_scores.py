"""
How far one frame is from its ground truth, and what many frames add up to, fast enough for a replay.

estimate, target: float32 [H,W], depth along the optical axis [m] or disparity [px], NaN where unknown (of
depth, what is not positive, too). confidence: [H,W] in [0, 1], NaN where unknown. A pixel counts where
estimate and target are known; `density` says how many those are. Where no pixel counts a figure is NaN.

The definitions are those of `depth_metrics` and `metrics`, and the tests hold them to those. There each
figure selects its pixels anew, computes in float64 and, for a curve, sorts. Here a frame is passed over once,
in float32, some rows at a time that stay in the processor's cache, and no pixel is kept: sums are, in
float64, and histograms of them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_models.evaluation import mono_figures
from depth_models.evaluation.binned import Distances, Order, Values
from depth_models.evaluation.figures import Figures
from depth_models.frames import Map

AUSE = ('{}: area between the sparsification curves of the confidence and of an oracle that knows the '
        'errors')
DEPTH = {
    **{name: mono_figures.UNITS[name] for name in ('abs_rel', 'rmse', 'silog', 'd1')},
    'mae': 'm: mean of |d - d*|',
    'density': '0..1: share of the pixels of known truth that have an estimate',
    'ause': AUSE.format('m')}
BAD = {'bad_1': 1.0, 'bad_2': 2.0, 'bad_3': 3.0}  # px
DISPARITY = {
    'epe': 'px: mean absolute error',
    **{name: f'% of pixels off by more than {limit:g} px' for name, limit in BAD.items()},
    'd1_all': '% of pixels off by more than 3 px and more than 5 % of the truth',
    'density': DEPTH['density'], 'ause': AUSE.format('px')}
UNITS = {'m': DEPTH, 'px': DISPARITY}  # names of figures and what they are, by the unit of the maps

STEPS = 100  # of a sparsification curve
AT_A_TIME = 16384  # pixels


class Pixels(NamedTuple):
    """Some pixels that count: [N] each."""

    found: Values
    truth: Values
    confidence: Values | None
    judged: int  # pixels of known truth among which they are


def score_depth(estimate: Map, target: Map, confidence: Map | None = None) -> Figures:
    """The figures of a depth map [m], by the names of DEPTH; `ause` only with a confidence, else NaN."""
    return _passed_over(estimate, target, confidence, 'm', Order(), None)


def score_disparity(estimate: Map, target: Map, confidence: Map | None = None) -> Figures:
    """The figures of a disparity map [px], by the names of DISPARITY; `ause` only with a confidence."""
    return _passed_over(estimate, target, confidence, 'px', Order(), None)


class Accumulator:
    """Error against distance, and the sparsification curve, of all pixels of all frames: each counts once."""

    def __init__(self) -> None:
        self.unit = ''  # of the maps, 'm' or 'px', from the first frame on
        self._distances = Distances()
        self._order = Order()

    def add(self, estimate: Map, target: Map, confidence: Map | None = None, unit: str = 'm') -> Figures:
        """
        One frame; gives its own figures, those of `score_depth` or `score_disparity`, from the same pass.

        unit: 'm' of depth or 'px' of disparity, the same for all frames.
        """
        if unit not in UNITS:
            raise ValueError(f'unit must be one of {", ".join(UNITS)}, got {unit!r}')
        if self.unit not in ('', unit):
            raise ValueError(f'frames in {self.unit} were added, this one is in {unit!r}')
        distances, order = Distances(), Order()
        figures = _passed_over(estimate, target, confidence, unit, order, distances)
        self.unit = unit  # and nothing of a frame that is refused
        self._distances.sums += distances.sums
        self._order.plus(order)
        return figures

    def distance(self) -> list[dict[str, float]]:
        """
        By true value, in order: near, far (bounds [unit], two bins a doubling), share of the pixels, mean_abs
        [unit] and abs_rel, the mean of error / truth. Bins without pixels are left out.

        Of disparity the bounds are px, where the larger is nearer, and what is under 1 px counts as 1 px in
        abs_rel. What is under the first bound or over the last, 1/1024 and 4096, is in the first or last bin.
        """
        return self._distances.rows()

    def sparsification(self, steps: int = STEPS) -> dict[str, list[float] | float] | None:
        """
        What is left after the least confident are removed; None where no frame had a confidence.

        share: removed, 0, 1/steps, ...; error: the mean error [unit] of the others; oracle: of those that
        are left when the largest errors are removed first; ause: the mean distance of the two.
        """
        if not self._order.pixels:
            return None
        error, oracle = self._order.curves(steps)
        return {'share': (np.arange(steps) / steps).tolist(), 'error': error.tolist(),
                'oracle': oracle.tolist(), 'ause': float(np.mean(error - oracle))}


def _passed_over(estimate: Map, target: Map, confidence: Map | None, unit: str, order: Order,
                 distances: Distances | None) -> Figures:
    """The figures of a frame, whose pixels go into `order`, and into `distances` where they are wanted."""
    judged, pixels = 0, 0
    sums: dict[str, float] = {}
    for some in _pixels(estimate, target, confidence, unit):
        judged, pixels = judged + some.judged, pixels + some.found.size
        error = np.abs(some.found - some.truth)
        if unit == 'm' or distances is not None:
            relative = error / (np.maximum(some.truth, 1) if unit == 'px' else some.truth)
        more = _of_disparity(error, some.truth) if unit == 'px' else _of_depth(some, error, relative)
        sums = {name: sums.get(name, 0.0) + value for name, value in more.items()}
        if distances is not None:
            distances.add(some.truth, error, relative)
        if some.confidence is not None:
            order.add(error, some.confidence)
    figures = dict.fromkeys(UNITS[unit], float('nan'))
    if judged:
        figures['density'] = pixels / judged
    if pixels:
        means = {name: value / pixels for name, value in sums.items()}
        figures |= _disparity_figures(means) if unit == 'px' else _depth_figures(means)
    if order.pixels:
        figures['ause'] = float(np.mean(np.subtract(*order.curves(STEPS))))
    return figures


def _of_depth(pixels: Pixels, error: Values, relative: Values) -> dict[str, float]:
    """What is summed of depths; `_depth_figures` makes figures of the means."""
    ratio = pixels.found / pixels.truth
    logarithm = np.log(ratio)
    return {'abs_rel': _sum(relative), 'mae': _sum(error), 'square': _sum(np.square(error)),
            'd1': _sum((ratio < 1.25) & (ratio > 1 / 1.25)),
            'log': _sum(logarithm), 'square_log': _sum(np.square(logarithm))}


def _depth_figures(means: dict[str, float]) -> Figures:
    return {**{name: means[name] for name in ('abs_rel', 'mae', 'd1')}, 'rmse': means['square'] ** 0.5,
            'silog': 100 * max(means['square_log'] - means['log'] ** 2, 0.0) ** 0.5}


def _of_disparity(error: Values, truth: Values) -> dict[str, float]:
    """What is summed of disparities; `_disparity_figures` makes figures of the means."""
    return {'epe': _sum(error), 'd1_all': _sum((error > 3) & (error > np.float32(0.05) * np.abs(truth))),
            **{name: _sum(error > limit) for name, limit in BAD.items()}}


def _disparity_figures(means: dict[str, float]) -> Figures:
    return {name: mean if name == 'epe' else 100 * mean for name, mean in means.items()}


def _pixels(estimate: Map, target: Map, confidence: Map | None, unit: str) -> Iterator[Pixels]:
    for name, values in (('the target', target), ('the confidence', confidence)):
        if values is not None and values.shape != estimate.shape:
            raise ValueError(f'the estimate is {list(estimate.shape)}, but {name} is {list(values.shape)}')
    found, truth, sure = (None if values is None else values.reshape(-1).astype(np.float32, copy=False)
                          for values in (estimate, target, confidence))
    assert found is not None and truth is not None
    for start in range(0, found.size, AT_A_TIME):
        some = slice(start, start + AT_A_TIME)
        wanted = _known(truth[some], unit)
        at = np.flatnonzero(wanted & _known(found[some], unit))
        if judged := np.count_nonzero(wanted):
            yield Pixels(found[some].take(at), truth[some].take(at),
                         None if sure is None else sure[some].take(at), judged)


def _known(values: Values, unit: str) -> NDArray[np.bool_]:
    if unit == 'px':
        return np.isfinite(values)
    with np.errstate(invalid='ignore'):
        return (values > 0) & (values < np.inf)


def _sum(values: NDArray) -> float:
    if values.dtype == np.bool_:  # to sum them converts them first
        return float(np.count_nonzero(values))
    return float(np.sum(values, dtype=np.float64))
