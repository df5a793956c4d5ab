"""Losses. Maps are [B,1,H,W]; `valid` is bool, True where the target is known."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_models.networks.cost_volume import StageOutput

# AnyNet, section 4.1: the stages' losses are summed; the authors' code weighs them so
STAGE_WEIGHTS = (0.25, 0.5, 1.0, 1.0)
CONFIDENCE_WEIGHT = 0.2
MATCH_WEIGHT = 1.0


def stereo_loss(outputs: Sequence[StageOutput], target: Tensor, *, valid: Tensor,
                matchable: Tensor) -> Tensor:
    """Scalar loss of all stages.

    target: px. valid: the disparity is known. matchable: the image pair holds something to match;
    where it does not (a black or saturated pair), no confidence is right, whatever was guessed.
    """
    # weights instead of boolean indexing, which costs as much as the network on a CPU
    use, known = (valid & matchable).to(target.dtype), valid.to(target.dtype)
    use, known = use / use.sum().clamp(1), known / known.sum().clamp(1)
    total = target.new_zeros(())
    for weight, (disparity, confidence, logits) in zip(STAGE_WEIGHTS, outputs, strict=True):
        error = (F.smooth_l1_loss(disparity, target, reduction='none') * use).sum()
        right = (is_right(disparity.detach(), target) & matchable).to(confidence.dtype)
        unsure = F.binary_cross_entropy_with_logits(
            confidence, right, weight=known, reduction='sum')
        total = total + weight * (error + CONFIDENCE_WEIGHT * unsure)
        if logits is not None:
            total = total + MATCH_WEIGHT * match_loss(logits, target, valid & matchable)
    return total


def match_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """
    Cross entropy of the search against what its cells contain: where a regression to the mean would
    be content with the middle between two surfaces, this asks for the one that fills the cell.

    logits: [B,D,h,w], candidate k stands for k * W / w px. Every pixel of a cell votes for the two
    candidates next to its disparity, in proportion.
    """
    candidates, height, width = logits.shape[1:]
    rows, columns = target.shape[-2] // height, target.shape[-1] // width
    disparity = (target / columns).clamp(0, candidates - 1 - 1e-4)
    lower = disparity.floor()
    part = disparity - lower
    known = valid.to(target.dtype)

    def by_cell(x: Tensor) -> Tensor:  # [B,1,H,W] -> [B, pixels of a cell, h, w]
        cells = x.unflatten(-1, (width, columns)).unflatten(-3, (height, rows))
        return cells.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)

    votes = logits.new_zeros(logits.shape, dtype=target.dtype)
    index = by_cell(lower).long()
    votes.scatter_add_(1, index, by_cell((1 - part) * known))
    votes.scatter_add_(1, index + 1, by_cell(part * known))
    votes = votes / (rows * columns)
    entropy = -(votes * F.log_softmax(logits.float(), dim=1)).sum()
    return entropy / votes.sum().clamp(min=1)


def is_right(disparity: Tensor, target: Tensor) -> Tensor:
    """What confidence is the probability of: error under 3 px or under 5 % (KITTI 2015's D1)."""
    error = torch.abs(disparity - target)
    return (error < 3.0) | (error < 0.05 * target.abs())
