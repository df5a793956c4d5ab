"""
Ways to measure x8 super-resolution on Middlebury maps, for `benchmarks.middlebury_x8`.

Korinevskaya and Makarov (2018) print RMSE, SSIM and PSNR of cones, teddy, tsukuba and venus and do not say
in which unit, how the low-resolution maps were made, what became of unknown pixels, or whether the RMSE has
a root. A `Protocol` is one set of answers, ERRORS are what an RMSE may have been; `searched` is all that is
tried.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from depth_models.data.degradation import cell_means, whole_cells
from depth_models.evaluation import depth_metrics
from depth_models.evaluation.classical import fill_holes
from depth_models.evaluation.upsampling import holes_filled
from depth_models.frames import Map

FACTOR = 8
MAPS = ('cones', 'teddy', 'tsukuba', 'venus')
STEPS = {'cones': 4, 'teddy': 4, 'tsukuba': 16, 'venus': 8}  # a px, as Middlebury keeps them in 8 bits
BITS = 255.0  # the largest value of 8 bits

Values = NDArray[np.floating]


class Protocol(NamedTuple):
    """What has to be said before a figure means anything."""

    holes: str  # of HOLES
    unit: str  # of UNITS
    shrink: str  # of SHRINK
    enlarge: str  # of ENLARGE


class Figures(NamedTuple):
    """Of one map."""

    errors: Mapping[str, float]  # by the names of ERRORS
    ssim: float
    psnr: float  # dB: 20 log10(MAX / root of the mean square), MAX = 255 in 8 bits
    psnr_printed: float  # dB: 20 log10(root of MAX / mean square)


HOLES = {
    'zero': 'unknown is 0, as in the files, and judged',
    'zero_unjudged': 'unknown is 0, and not judged',
    'filled': 'unknown is the lower neighbour on the row, and judged',
    'filled_unjudged': 'unknown is the lower neighbour on the row, and not judged',
    'unknown': 'unknown is left out of means, and not judged',
}
UNITS = {
    'stored': '8 bits as Middlebury keeps them: 4, 4, 16, 8 steps a px',
    'tsukuba_8': 'the same, but 8 steps a px for tsukuba',
    'stretched': '8 bits, each map stretched to 0..255',
    'px': 'px of disparity, not rounded',
}


def _resized(kernel: int) -> Callable[[Map, tuple[int, int]], Map]:
    """OpenCV's, which never smooths before shrinking but for INTER_AREA."""
    return lambda values, size: np.asarray(cv2.resize(values, size[::-1], interpolation=kernel), np.float32)


def _smoothed(kernel: str) -> Callable[[Map, tuple[int, int]], Map]:
    """As PIL and MATLAB: the kernel is as wide as a large pixel; the cubic one has a = -0.5 [Keys 1981]."""
    return lambda values, size: F.interpolate(
        torch.from_numpy(np.ascontiguousarray(values))[None, None], size=size, mode=kernel,
        align_corners=False, antialias=True)[0, 0].numpy()


def _spline(values: Map, size: tuple[int, int]) -> Map:
    """SciPy's zoom: corners stay where they are, not pixel edges."""
    zoom = size[0] / values.shape[0], size[1] / values.shape[1]
    return np.asarray(ndimage.zoom(values, zoom, order=3), np.float32)


SHRINK: Mapping[str, Callable[[Map, tuple[int, int]], Map]] = {
    'first': lambda values, size: values[::FACTOR, ::FACTOR],
    'middle': lambda values, size: values[FACTOR // 2::FACTOR, FACTOR // 2::FACTOR],
    'area': _resized(cv2.INTER_AREA),
    'linear': _resized(cv2.INTER_LINEAR),
    'cubic': _resized(cv2.INTER_CUBIC),
    'linear_smoothed': _smoothed('bilinear'),
    'cubic_smoothed': _smoothed('bicubic'),
    'cells': lambda values, size: cell_means(values, FACTOR),
}
ENLARGE: Mapping[str, Callable[[Map, tuple[int, int]], Map]] = {
    'cubic a=-0.75': _resized(cv2.INTER_CUBIC), 'cubic a=-0.5': _smoothed('bicubic'), 'spline': _spline}
ERRORS: Mapping[str, Callable[[Values], float]] = {
    'root': lambda d: float(np.sqrt(np.mean(d ** 2))),  # RMSE
    'no_root': lambda d: float(np.mean(d ** 2)),  # as their formula is printed
    'absolute': lambda d: float(np.mean(np.abs(d))),
    # of 8 bits whose squares stop at 255 (MATLAB, OpenCV), or go on from 0 (NumPy)
    'capped': lambda d: float(np.sqrt(np.mean(np.minimum(d ** 2, BITS)))),
    'wrapped': lambda d: float(np.sqrt(np.mean(d ** 2 % (BITS + 1)))),
}
OF_8_BITS = ('capped', 'wrapped')
# as `depth-nodes evaluate super_resolution` measures maps without noise
OURS = Protocol('unknown', 'px', 'cells', 'cubic a=-0.75')


def searched() -> Iterator[Protocol]:
    """Every protocol that is tried."""
    holes = [name for name in HOLES if name != OURS.holes]
    shrink = [name for name in SHRINK if name != OURS.shrink]
    yield from (Protocol(*answers) for answers in product(holes, UNITS, shrink, ENLARGE))
    yield OURS


class Truth(NamedTuple):
    values: Map  # [H,W] in the protocol's unit; whole cells
    judged: NDArray[np.bool_]  # [H,W]
    peak: float  # what is MAX in PSNR, and 1 in SSIM


def truth(name: str, disparity: Map, protocol: Protocol) -> Truth:
    """disparity: [H,W] px of the map of this name, NaN where unknown."""
    disparity = whole_cells(disparity, FACTOR)
    known = np.isfinite(disparity)
    if protocol.holes.startswith('zero'):
        disparity = np.where(known, disparity, np.float32(0))
    elif protocol.holes.startswith('filled'):
        disparity = fill_holes(disparity)
    steps = 8 if protocol.unit == 'tsukuba_8' and name == 'tsukuba' else STEPS[name]
    judged = known if protocol.holes.endswith(('unjudged', 'unknown')) else np.ones_like(known)
    if protocol.unit == 'px':
        return Truth(disparity, judged, BITS / steps)
    stored = np.rint(disparity * np.float32(steps))
    if protocol.unit == 'stretched':
        least, most = np.nanmin(stored), np.nanmax(stored)
        stored = np.rint((stored - least) / max(most - least, 1) * np.float32(BITS))
    return Truth(stored.astype(np.float32), judged, BITS)


def low_res_of(values: Map, protocol: Protocol) -> Map:
    """[H/8,W/8] of a true map."""
    size = values.shape[0] // FACTOR, values.shape[1] // FACTOR
    return as_kept(SHRINK[protocol.shrink](np.ascontiguousarray(values), size), protocol)


def bicubic(low_res: Map, protocol: Protocol) -> Map:
    """[8h,8w] of a low-resolution map."""
    filled = np.ascontiguousarray(holes_filled(low_res), np.float32)
    return ENLARGE[protocol.enlarge](filled, (FACTOR * low_res.shape[0], FACTOR * low_res.shape[1]))


def as_kept(values: Map, protocol: Protocol) -> Map:
    """Rounded, where maps are kept in 8 bits."""
    return values if protocol.unit == 'px' else np.clip(np.rint(values), 0, BITS).astype(np.float32)


def judge(found: Map, true: Truth, protocol: Protocol) -> Figures:
    """found: [H,W] in the protocol's unit."""
    found = as_kept(found, protocol)
    pixels: dict[str, Any] = {'estimate': found, 'target': true.values, 'valid': true.judged}
    difference = (found - true.values)[true.judged].astype(np.float64)
    return Figures(
        {name: error(difference) for name, error in ERRORS.items()
         if not (protocol.unit == 'px' and name in OF_8_BITS)},
        depth_metrics.ssim(**pixels, max_depth=true.peak),
        depth_metrics.psnr(**pixels, peak=true.peak),
        depth_metrics.psnr_printed(**pixels, peak=true.peak))
