"""Losses of depth super-resolution. Maps are [B,1,H,W]; `valid` is bool, True where the target is known.

All of them are in parts of the frame's mean depth, so that no unit matters.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_models.evaluation.depth_metrics import EDGE_RATIO, EDGE_REACH, SPARSE
from depth_models.networks.low_res import UpscaledOutput
from depth_models.training.map_losses import (
    CONFIDENCE_WEIGHT,
    confidence_loss,
    log_error,
    mean_of_each,
    perceptual,
    rms,
    vgg_loss,
)
from depth_models.training.mono_losses import mean

LEAST = 0.002  # of the mean depth: a root mean square error below it is as good as none
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


@dataclass(frozen=True)
class DepthGANLossWeights:
    """
    Of the terms; one of weight 0 costs nothing. The authors' loss (ISMAR 2018, L_G = L_MSE + alpha L_VGG
    + beta L_GAN + gamma L_TV) is `{ratio: 0, log: 0, mse: 1, vgg: ALPHA, gan: BETA, tv: GAMMA}`.

    ratio    root mean square error over that of stage 1, per frame: how much better than bicubic
             interpolation every frame is, whatever it is of. A mean square is about few frames
    log      mean absolute difference of logarithms: what is near, and the many pixels off the edges
    mse      mean square of the error
    vgg      the same of the features of VGG-16 at conv 3.1, of depth in parts of the largest in the frame
    gan      of the discriminator, which is trained by the same steps: `gan_form`
    tv       total variation: mean absolute difference of neighbours
    """

    ratio: float = 1.0
    log: float = 2.0
    mse: float = 0.0
    vgg: float = 0.0
    gan: float = 0.0
    tv: float = 0.0
    vgg_weights: str = ''  # torchvision's file; empty: the one in torch's cache, if it is there
    # saturating: the authors' log(1 - D(G)), whose gradient vanishes where the discriminator is sure;
    # non_saturating: -log D(G), of the same fixed point [Goodfellow et al., NIPS 2014, section 3]
    gan_form: Literal['saturating', 'non_saturating'] = 'saturating'

    def __post_init__(self) -> None:
        values = self.ratio, self.log, self.mse, self.vgg
        if min(*values, self.gan, self.tv) < 0 or not sum(values) > 0:
            raise ValueError('ratio, log, mse, vgg, gan and tv must be 0 or more, and one of the first four '
                             f'above, got {self}')


@dataclass(frozen=True)
class GuidedLossWeights:
    """
    Of the terms. The reference has ||D - D*|| + ||Sobel(D) - Sobel(D*)||, both of them L1.

    ratio and log are those of `DepthGANLossWeights`, for whom squared errors count; edges is the ratio of
    both errors near depth edges alone.
    """

    l1: float = 1.0
    sobel: float = 1.0
    ratio: float = 0.0
    edges: float = field(default=0.0, metadata={'later': True})
    log: float = 0.0

    def __post_init__(self) -> None:
        values = self.l1, self.sobel, self.ratio, self.edges, self.log
        if min(values) < 0 or not sum(values) > 0:
            raise ValueError('l1, sobel, ratio, edges and log must be 0 or more, and one of them above, '
                             f'got {self}')


def depth_gan_loss(first: UpscaledOutput, second: UpscaledOutput, target: Tensor, *, valid: Tensor,
                   weights: DepthGANLossWeights) -> Tensor:
    """Scalar loss of the generator but for the term of its discriminator, and of both confidences."""
    target, size = with_size(target, valid)
    loss = errors(first, second, target, size, valid=valid, ratio=weights.ratio, log=weights.log)
    if weights.mse:
        loss = loss + weights.mse * frames_mean((rms(second.depth, target, valid) / size).square(), valid)
    if weights.vgg and (features := perceptual(weights.vgg_weights, str(target.device))) is not None:
        loss = loss + weights.vgg * vgg_loss(features, second.depth, target, valid)
    if weights.tv:
        loss = loss + weights.tv * total_variation(second.depth / size.view(-1, 1, 1, 1))
    return loss


def guided_loss(first: UpscaledOutput, second: UpscaledOutput, target: Tensor, *, valid: Tensor,
                weights: GuidedLossWeights) -> Tensor:
    """Scalar loss, and of both confidences."""
    target, size = with_size(target, valid)
    loss = errors(first, second, target, size, valid=valid, ratio=weights.ratio, log=weights.log)
    error = torch.where(valid, second.depth - target, 0.0) / size.view(-1, 1, 1, 1)
    if weights.l1:
        loss = loss + weights.l1 * mean(error.abs(), valid)
    if weights.sobel:
        loss = loss + weights.sobel * sobel_error(error, valid)
    if weights.edges:
        edges = near_edges(target, valid)
        loss = loss + weights.edges * frames_mean(error_ratio(first, second, target, size, edges), edges)
    return loss


def with_size(target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The target, 1 where it is not known; its mean per frame [B], over 0."""
    target = torch.where(valid, target, 1.0)
    return target, mean_of_each(target, valid).clamp(1e-6)  # or what is divided by it is no number


def errors(first: UpscaledOutput, second: UpscaledOutput, target: Tensor, size: Tensor, *, valid: Tensor,
           ratio: float, log: float) -> Tensor:
    """What both networks are taught alike: those two terms, and confidence."""
    unsure = [confidence_loss(output, target, valid) for output in (first, second)]
    loss = CONFIDENCE_WEIGHT * (unsure[0] + unsure[1])
    if ratio:
        loss = loss + ratio * frames_mean(error_ratio(first, second, target, size, valid), valid)
    if log:
        loss = loss + log * log_error(second.depth, target, valid)
    return loss


def error_ratio(first: UpscaledOutput, second: UpscaledOutput, target: Tensor, size: Tensor, valid: Tensor
                ) -> Tensor:
    """[B] root mean square error of stage 2 over that of stage 1."""
    before, after = (rms(output.depth, target, valid) for output in (first, second))
    return after / (before.detach() + LEAST * size)


def near_edges(target: Tensor, valid: Tensor) -> Tensor:
    """[B,1,H,W] bool: `depth_metrics.near_edges` of every frame, where the target is known."""
    near, far = torch.where(valid, target, torch.inf), torch.where(valid, target, 0.0)
    nearest, farthest = near, far
    for rows in range(EDGE_REACH + 1):  # a disk is what these rectangles cover together
        columns = math.isqrt(EDGE_REACH ** 2 - rows ** 2)
        window = (2 * rows + 1, 2 * columns + 1), 1, (rows, columns)
        nearest = torch.minimum(nearest, -F.max_pool2d(-near, *window))
        farthest = torch.maximum(farthest, F.max_pool2d(far, *window))
    dense = valid.float().mean((1, 2, 3), keepdim=True) >= SPARSE
    return valid & dense & (farthest / EDGE_RATIO > nearest)


def frames_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Of [B], over the frames of which anything is known."""
    there = valid.any(-1).any(-1).any(-1).to(values.dtype)
    return (there * values).sum() / there.sum().clamp(1)


def total_variation(depth: Tensor) -> Tensor:
    """L_TV, in its anisotropic form: mean absolute difference to the right and downward neighbours."""
    return (torch.abs(depth[..., 1:] - depth[..., :-1]).mean()
            + torch.abs(depth[..., 1:, :] - depth[..., :-1, :]).mean())


def sobel_error(error: Tensor, valid: Tensor) -> Tensor:
    """
    L1 of the difference of Sobel gradients, mean over both directions: since the operator is linear, that
    of the error. Only where all of a window is known.
    """
    kernel = torch.tensor(SOBEL, dtype=error.dtype, device=error.device)
    gradients = F.conv2d(error, torch.stack([kernel, kernel.T])[:, None])
    whole = -F.max_pool2d(-valid.to(error.dtype), 3, 1)
    return mean(gradients.abs().mean(1, keepdim=True), whole)
