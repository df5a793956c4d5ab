"""The figures of a disparity map with ground truth: names, units, one pair."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data.samples import StereoSample
from depth_models.evaluation import metrics
from depth_models.evaluation.figures import Figures
from depth_models.frames import Map

SUREST = 0.7  # of the pixels, for bad2_at_70
BAD = {'bad0.5': 0.5, 'bad1': 1.0, 'bad2': 2.0, 'bad4': 4.0}  # px
UNITS = {
    'epe': 'px: mean absolute error',
    **{name: f'% of pixels off by more than {limit:g} px' for name, limit in BAD.items()},
    'd1': '% of pixels off by more than 3 px and more than 5 % of the truth',
    'density': '0..1: share of the pixels of known truth that have an estimate',
    'ause': 'px: area between the sparsification curves of the confidence and of an oracle',
    'auc': 'px: area under the sparsification curve of the confidence',
    'bad2_at_70': '% as bad2, of the 70 % most confident pixels',
    'ece': '0..1: calibration error of the confidence as the probability of not being a d1 pixel',
    'seconds': 's: one run of the matcher on this machine, for orientation only'}
NON_OCCLUDED = '_noc'
ALSO_NON_OCCLUDED = ('epe', *BAD, 'd1', 'density', 'ause')
UNITS |= {f'{name}{NON_OCCLUDED}': f'as {name}, of the pixels that the right camera sees too'
          for name in ALSO_NON_OCCLUDED}


@dataclass(frozen=True)
class Answer:
    """What one method says of one pair."""

    disparity: Map  # [H,W] px, NaN where it says nothing
    confidence: Map | None  # [H,W] in [0, 1]; None: the method has none
    seconds: float


def judge(answer: Answer, sample: StereoSample) -> Figures:
    """All figures of one answer, by the names of UNITS. Errors are of the pixels that it has (density)."""
    known = np.isfinite(sample.disparity)
    seen = known & sample.visible if sample.visible is not None else np.zeros_like(known)
    non_occluded = _figures(answer, sample, seen)
    return {**_figures(answer, sample, known), 'seconds': answer.seconds,
            **{f'{name}{NON_OCCLUDED}': non_occluded[name] for name in ALSO_NON_OCCLUDED}}


def _figures(answer: Answer, sample: StereoSample, pixels: NDArray[np.bool_]) -> Figures:
    estimate, target = answer.disparity[pixels], sample.disparity[pixels]
    case = {'estimate': estimate, 'target': target, 'valid': np.ones(target.shape, np.bool_)}
    found = {'epe': metrics.epe(**case),
             **{name: 100 * metrics.bad(**case, threshold=limit) for name, limit in BAD.items()},
             'd1': 100 * metrics.d1(**case), 'density': metrics.density(**case)}
    if answer.confidence is None:
        return {**found, **dict.fromkeys(('ause', 'auc', 'bad2_at_70', 'ece'), float('nan'))}
    error = np.abs(estimate - target)
    right = ~((error > 3) & (error > 0.05 * np.abs(target)))
    sure: dict[str, Any] = {'confidence': answer.confidence[pixels], 'valid': np.isfinite(error)}
    return {**found,
            'ause': metrics.ause(error=error, **sure), 'auc': metrics.auc(error=error, **sure),
            'bad2_at_70': 100 * metrics.mean_of_surest(error=error > 2, share=SUREST, **sure),
            'ece': metrics.calibration_error(correct=right, **sure)}
