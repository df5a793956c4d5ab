"""
Planes through scattered depths, everywhere at once: what the sparse network starts from.

Inverse depth of a plane in space is linear in the image, so scattered measurements of it are fitted by
u = v + a x + b y, and a fit of any of them gives all of it. Around every cell of CELL px a weighted fit
takes the measurements of the 3 x 3 cells around it; where there are few it leans on the fit of a grid
twice as coarse, and so on up to cells of 128 px (a ridge towards what is coarser, in `solved`). It is
push and pull [Gortler et al., "The Lumigraph", 1996, section 3.4.2], with planes in place of means.

All that enters are nine sums over measurements for each cell, `Moments`: 1, x, y, xx, xy, yy, u, ux, uy
around the cell's centre in cells, each times the measurement's weight. The sums of a coarser cell and of
a window are linear in those of the finer cells, so convolutions with fixed weights do it.

Shapes: B batch, h x w cells, of K = CELL * CELL pixels each; [B,K,h,w] are pixels in the order of
`torch.nn.functional.pixel_unshuffle`.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet_wide import bilinear

CELL = 4  # px
LEVELS = 6  # cells of 4, 8, .. 128 px
MOMENTS = 9
BINOMIAL = (0.5, 1.0, 0.5)  # weights of a window's cells, along and down: smooth fits, no blocks
TINY = 1e-6


class PlaneFit(nn.Module):
    """Fits planes to weighted measurements. How much it leans on what is coarser is learned."""

    def __init__(self, value_ridge: float, slope_ridge: float) -> None:
        """Ridges at the start: how many measurements what is coarser weighs as much as."""
        super().__init__()
        self.value_ridge = nn.Parameter(torch.full((LEVELS,), math.log(value_ridge)))  # logarithms
        self.slope_ridge = nn.Parameter(torch.full((LEVELS,), math.log(slope_ridge)))
        self.gather: Tensor
        self.coarser: Tensor
        self.window: Tensor
        x, y = pixel_offsets()
        one = torch.ones_like(x)
        self.register_buffer('gather', torch.stack([one, x, y, x * x, x * y, y * y])[..., None, None],
                             persistent=False)
        self.register_buffer('coarser', _moved(((-0.5, 1.0), (0.5, 1.0)), 0.5), persistent=False)
        self.register_buffer('window', _moved(tuple(zip((-1.0, 0.0, 1.0), BINOMIAL)), 1.0),
                             persistent=False)

    def forward(self, inverse: Tensor, weight: Tensor) -> Tensor:
        """
        Value and slopes [B,3,h,w] of the plane of every cell: at its centre, along and down, per cell.

        inverse: depth [B,K,h,w], any finite number where nothing was measured. weight: [B,K,h,w], 0 there.
        """
        height, width = inverse.shape[-2:]
        moments = torch.cat([F.conv2d(weight, self.gather),
                             F.conv2d(weight * inverse, self.gather[:3])], dim=1)
        whole = 2 ** (LEVELS - 1)
        pyramid = [F.pad(moments, (0, -width % whole, 0, -height % whole))]
        for _ in range(LEVELS - 1):
            pyramid.append(F.conv2d(pyramid[-1], self.coarser, stride=2))
        sums = pyramid[-1].sum((2, 3), keepdim=True)
        mean = sums[:, 6:7] / sums[:, :1].clamp(TINY)
        coarser = F.pad(mean, (0, 0, 0, 0, 0, 2)).expand(-1, -1, *pyramid[-1].shape[-2:])
        for level in reversed(range(LEVELS)):
            if level < LEVELS - 1:
                size = (pyramid[level].shape[-2], pyramid[level].shape[-1])
                coarser = bilinear(coarser, size) * coarser.new_tensor([1.0, 0.5, 0.5]).view(1, 3, 1, 1)
            around = F.conv2d(F.pad(pyramid[level], (1, 1, 1, 1)), self.window)
            coarser = solved(around, coarser, self.value_ridge[level].exp(), self.slope_ridge[level].exp())
        return coarser[..., :height, :width]


def solved(moments: Tensor, prior: Tensor, value_ridge: Tensor, slope_ridge: Tensor) -> Tensor:
    """
    The planes [B,3,h,w] that are the closest to measurements and to a prior [B,3,h,w].

    Minimizes sum of weight (v + a x + b y - u)^2 + value_ridge (v - v')^2 + slope_ridge ((a - a')^2 +
    (b - b')^2), the prior being v', a', b'. The 3 x 3 equations of the difference to the prior are solved
    by hand, value first.
    """
    n, x, y, xx, xy, yy, u, ux, uy = moments.split(1, dim=1)
    v0, a0, b0 = prior.split(1, dim=1)
    r = u - v0 * n - a0 * x - b0 * y
    rx = ux - v0 * x - a0 * xx - b0 * xy
    ry = uy - v0 * y - a0 * xy - b0 * yy
    n = n + value_ridge
    along, across, down = xx + slope_ridge - x * x / n, xy - x * y / n, yy + slope_ridge - y * y / n
    p, q = rx - r * x / n, ry - r * y / n
    determinant = along * down - across * across  # positive: both ridges are
    a = (down * p - across * q) / determinant
    b = (along * q - across * p) / determinant
    v = (r - a * x - b * y) / n
    return prior + torch.cat([v, a, b], dim=1)


def pixel_offsets() -> tuple[Tensor, Tensor]:
    """x and y [K] of the pixels of a cell from its centre, in cells."""
    along = (torch.arange(CELL) + 0.5) / CELL - 0.5
    return along.repeat(CELL), along.repeat_interleave(CELL)


def at_pixels(planes: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Planes [B,3,h,w] at every pixel, [B,K,h,w]; x, y [1,K,1,1]: see `pixel_offsets`."""
    return planes[:, :1] + planes[:, 1:2] * x + planes[:, 2:] * y


def _moved(cells: tuple[tuple[float, float], ...], scale: float) -> Tensor:
    """
    Convolution weights [9,9,n,n] that add up the moments of n x n cells around another centre.

    cells: where each one's centre lies from the new one, in old cells, and its weight. scale: of
    lengths, old to new.
    """
    weights = torch.zeros(MOMENTS, MOMENTS, len(cells), len(cells))
    for row, (oy, weight_y) in enumerate(cells):
        for column, (ox, weight_x) in enumerate(cells):
            one = torch.zeros(MOMENTS, MOMENTS)  # of x -> x + ox, y -> y + oy
            one[0, 0] = one[6, 6] = 1
            for value, times_x, times_y in ((0, 1, 2), (6, 7, 8)):
                one[times_x, [value, times_x]] = torch.tensor([ox, 1.0]) * scale
                one[times_y, [value, times_y]] = torch.tensor([oy, 1.0]) * scale
            one[3, [0, 1, 3]] = torch.tensor([ox * ox, 2 * ox, 1.0]) * scale ** 2
            one[4, [0, 1, 2, 4]] = torch.tensor([ox * oy, oy, ox, 1.0]) * scale ** 2
            one[5, [0, 2, 5]] = torch.tensor([oy * oy, 2 * oy, 1.0]) * scale ** 2
            weights[:, :, row, column] = weight_x * weight_y * one
    return weights
