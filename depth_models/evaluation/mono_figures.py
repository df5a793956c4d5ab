"""The figures of depth from one image: names, units, the rules of judging, one frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_models.evaluation import depth_metrics, metrics
from depth_models.evaluation.figures import Figures
from depth_models.frames import Map

UNITS = {
    'abs_rel': '1: mean of |d - d*| / d*',
    'sq_rel': 'm: mean of (d - d*)^2 / d*',
    'rmse': 'm: root of the mean of (d - d*)^2',
    'rmse_log': '1: root of the mean of (ln d - ln d*)^2',
    'log10': '1: mean of |log10 d - log10 d*|',
    'silog': '1: 100 times the standard deviation of ln d - ln d*',
    'd1': '0..1: share of the pixels where the ratio of d and d* is under 1.25',
    'd2': '0..1: the same under 1.25^2',
    'd3': '0..1: the same under 1.25^3',
    'mse': '1: mean of (d - d*)^2, depth in parts of the largest',
    'ssim': '-1..1: structural similarity, depth in parts of the largest',
    'rmse_edges': 'm: rmse within 3 px of an edge of the true depth; not of sparse depth',
    'density': '0..1: share of the judged pixels that have an estimate'}
# rows from, to, columns from, to; in parts of height and width, cut to whole px
CROPS = {
    'none': (0.0, 1.0, 0.0, 1.0),
    # Eigen et al., arXiv 1406.2283, as in the code of Godard et al., "Monodepth", CVPR 2017
    'eigen_kitti': (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    # rows 45 to 471 and columns 41 to 601 of 480 x 640: BTS, arXiv 1907.10326, bts_eval.py
    'eigen_nyu': (45 / 480, 471 / 480, 41 / 640, 601 / 640),
    # Garg et al., ECCV 2016
    'garg': (0.40810811, 0.99189189, 0.03594771, 0.96405229)}
MIN_DEPTH = 1e-3  # m
MAX_DEPTH = {'indoors': 10.0, 'outdoors': 80.0}  # m, the usual caps of NYU and KITTI


@dataclass(frozen=True)
class Rules:
    """What is judged, and how. Depths in m."""

    crop: str = 'none'
    min_depth: float = MIN_DEPTH  # truth counts strictly between the two;
    max_depth: float = MAX_DEPTH['indoors']  # estimates are clipped to them
    median_scaling: bool = True  # before clipping: by the ratio of the medians of a frame

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise ValueError(f'crop must be one of {", ".join(CROPS)}, got {self.crop!r}')
        if not 0 < self.min_depth < self.max_depth < np.inf:
            raise ValueError('min_depth must be over 0 m and under max_depth, got '
                             f'{self.min_depth:g} and {self.max_depth:g} m')


def judged(target: Map, rules: Rules) -> NDArray[np.bool_]:
    """[H,W] the pixels that count: of known depth, within crop and caps."""
    height, width = target.shape
    top, bottom, left, right = CROPS[rules.crop]
    inside = np.zeros(target.shape, np.bool_)
    # cut, not rounded, as those who set the rules do; 1e-9 for fractions that are whole px
    rows = slice(int(top * height + 1e-9), int(bottom * height + 1e-9))
    inside[rows, int(left * width + 1e-9):int(right * width + 1e-9)] = True
    with np.errstate(invalid='ignore'):
        return inside & (target > rules.min_depth) & (target < rules.max_depth)


def prepared(estimate: Map, target: Map, rules: Rules) -> Map:
    """The estimate as it is judged: scaled to the target if the rules say so, then clipped; m."""
    if rules.median_scaling:
        pixels = judged(target, rules) & np.isfinite(estimate)
        if pixels.any():
            median = float(np.median(estimate[pixels]))
            if not median > 0:
                raise ValueError(f'median scaling needs depth over 0, its median is {median:g}')
            estimate = estimate * np.float32(np.median(target[pixels]) / median)
    return np.clip(estimate, np.float32(rules.min_depth), np.float32(rules.max_depth))


def judge(estimate: Map, target: Map, rules: Rules) -> Figures:
    """
    All figures of one frame, by the names of UNITS. Errors are of the pixels that have an estimate.

    estimate: [H,W] m, or of any scale with median scaling. target: [H,W] m, NaN where unknown.
    """
    if estimate.shape != target.shape:
        raise ValueError(f'the estimate is {list(estimate.shape)}, but the target is {list(target.shape)}')
    found = prepared(estimate, target, rules)
    valid = judged(target, rules)
    pixels = {'estimate': found[valid], 'target': target[valid],
              'valid': np.ones(int(valid.sum()), np.bool_)}
    maps = {'estimate': found, 'target': target}
    return {
        'abs_rel': depth_metrics.abs_rel(**pixels), 'sq_rel': depth_metrics.sq_rel(**pixels),
        'rmse': depth_metrics.rmse(**pixels), 'rmse_log': depth_metrics.rmse_log(**pixels),
        'log10': depth_metrics.log10(**pixels), 'silog': depth_metrics.silog(**pixels),
        **{f'd{power}': depth_metrics.delta(**pixels, power=power) for power in (1, 2, 3)},
        'mse': depth_metrics.mse(**pixels, max_depth=rules.max_depth),
        'ssim': depth_metrics.ssim(**maps, valid=valid, max_depth=rules.max_depth),
        'rmse_edges': depth_metrics.rmse(**maps, valid=valid & depth_metrics.near_edges(target)),
        'density': metrics.density(**pixels)}
