"""
A low-resolution depth map as the networks of super-resolution take it: filled, scaled, enlarged.

Shapes: B batch, h x w low-resolution map, f factor, H = f h, W = f w. A map has any unit; what is not
positive and finite is missing. All of it is to be computed in float32: metres have to stay exact.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet_wide import bilinear

LEVELS = 6  # grids that holes are filled from: those of up to 2^5 px; larger ones by the mean of the frame
FAITH = 1e-3  # pixels: a filled hole is what surrounds it as soon as anything does
TINY = 1e-6
MARGIN = 2  # px that the bicubic kernel reaches to each side
A = -0.75  # of the cubic kernel, as in OpenCV and torch; Keys, IEEE TASSP 1981, has -0.5


class LowRes(NamedTuple):
    """Depth in parts of twice the frame's mean, so most of it lies within 0..1."""

    depth: Tensor  # [B,1,h,w], holes filled
    known: Tensor  # [B,1,h,w], 1 where depth was measured, 0 where it was missing
    scale: Tensor  # [B,1,1,1] unit of the map: what depth is to be multiplied by


class UpscaledOutput(NamedTuple):
    """What a stage of super-resolution says."""

    depth: Tensor  # [B,1,H,W] in the unit of the input
    # logit [B,1,?,?], coarser than depth: of the probability that it is within 5 % of the truth
    confidence: Tensor


def prepared(low_res: Tensor, largest: float) -> LowRes:
    """low_res: [B,1,h,w] with holes; farther than `largest` counts as at that distance (same unit)."""
    known = ((low_res > 0) & (low_res < torch.inf)).to(low_res.dtype)  # NaN is neither
    depth = torch.where(known > 0, low_res, 0.0).clamp(max=largest)
    scale = 2 * (depth.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(1)).clamp(TINY)
    return LowRes(filled(depth / scale, known), known, scale)


def filled(values: Tensor, known: Tensor) -> Tensor:
    """
    [B,1,h,w] with what is not known replaced by what surrounds it; smooth, and known values kept.

    Push and pull [Gortler et al., "The Lumigraph", 1996, section 3.4.2]: means of ever larger cells,
    and back from the largest ones to where something is missing.
    """
    height, width = values.shape[-2:]
    whole = 2 ** (LEVELS - 1)
    sums = F.pad(torch.cat([values * known, known], dim=1), (0, -width % whole, 0, -height % whole))
    pyramid = [sums]
    for _ in range(LEVELS - 1):
        pyramid.append(4 * F.avg_pool2d(pyramid[-1], 2))
    total, number = pyramid[-1].sum((2, 3), keepdim=True).chunk(2, dim=1)
    coarser = (total / number.clamp(TINY)).expand(-1, -1, *pyramid[-1].shape[-2:])
    for level in reversed(pyramid):
        coarser = bilinear(coarser, (level.shape[-2], level.shape[-1]))
        around = 9 * F.avg_pool2d(level, 3, 1, 1)
        coarser = (around[:, :1] + FAITH * coarser) / (around[:, 1:] + FAITH)
    return torch.where(known > 0, values, coarser[..., :height, :width])


class Bicubic(nn.Module):
    """[B,1,h,w] -> [B,1,fh,fw] by cubic convolution, as a sub-pixel convolution with fixed weights.

    Pixel edges stay where they are, as in `cv2.resize`: the centre of a large pixel is that of its f x f
    small ones.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.weights: Tensor
        self.register_buffer('weights', _sub_pixel_weights(factor), persistent=False)

    def forward(self, low_res: Tensor) -> Tensor:
        """Rows and columns beyond the border are those at the border."""
        padded = F.pad(low_res, (MARGIN, MARGIN, MARGIN, MARGIN), mode='replicate')
        return F.pixel_shuffle(F.conv2d(padded, self.weights), self.factor)


def corrected(smooth: Tensor, correction: Tensor, scale: Tensor) -> Tensor:
    """
    Depth [B,1,H,W] from enlarged depth (same unit) and a correction of it in units of `scale`.

    Half of the enlarged depth at least is left: no depth is 0 or behind the camera.
    """
    return torch.maximum(smooth + correction * scale, 0.5 * smooth)


def around(values: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Middle and half of the range of the values [B,1,h,w] within `reach` px."""
    side = 2 * reach + 1
    most, least = F.max_pool2d(values, side, 1, reach), -F.max_pool2d(-values, side, 1, reach)
    return (most + least) / 2, (most - least) / 2


def _sub_pixel_weights(factor: int) -> Tensor:
    """[f*f,1,5,5] of every one of the small pixels."""
    offset = (torch.arange(factor) + 0.5) / factor - 0.5  # of the small ones from the centre, in px
    distance = (torch.arange(-MARGIN, MARGIN + 1)[None, :] - offset[:, None]).abs().double()
    near = ((A + 2) * distance - (A + 3)) * distance ** 2 + 1
    far = ((A * distance - 5 * A) * distance + 8 * A) * distance - 4 * A
    row = torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))  # [f,5]
    weights = torch.einsum('iy,jx->ijyx', row, row)
    return weights.reshape(factor * factor, 1, 2 * MARGIN + 1, 2 * MARGIN + 1).float()
