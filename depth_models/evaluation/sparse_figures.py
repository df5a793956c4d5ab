"""The figures of dense depth from sparse depth: names, units, what of a frame is measured and judged."""

from zlib import crc32

import numpy as np

from depth_models.data import sparse_patterns
from depth_models.data.samples import DepthSample
from depth_models.data.sparse_patterns import PRESETS
from depth_models.evaluation import depth_metrics
from depth_models.evaluation.figures import Figures
from depth_models.evaluation.mono_figures import Rules, judged
from depth_models.frames import Map

UNITS = {
    'rmse': 'm: root of the mean of (d - d*)^2',
    'mae': 'm: mean of |d - d*|',
    'rel': '1: mean of |d - d*| / d*',
    'irmse': '1/km: root of the mean of (1 / d - 1 / d*)^2',
    'imae': '1/km: mean of |1 / d - 1 / d*|',
    'd1': '0..1: share of the pixels where the ratio of d and d* is under 1.25',
    'ssim': '-1..1: structural similarity, depth in parts of the largest',
    'ms': 'ms: from the sparse map to the dense one, the time on the wall'}
PATTERNS = tuple(PRESETS)
SCAN_LINES = 'scanlines'
HELD_OUT = 0.5  # of the points of a LiDAR that are the only truth there is
SEED = 20_181  # of what is measured; the same for every method, and in every run


def measured(pattern: str, sample: DepthSample, name: str) -> Map:
    """Sparse depth [H,W] m, NaN where not measured. name: of the frame, so that each draws its own.

    Of scan lines the real ones are taken where there are some: what the LiDAR of the data measured, or
    one half of the points where those of one scan are all the truth.
    """
    rng = np.random.default_rng([SEED, crc32(name.encode()), PATTERNS.index(pattern)])
    if pattern == SCAN_LINES and sample.sparse is not None:
        return sample.sparse
    if pattern == SCAN_LINES and np.isfinite(sample.depth).mean() < depth_metrics.SPARSE:
        return np.where(rng.random(sample.depth.shape) < HELD_OUT, sample.depth, np.float32(np.nan))
    return sparse_patterns.sample(pattern, rng, sample.depth, sample.image)


def has_outliers(pattern: str) -> bool:
    """Measurements of this pattern may be wrong, as its user would know."""
    return PRESETS[pattern].errors.outliers > 0


def judge(dense: Map, target: Map, rules: Rules, *, ms: float, given: Map | None = None) -> Figures:
    """
    All figures of one frame, by the names of UNITS.

    dense: [H,W] m, known at every judged pixel, else ValueError: whoever leaves pixels open is judged on
    easier ones. target: [H,W] m, NaN where unknown. given: what was measured, if only the rest is judged.
    """
    valid = judged(target, rules)
    if given is not None:
        valid &= ~np.isfinite(given)
    if missing := int(np.count_nonzero(~np.isfinite(dense[valid]))):
        raise ValueError(f'the dense map leaves {missing} of {int(valid.sum())} judged pixels open')
    found = np.clip(dense, np.float32(rules.min_depth), np.float32(rules.max_depth))
    pixels = {'estimate': found[valid], 'target': target[valid],
              'valid': np.ones(int(valid.sum()), np.bool_)}
    return {
        'rmse': depth_metrics.rmse(**pixels), 'mae': depth_metrics.mae(**pixels),
        'rel': depth_metrics.abs_rel(**pixels), 'irmse': depth_metrics.irmse(**pixels),
        'imae': depth_metrics.imae(**pixels), 'd1': depth_metrics.delta(**pixels, power=1),
        'ssim': depth_metrics.ssim(estimate=found, target=target, valid=valid, max_depth=rules.max_depth),
        'ms': ms}


NOTHING: Figures = dict.fromkeys(UNITS, float('nan'))  # of a frame of which nothing was measured
