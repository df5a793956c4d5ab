"""Losses of one camera. Maps are [B,1,H,W]; `valid` is bool, True where the target is known.

A target beyond the network's `max_depth` counts as unknown: no output can say it.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_models.networks.mono_parts import DepthOutput

CONFIDENCE_WEIGHT = 0.2
SCALES = 4  # of gradient matching: px from one to the next are 1, 2, 4, 8
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5  # px: 11 x 11 windows
SSIM_C1, SSIM_C2 = 0.01 ** 2, 0.03 ** 2  # of values in 0..1
CLOSE = 1.25  # ratio of the field's delta 1


@dataclass(frozen=True)
class UNetLossWeights:
    """Alpha, beta and gamma of equation 7, section 4.1. The text leaves beta out; 1 adds no opinion."""

    l1: float = 2.0
    structure: float = 1.0
    edges: float = 5.0
    # of our own, and not in the text: the loss of the coarse-to-fine networks, to which what is near
    # counts as much as what is far
    shape: float = 0.0
    # of gradient matching, in `shape`. It helps to learn, and makes answers flat: most gradients are small
    gradients: float = field(default=0.5, metadata={'later': True})

    def __post_init__(self) -> None:
        terms = self.l1, self.structure, self.edges, self.shape
        if min(terms) < 0 or not sum(terms) > 0:
            raise ValueError('l1, structure, edges and shape must be 0 or more, and one of them above, '
                             f'got {self}')
        if not self.gradients >= 0:
            raise ValueError(f'gradients must be 0 or more, got {self.gradients}')


@dataclass(frozen=True)
class CoarseToFineLossWeights:
    """Of the logarithm of depth. As Eigen et al. 2014 have it: balance 0.5 and no gradients."""

    balance: float = 0.5  # lambda: 0 counts the scale of depth in full, 1 not at all
    gradients: float = 0.0  # of gradient matching

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1:
            raise ValueError(f'balance must lie in 0 to 1, got {self.balance}')
        if not self.gradients >= 0:
            raise ValueError(f'gradients must be 0 or more, got {self.gradients}')


SHAPE_BALANCE = 0.85  # in the loss of the mono U-Net


def unet_loss(output: DepthOutput, target: Tensor, *, image: Tensor, valid: Tensor, max_depth: float,
              weights: UNetLossWeights | None = None) -> Tensor:
    """
    Scalar loss of the mono U-Net: equations 5 to 7 of "Realtime Single Image Depth Estimation" on
    depth normalized to [0, 1], and that of its confidence.

    target: m. image: [B,H,W,3] in 0..255, as the network was given it.
    """
    weights = weights or UNetLossWeights()
    target, use = usable(target, valid, max_depth)
    depth, truth = output.depth.float(), target / max_depth
    error = torch.abs(depth - truth)
    terms = ((weights.l1, mean(error, use)),
             (weights.structure, mean(1 - ssim(depth, truth, use), use)),
             (weights.edges, mean(edge_weights(image) * error, use)))
    loss = torch.zeros_like(error[0, 0, 0, 0])
    if total := weights.l1 + weights.structure + weights.edges:
        loss = loss + sum(weight * term for weight, term in terms) / total
    if weights.shape:
        shape = CoarseToFineLossWeights(SHAPE_BALANCE, weights.gradients)
        loss = loss + weights.shape * log_loss(output, truth, use, shape)
    return loss + CONFIDENCE_WEIGHT * confidence_loss(output, target, use)


def coarse_to_fine_loss(output: DepthOutput, target: Tensor, *, valid: Tensor, max_depth: float,
                        weights: CoarseToFineLossWeights | None = None) -> Tensor:
    """Scalar loss of the coarse or of the fine network, and of its confidence. target: m."""
    weights = weights or CoarseToFineLossWeights()
    target, use = usable(target, valid, max_depth)
    return (log_loss(output, target / max_depth, use, weights)
            + CONFIDENCE_WEIGHT * confidence_loss(output, target, use))


def log_loss(output: DepthOutput, truth: Tensor, use: Tensor, weights: CoarseToFineLossWeights) -> Tensor:
    """Scalar loss on the logarithm of depth. truth: in parts of the largest depth."""
    # the logarithm of a sigmoid in one step, exact where its argument is far below zero
    difference = F.logsigmoid(output.logit.float()) - torch.log(truth)
    loss = scale_invariant(difference, use, weights.balance)
    if weights.gradients:
        loss = loss + weights.gradients * gradient_matching(difference, use)
    return loss


def usable(target: Tensor, valid: Tensor, max_depth: float) -> tuple[Tensor, Tensor]:
    """Where the target is known, above 0 and up to max_depth [m]; it is 1 m elsewhere, never NaN."""
    use = valid & (target > 0) & (target <= max_depth)
    return torch.where(use, target, 1.0), use


def mean(values: Tensor, use: Tensor) -> Tensor:
    """Of the pixels in use, 0 where there are none."""
    # weights instead of boolean indexing, which costs as much as the network on a CPU
    return (values * use).sum() / use.sum().clamp(1)


def scale_invariant(difference: Tensor, use: Tensor, balance: float = 0.5) -> Tensor:
    """
    Eigen et al., arXiv 1406.2283, equation 4: per image, the mean square of d less `balance` times the
    square of its mean, where d is the difference of logarithms of depth; then the mean over images.

    Images of which nothing is in use do not count.
    """
    number = use.sum((1, 2, 3))
    difference = difference * use
    square = difference.square().sum((1, 2, 3)) / number.clamp(1)
    offset = difference.sum((1, 2, 3)) / number.clamp(1)
    return (square - balance * offset.square()).sum() / (number > 0).sum().clamp(1)


def gradient_matching(difference: Tensor, use: Tensor) -> Tensor:
    """
    Li and Snavely, "MegaDepth", CVPR 2018, arXiv 1804.00607, section 4: how much the difference of
    logarithms of depth changes from a pixel to the next, at several scales; their sum.
    """
    total = torch.zeros_like(difference[0, 0, 0, 0])
    for scale in range(SCALES):
        step = 2 ** scale
        d, known = difference[..., ::step, ::step], use[..., ::step, ::step]
        total = (total + mean(torch.abs(d[..., 1:] - d[..., :-1]), known[..., 1:] & known[..., :-1])
                 + mean(torch.abs(d[..., 1:, :] - d[..., :-1, :]), known[..., 1:, :] & known[..., :-1, :]))
    return total


def edge_weights(image: Tensor) -> Tensor:
    """
    The factor of |p - p^| in equation 6, [B,H,W,3] in 0..255 -> [B,1,H,W] in 0..2.

    The gradients are of the image in 0..1, absolute, the mean of the three channels, from a pixel to
    the next: then the term is the tenth of the other two that the text reports.
    """
    image = image.float() / 255
    along = F.pad(torch.abs(image[:, :, 1:] - image[:, :, :-1]).mean(-1), (0, 1))
    down = F.pad(torch.abs(image[:, 1:] - image[:, :-1]).mean(-1), (0, 0, 0, 1))
    return (2 - torch.exp(-along) - torch.exp(-down))[:, None]


def ssim(a: Tensor, b: Tensor, use: Tensor) -> Tensor:
    """
    Structural similarity of maps in 0..1, pixel by pixel, [B,1,H,W] in -1..1.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004,
    equation 13, with its Gaussian windows of 11 x 11 px and sigma 1.5 px. Only pixels in use enter a
    window, weighted anew; the same at the border of the image.
    """
    weight = use.to(a.dtype)
    maps = torch.cat([weight, *[weight * values for values in (a, b, a * a, b * b, a * b)]], dim=1)
    total, *sums = _blurred(maps).split(1, dim=1)
    mean_a, mean_b, square_a, square_b, product = (s / total.clamp(1e-6) for s in sums)
    variances = (square_a - mean_a.square()).clamp(0) + (square_b - mean_b.square()).clamp(0)
    covariance = product - mean_a * mean_b
    return ((2 * mean_a * mean_b + SSIM_C1) * (2 * covariance + SSIM_C2)
            / ((mean_a.square() + mean_b.square() + SSIM_C1) * (variances + SSIM_C2)))


def confidence_loss(output: DepthOutput, target: Tensor, use: Tensor) -> Tensor:
    """Binary cross entropy of the confidence with what was right. target: m, in use where `use`."""
    right = is_close(output.depth.detach().float(), target, use).float()
    return mean(F.binary_cross_entropy_with_logits(output.confidence.float(), right, reduction='none'), use)


def is_close(depth: Tensor, target: Tensor, use: Tensor) -> Tensor:
    """
    What confidence is the probability of: depth, scaled per image by the ratio of the medians, within
    a ratio of 1.25 of the target, which is the field's delta 1. The unit of depth does not matter.
    """
    medians = [torch.where(use, values, torch.nan).flatten(1).nanmedian(1).values[:, None, None, None]
               for values in (target, depth)]
    ratio = depth * (medians[0] / medians[1]) / target
    return (torch.maximum(ratio, 1 / ratio) < CLOSE) & use


def _blurred(maps: Tensor) -> Tensor:
    """[B,C,H,W] under a Gaussian, zero around; in full precision, whatever runs around it."""
    offsets = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=maps.dtype, device=maps.device)
    kernel = torch.exp(-offsets.square() / (2 * SSIM_SIGMA ** 2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(maps.shape[1], -1, -1, -1)
    with torch.autocast(maps.device.type, enabled=False):
        along = F.conv2d(maps, kernel, padding=(0, SSIM_RADIUS), groups=maps.shape[1])
        return F.conv2d(along, kernel.mT, padding=(SSIM_RADIUS, 0), groups=maps.shape[1])
