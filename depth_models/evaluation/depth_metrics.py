"""
Errors of depth [m] as the field counts them, as pure functions of arrays, given by name.

estimate, target: arrays of one shape, over 0, NaN where unknown. valid: bool of that shape, the pixels
to judge. What counts, and what is NaN, is as in `depth_models.evaluation.metrics`.

Where it is not said otherwise the definitions are those of Eigen et al., "Depth Map Prediction from a
Single Image using a Multi-Scale Deep Network", arXiv 1406.2283, section 4.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from depth_models.evaluation.metrics import Values, known_pairs

SSIM_SIGMA, SSIM_SIDE = 1.5, 11  # px
SSIM_C1, SSIM_C2 = 0.01 ** 2, 0.03 ** 2  # of values in 0..1
EDGE_RATIO = 1.25  # of depths around an edge
EDGE_REACH = 3  # px
SPARSE = 0.5  # share of known pixels under which depth is points, as of a LiDAR, without edges


def abs_rel(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Mean of |d - d*| / d*, d* being the target."""
    found, truth = known_pairs(estimate, target, valid)
    return _mean(np.abs(found - truth) / truth)


def sq_rel(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Mean of (d - d*)^2 / d* [m]. (KITTI's devkit divides by d*^2: another figure of this name.)"""
    found, truth = known_pairs(estimate, target, valid)
    return _mean(np.square(found - truth) / truth)


def rmse(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Root of the mean of (d - d*)^2 [m]."""
    found, truth = known_pairs(estimate, target, valid)
    return float(np.sqrt(_mean(np.square(found - truth))))


def mae(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Mean of |d - d*| [m]."""
    found, truth = known_pairs(estimate, target, valid)
    return _mean(np.abs(found - truth))


def irmse(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Root of the mean of (1 / d - 1 / d*)^2 [1/km], as the devkit of KITTI's depth completion."""
    found, truth = known_pairs(estimate, target, valid)
    return 1e3 * float(np.sqrt(_mean(np.square(1 / found - 1 / truth))))


def imae(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Mean of |1 / d - 1 / d*| [1/km], as the devkit of KITTI's depth completion."""
    found, truth = known_pairs(estimate, target, valid)
    return 1e3 * _mean(np.abs(1 / found - 1 / truth))


def rmse_log(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Root of the mean of (ln d - ln d*)^2."""
    return float(np.sqrt(_mean(np.square(_log_difference(estimate, target, valid)))))


def log10(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Mean of |log10 d - log10 d*| (Saxena et al., "Make3D", PAMI 2009)."""
    return _mean(np.abs(_log_difference(estimate, target, valid))) / float(np.log(10))


def silog(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """
    100 times the standard deviation of ln d - ln d*, the same for every scale of the estimate.

    As the devkit of KITTI's depth benchmarks: the root of the scale-invariant error of Eigen et al.,
    equation 1, times 100.
    """
    difference = _log_difference(estimate, target, valid)
    return 100 * float(np.std(difference)) if difference.size else float('nan')


def delta(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike, power: int) -> float:
    """The share, 0..1, of pixels with max(d / d*, d* / d) under 1.25 to the `power`."""
    found, truth = known_pairs(estimate, target, valid)
    return _mean(np.maximum(found / truth, truth / found) < 1.25 ** power)


def mse(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike, max_depth: float) -> float:
    """
    Mean of (d - d*)^2, depth in parts of `max_depth` [m] and so in 0..1.

    Equation 8 of "Realtime Single Image Depth Estimation", where depth is normalized to [0, 1]
    (section 4.1); its text does not say by what: here it is the cap.
    """
    found, truth = known_pairs(estimate, target, valid)
    return _mean(np.square((found - truth) / max_depth))


def mape(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """
    Mean of 100 |d - d*| / d* [%].

    Korinevskaya and Makarov, "Depth map reconstruction using deep convolutional neural networks", 2018,
    where the sum over the columns is left out in print.
    """
    return 100 * abs_rel(estimate=estimate, target=target, valid=valid)


def psnr(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike, peak: float) -> float:
    """20 log10 of `peak` / RMSE [dB], the usual one; inf without an error. peak: in the unit of depth."""
    return _decibels(peak, rmse(estimate=estimate, target=target, valid=valid))


def mse_printed(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> float:
    """Mean of (d - d*)^2 [m^2]: what is printed as the RMSE of Korinevskaya and Makarov, without a root."""
    found, truth = known_pairs(estimate, target, valid)
    return _mean(np.square(found - truth))


def psnr_printed(*, estimate: ArrayLike, target: ArrayLike, valid: ArrayLike, peak: float) -> float:
    """
    20 log10 of sqrt(`peak`) / `mse_printed` [dB], as Korinevskaya and Makarov print it.

    Not the same in every unit; the figures of their tables are not in this definition.
    """
    return _decibels(peak ** 0.5, mse_printed(estimate=estimate, target=target, valid=valid))


def ssim(*, estimate: NDArray[np.floating], target: NDArray[np.floating], valid: NDArray[np.bool_],
         max_depth: float) -> float:
    """
    Mean structural similarity, -1..1, of maps [H,W], depth in parts of `max_depth` [m].

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004,
    equation 13, with its Gaussian windows of 11 x 11 px and sigma 1.5 px and its constants for values
    in 0..1. Only pixels that count enter a window, weighted anew, and only their windows are averaged.
    """
    use = valid & np.isfinite(estimate) & np.isfinite(target)
    if not use.any():
        return float('nan')
    one, two = (np.where(use, values, 0) / max_depth for values in (estimate, target))
    weight = np.maximum(_blurred(use.astype(np.float64)), 1e-12)
    mean_one, mean_two, square_one, square_two, product = (
        _blurred(values) / weight for values in (one, two, one * one, two * two, one * two))
    variances = np.maximum(square_one - mean_one ** 2, 0) + np.maximum(square_two - mean_two ** 2, 0)
    covariance = product - mean_one * mean_two
    similar = ((2 * mean_one * mean_two + SSIM_C1) * (2 * covariance + SSIM_C2)
               / ((mean_one ** 2 + mean_two ** 2 + SSIM_C1) * (variances + SSIM_C2)))
    return _mean(similar[use])


def near_edges(depth: NDArray[np.floating]) -> NDArray[np.bool_]:
    """
    [H,W] where the known depths within 3 px (Euclidean) differ by more than a ratio of 1.25.

    The two sides need not touch: RGB-D cameras leave a strip unknown between them. Nowhere in sparse
    depth, of which under half is known.
    """
    known = np.isfinite(depth)
    if known.mean() < SPARSE:
        return np.zeros(depth.shape, np.bool_)
    along = np.arange(-EDGE_REACH, EDGE_REACH + 1)
    disk = (along[:, None] ** 2 + along ** 2 <= EDGE_REACH ** 2).astype(np.uint8)
    near = np.asarray(cv2.erode(np.where(known, depth, np.inf).astype(np.float32), disk))
    far = np.asarray(cv2.dilate(np.where(known, depth, 0).astype(np.float32), disk))
    return far / EDGE_RATIO > near


def _decibels(signal: float, noise: float) -> float:
    return 20 * float(np.log10(signal / noise)) if noise else float('inf')


def _log_difference(estimate: ArrayLike, target: ArrayLike, valid: ArrayLike) -> Values:
    found, truth = known_pairs(estimate, target, valid)
    return np.log(found) - np.log(truth)


def _blurred(values: Values) -> Values:
    return np.asarray(cv2.GaussianBlur(values, (SSIM_SIDE, SSIM_SIDE), SSIM_SIGMA,
                                       borderType=cv2.BORDER_CONSTANT), np.float64)


def _mean(values: NDArray) -> float:
    return float(np.mean(values)) if values.size else float('nan')
