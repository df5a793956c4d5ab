"""
Matching costs between rectified feature maps, and the disparity that they speak for.

Shapes: B batch, C channels, h x w grid, D candidates. A disparity counts columns of the grid that
its map lives on: left column x matches right column x - disparity.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class StageOutput(NamedTuple):
    """What a stage of a stereo network says, at the size of the image."""

    disparity: Tensor  # [B,1,H,W] px
    confidence: Tensor  # [B,1,H,W] logit
    # [B,D,h,w] of the candidates 0..D-1 columns of the search's own grid; None: it did not search
    match_logits: Tensor | None = None


def full_cost(left: Tensor, right: Tensor, candidates: int) -> Tensor:
    """Mean L1 distance at disparities 0..candidates-1: [B,C,h,w] x 2 -> [B,D,h,w].

    AnyNet, section 3.2. Where x - d lies outside the right image it is compared with zero, so that
    the cost there carries no false match.
    """
    width = right.shape[-1]
    padded = F.pad(right, (candidates - 1, 0))
    return torch.stack(
        [(left - padded[..., candidates - 1 - d:candidates - 1 - d + width]).abs().mean(1)
         for d in range(candidates)], dim=1)


def residual_cost(left: Tensor, right: Tensor, estimate: Tensor, radius: int) -> Tensor:
    """Mean L1 distance at estimate + offset, offset in -radius..radius.

    AnyNet, section 3.2 ("residual prediction"): [B,C,h,w] x 2, [B,1,h,w] -> [B,2*radius+1,h,w].
    """
    offsets = torch.arange(-radius, radius + 1.0, device=left.device).view(1, -1, 1, 1)
    warped = warp_right_to_left(right, estimate + offsets)  # [B,C,D,h,w]
    return (left[:, :, None] - warped).abs().mean(1)


def full_group_cost(left: Tensor, right: Tensor, candidates: int, groups: int) -> Tensor:
    """`full_cost` of each of G groups of channels: [B,C,h,w] x 2 -> [B,G,D,h,w]."""
    width = right.shape[-1]
    padded = F.pad(right, (candidates - 1, 0))
    return torch.stack(
        [(left - padded[..., candidates - 1 - d:candidates - 1 - d + width]).abs()
         .unflatten(1, (groups, -1)).mean(2) for d in range(candidates)], dim=2)


def residual_group_cost(left: Tensor, right: Tensor, estimate: Tensor, radius: int, groups: int
                        ) -> Tensor:
    """`residual_cost` of each of G groups of channels: [B,C,h,w] x 2 -> [B,G,2*radius+1,h,w]."""
    offsets = torch.arange(-radius, radius + 1.0, device=left.device).view(1, -1, 1, 1)
    warped = warp_right_to_left(right, estimate + offsets)  # [B,C,D,h,w]
    return (left[:, :, None] - warped).abs().unflatten(1, (groups, -1)).mean(2)


def warp_right_to_left(right: Tensor, disparity: Tensor) -> Tensor:
    """
    Sample right [B,C,h,w] at column x - disparity, for D disparities [B,D,h,w]: [B,C,D,h,w].

    Zero outside of the image.
    """
    d, h, w = disparity.shape[-3:]
    x = torch.arange(w, dtype=right.dtype, device=right.device) - disparity  # [B,D,h,w]
    y = torch.arange(h, dtype=right.dtype, device=right.device)[:, None].expand_as(x)
    # align_corners=True because -1 and 1 are the centres of the first and the last pixel here;
    # a grid one pixel wide or high has only the centre
    grid = torch.stack([2 * x / max(w - 1, 1) - 1, 2 * y / max(h - 1, 1) - 1], dim=-1)  # [B,D,h,w,2]
    sampled = F.grid_sample(right, grid.flatten(1, 2), mode='bilinear', padding_mode='zeros',
                            align_corners=True)  # [B,C,D*h,w]: all disparities in one pass
    return sampled.unflatten(2, (d, h))


def soft_argmin(probability: Tensor, candidates: Tensor) -> Tensor:
    """Mean candidate, hence sub-pixel (AnyNet, eq. 1): [B,D,h,w], [D] -> [B,1,h,w]."""
    return (probability * candidates.view(1, -1, 1, 1)).sum(1, keepdim=True)


def peak_argmin(probability: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """
    Mean candidate around the likeliest one, and the share of probability there: [B,1,h,w] each.

    At the edge of a thing a cell sees two disparities; the mean over all candidates is neither.
    """
    near = (candidates.view(1, -1, 1, 1) - probability.argmax(1, keepdim=True)).abs() < 1.5
    peak = probability * near.to(probability.dtype)
    mass = peak.sum(1, keepdim=True)
    return soft_argmin(peak, candidates) / mass, mass


def spread(probability: Tensor, candidates: Tensor, mean: Tensor) -> Tensor:
    """Standard deviation of the candidates around `mean` [B,1,h,w], px of the grid: [B,1,h,w]."""
    variance = (probability * (candidates.view(1, -1, 1, 1) - mean) ** 2).sum(1, keepdim=True)
    return torch.sqrt(variance + 1e-6)  # the root's slope at 0 is infinite


def resize_disparity(disparity: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize [B,1,h,w] to `size` = (height, width), values with it: they count columns."""
    scale = size[1] / disparity.shape[-1]
    return scale * F.interpolate(disparity, size=size, mode='bilinear', align_corners=False)
