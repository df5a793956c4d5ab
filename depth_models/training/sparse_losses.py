"""Losses of sparse depth. Maps are [B,1,H,W]; `valid` is bool, True where the target is known."""

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_models.networks.sparse_depth import SparseOutput
from depth_models.training.map_losses import (
    CONFIDENCE_WEIGHT,
    confidence_loss,
    log_error,
    mean_of_each,
    perceptual,
    rms,
    vgg_loss,
)

LEAST = 0.005  # of the mean depth: a root mean square error below it is as good as none


@dataclass(frozen=True)
class SparseLossWeights:
    """
    Of the terms. The authors' loss is mse + alpha vgg, so `{ratio: 0, log: 0, mse: 1, vgg: ALPHA}`.

    ratio    root mean square error over that of stage 1, per frame. A squared error in m is about the few
             frames with a far background, and one in parts of the depth about those with the most
             borders; this counts how much better than the planes every frame is, whatever it is of.
    log      mean absolute difference of logarithms: what is near, and the many pixels off the borders
    mse      mean square of the error in parts of the frame's mean depth
    vgg      the same of the features of VGG-16 at conv 3.1, of depth in parts of the largest in the frame
    first    log and ratio of stage 1 itself (over the mean depth), for the few numbers that it learns
    """

    ratio: float = 1.0
    log: float = 5.0
    mse: float = 0.0
    vgg: float = 0.0
    first: float = 0.5
    vgg_weights: str = ''  # torchvision's file; empty: the one in torch's cache, if it is there

    def __post_init__(self) -> None:
        values = self.ratio, self.log, self.mse, self.vgg
        if min(*values, self.first) < 0 or not sum(values) > 0:
            raise ValueError(f'ratio, log, mse, vgg and first must be 0 or more, and one of the first four '
                             f'above, got {self}')


def sparse_loss(first: SparseOutput, second: SparseOutput, target: Tensor, *, valid: Tensor,
                weights: SparseLossWeights) -> Tensor:
    """Scalar loss of both stages and of their confidences. target: m, any number where not valid."""
    target = torch.where(valid, target, 1.0)
    size = mean_of_each(target, valid).clamp(1e-6)  # or what is divided by it is no number in empty frames
    errors = [rms(output.depth.float(), target, valid) for output in (first, second)]
    there = valid.any(-1).any(-1).any(-1).float()
    frames = there.sum().clamp(1)
    loss = weights.first * (log_error(first.depth, target, valid)
                            + (there * errors[0] / size).sum() / frames)
    loss = loss + weights.ratio * (there * errors[1] / (errors[0].detach() + LEAST * size)).sum() / frames
    if weights.log:
        loss = loss + weights.log * log_error(second.depth, target, valid)
    if weights.mse:
        loss = loss + weights.mse * (there * (errors[1] / size).square()).sum() / frames
    if weights.vgg and (features := perceptual(weights.vgg_weights, str(target.device))) is not None:
        loss = loss + weights.vgg * vgg_loss(features, second.depth.float(), target, valid)
    unsure = [confidence_loss(output, target, valid) for output in (first, second)]
    return loss + CONFIDENCE_WEIGHT * (unsure[0] + unsure[1])
