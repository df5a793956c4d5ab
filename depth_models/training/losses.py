"""Losses. Maps are [B,1,H,W]; `valid` is bool, True where the target is known."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# AnyNet, section 4.1: the stages' losses are summed; the authors' code weighs them so
STAGE_WEIGHTS = (0.25, 0.5, 1.0, 1.0)
CONFIDENCE_WEIGHT = 0.2


def stereo_loss(outputs: Sequence[tuple[Tensor, Tensor]], target: Tensor, *, valid: Tensor,
                matchable: Tensor) -> Tensor:
    """Scalar loss of all stages' (disparity [px], confidence logit).

    target: px. valid: the disparity is known. matchable: the image pair holds something to match;
    where it does not (a black or saturated pair), no confidence is right, whatever was guessed.
    """
    # weights instead of boolean indexing, which costs as much as the network on a CPU
    use, known = (valid & matchable).to(target.dtype), valid.to(target.dtype)
    use, known = use / use.sum().clamp(1), known / known.sum().clamp(1)
    total = target.new_zeros(())
    for weight, (disparity, confidence) in zip(STAGE_WEIGHTS, outputs, strict=True):
        error = (F.smooth_l1_loss(disparity, target, reduction='none') * use).sum()
        right = (is_right(disparity.detach(), target) & matchable).to(confidence.dtype)
        unsure = F.binary_cross_entropy_with_logits(
            confidence, right, weight=known, reduction='sum')
        total = total + weight * (error + CONFIDENCE_WEIGHT * unsure)
    return total


def is_right(disparity: Tensor, target: Tensor) -> Tensor:
    """What confidence is the probability of: error under 3 px or under 5 % (KITTI 2015's D1)."""
    error = torch.abs(disparity - target)
    return (error < 3.0) | (error < 0.05 * target.abs())
