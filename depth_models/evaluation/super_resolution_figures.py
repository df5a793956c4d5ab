"""The figures of depth super-resolution: names, units, what of a frame is given and what is judged."""

from typing import NamedTuple
from zlib import crc32

import numpy as np

from depth_models.data.degradation import PRESETS, low_res_of, whole_cells
from depth_models.data.samples import DepthSample
from depth_models.evaluation import depth_metrics
from depth_models.evaluation.figures import Figures
from depth_models.frames import Image, Map

UNITS = {
    'rmse': 'unit of the map (m; px of disparity): root of the mean of (d - d*)^2',
    'mape': '%: mean of 100 |d - d*| / d*',
    'ssim': '-1..1: structural similarity, maps in parts of the largest d* of the frame',
    'psnr': 'dB: 20 log10 of the largest d* of the frame / rmse',
    'rmse_edges': 'unit of the map: rmse within 3 px of an edge of the true map',
    'rmse_ratio': '1: rmse in parts of that of bicubic on the same frame',
    'edges_ratio': '1: the same of rmse_edges',
    'mse_printed': 'unit of the map, squared: mean of (d - d*)^2, which Korinevskaya and Makarov (2018) '
                   'print as RMSE',
    'psnr_printed': 'dB: 20 log10 of the root of the largest d* / mse_printed, as they print PSNR',
    'ms': 'ms: from the low-resolution map to the large one, the time on the wall'}
DEGRADATIONS = tuple(PRESETS)
SEED = 20_182  # of what is given; the same for every method, and in every run
NOTHING: Figures = dict.fromkeys(UNITS, float('nan'))  # of a frame of which nothing is given


class Given(NamedTuple):
    """What a method gets to see, and what is true of it; H = factor h, W = factor w."""

    low_res: Map  # [h,w], NaN where missing
    image: Image  # [H,W,3] RGB
    target: Map  # [H,W], NaN where unknown


def given(sample: DepthSample, name: str, factor: int, degradation: str) -> Given:
    """name: of the frame, so that each draws its own noise."""
    rng = np.random.default_rng([SEED, crc32(name.encode()), factor, DEGRADATIONS.index(degradation)])
    low_res = low_res_of(rng, sample.depth, factor, PRESETS[degradation])
    return Given(low_res, np.ascontiguousarray(whole_cells(sample.image, factor)),
                 np.ascontiguousarray(whole_cells(sample.depth, factor)))


def has_noise(degradation: str) -> bool:
    """As a user would know of a sensor."""
    return PRESETS[degradation].gaussian > 0


def judge(found: Map, target: Map, *, bicubic: Map, ms: float) -> Figures:
    """
    All figures of one frame, by the names of UNITS.

    found: [H,W], known at every pixel of known target, else ValueError: whoever leaves pixels open is
    judged on easier ones. target: [H,W], NaN where unknown; in any unit. bicubic: the answer that `found`
    is set in relation to.
    """
    valid = np.isfinite(target)
    if missing := int(np.count_nonzero(~np.isfinite(found[valid]))):
        raise ValueError(f'the large map leaves {missing} of {int(valid.sum())} judged pixels open')
    if not valid.any():
        return {**NOTHING, 'ms': ms}
    peak = float(target[valid].max())
    pixels = {'estimate': found[valid], 'target': target[valid], 'valid': np.ones(int(valid.sum()), np.bool_)}
    edges = {'target': target, 'valid': valid & depth_metrics.near_edges(target)}
    rmse, rmse_edges = depth_metrics.rmse(**pixels), depth_metrics.rmse(estimate=found, **edges)
    return {
        'rmse': rmse, 'mape': depth_metrics.mape(**pixels),
        'ssim': depth_metrics.ssim(estimate=found, target=target, valid=valid, max_depth=peak),
        'psnr': depth_metrics.psnr(**pixels, peak=peak), 'rmse_edges': rmse_edges,
        'rmse_ratio': _parts(rmse, depth_metrics.rmse(estimate=bicubic, target=target, valid=valid)),
        'edges_ratio': _parts(rmse_edges, depth_metrics.rmse(estimate=bicubic, **edges)),
        'mse_printed': depth_metrics.mse_printed(**pixels),
        'psnr_printed': depth_metrics.psnr_printed(**pixels, peak=peak), 'ms': ms}


def _parts(error: float, of: float) -> float:
    return error / of if of else float('nan')
