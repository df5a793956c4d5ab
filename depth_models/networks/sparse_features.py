"""
What the sparse network sees of its measurements: four surfaces through them, and how they lie about those.

1. A smooth fit tells which measurements agree with those around them, and which are nearer or farther.
2. Four sharp fits, each with weights of its own: those that agree, all, the nearer, the farther ones.
3. What the measurements differ by from the first two is spread to the pixels around them, so that those
   surfaces go through them: at 1 measurement in 10 px that alone is as exact as linear interpolation.

With an image: how each pixel's colour lies between the mean colours of the nearer and of the farther
measurements. That is a product of colours, which small networks are bad at, and all that is needed to
tell whose side of an edge a pixel is on. Beside it the colours themselves.

Shapes: B batch, h x w cells, K pixels of a cell: see `surfaces.py`. It is to be computed in float32.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import MEAN, STD
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.surfaces import CELL, TINY, PlaneFit, at_pixels, pixel_offsets

PIXELS = CELL * CELL
CANDIDATES = 4  # surfaces: agreeing, all, nearer, farther
SPREAD = 2  # of them go through the measurements
FEATURES = 2 * PIXELS + 11
GUIDED = 4 * PIXELS  # channels more with an image
AROUND = 5  # cells: the window of what is usual around a measurement
COARSE = 5  # grids that colours are looked for on
SPREAD_FALLOFF, SPREAD_RIDGE = 1.0, 0.03  # px; measurements
COLOUR_NOISE = 0.1  # squared, in standard deviations of natural images: edges below it are none


class Evidence(NamedTuple):
    features: Tensor  # [B,FEATURES (+ GUIDED),h,w]
    surfaces: Tensor  # [B,CANDIDATES*K,h,w] depth in the unit of the input, surface by surface


class Surfaces(nn.Module):
    """[B,1,H,W] depth, 0 (or NaN, inf, negative) where not measured -> surfaces and features."""

    def __init__(self, rgb: bool) -> None:
        super().__init__()
        self.smooth = PlaneFit(value_ridge=4.0, slope_ridge=0.3)
        self.sharp = PlaneFit(value_ridge=0.1, slope_ridge=0.3)
        # usual differences: agreeing, on a side; where measurements are right, and where they may be wrong
        self.cut = nn.Parameter(torch.tensor([[4.0, 8.0], [2.0, 4.0]]).log())
        self.x: Tensor
        self.y: Tensor
        self.spread: Tensor
        for name, values in zip('xy', pixel_offsets()):
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)
        self.register_buffer('spread', _spread_weights(), persistent=False)
        self.colours = Colours() if rgb else None

    def forward(self, sparse: Tensor, doubt: Tensor, image: Tensor | None = None) -> Evidence:
        """
        doubt: [B,1,1,1], 1 where measurements may be wrong. image: [B,H,W,3] in 0..255, where the module is
        for one.
        """
        values = F.pixel_unshuffle(sparse, CELL)
        measured = (values > 0) & (values < torch.inf)  # NaN is neither
        mask = measured.to(sparse.dtype)
        depth = torch.where(measured, values, 1.0)
        inverse = 1 / depth
        nearest = torch.where(measured, inverse, 0.0).amax((1, 2, 3), keepdim=True).clamp(TINY)
        farthest = torch.where(measured, inverse, nearest).amin((1, 2, 3), keepdim=True)
        # a plane leaves the range of what was measured somewhere
        least, most = 0.5 * farthest, 2 * nearest

        smooth = torch.clamp(at_pixels(self.smooth(inverse, mask), self.x, self.y), least, most)
        differs = torch.where(measured, torch.log(inverse / smooth), 0.0)  # over 0: nearer
        usual = _usual(differs.abs(), mask)
        beyond = differs / usual
        cuts = torch.exp(self.cut[0] + doubt * (self.cut[1] - self.cut[0])).chunk(2, dim=-1)
        agreeing, on_a_side = (mask / (1 + (beyond / cut).square()) for cut in cuts)
        nearer = torch.sigmoid(6 * beyond)
        weights = [agreeing, mask, on_a_side * nearer, on_a_side * (1 - nearer)]
        planes = self.sharp(inverse.repeat(CANDIDATES, 1, 1, 1), torch.cat(weights))
        bounds = (bound.repeat(CANDIDATES, 1, 1, 1) for bound in (least, most))
        surfaces = 1 / torch.clamp(at_pixels(planes, self.x, self.y), *bounds)
        through = self._through(surfaces[:SPREAD * len(sparse)], depth.repeat(SPREAD, 1, 1, 1),
                                torch.cat(weights[:SPREAD]))
        first = surfaces[:len(sparse)]
        surfaces = torch.cat([*through.chunk(SPREAD), *surfaces.chunk(CANDIDATES)[SPREAD:]], dim=1)

        seen = [squashed(torch.where(measured, torch.log(depth / first), 0.0)), mask,
                self._around(planes.chunk(CANDIDATES), torch.cat([mask, agreeing], dim=1), usual),
                doubt.expand_as(usual)]
        if self.colours is not None and image is not None:
            seen += self.colours(image, weights[2], weights[3])
        return Evidence(torch.cat(seen, dim=1), surfaces)

    def _through(self, surface: Tensor, depth: Tensor, weight: Tensor) -> Tensor:
        """A surface with what the measurements differ by, spread to the pixels around them."""
        stacked = torch.cat([weight * (depth - surface), weight])
        difference, near = F.conv2d(stacked, self.spread, padding=1).chunk(2)
        # half of it at least is left: a sum of what is too far and too near could be no depth at all
        return torch.maximum(surface + difference / (near + SPREAD_RIDGE), 0.5 * surface)

    def _around(self, planes: tuple[Tensor, ...], weights: Tensor, usual: Tensor) -> Tensor:
        """Ten channels about a cell: how the surfaces lie to each other, their slopes, what was measured."""
        agreeing, everything, near, far = (plane[:, :1].clamp(TINY) for plane in planes)
        slopes = planes[0][:, 1:] / agreeing
        height = torch.log(agreeing)
        relief = height - F.avg_pool2d(height, AROUND, 1, AROUND // 2, count_include_pad=False)
        number, agree = (part.mean(1, keepdim=True) for part in weights.chunk(2, dim=1))
        densities = [F.avg_pool2d(number, 3, 1, 1), F.avg_pool2d(number, 11, 1, 5),
                     number.mean((2, 3), keepdim=True).expand_as(number)]
        share = F.avg_pool2d(agree, 3, 1, 1) / (densities[0] + 1e-3)
        return torch.cat([
            squashed(torch.cat([torch.log(near / far), torch.log(everything / agreeing), relief, slopes,
                                usual.expand_as(number)], dim=1)),
            torch.log(torch.cat(densities, dim=1) + 1e-3) / 3 + 1, share], dim=1)


class Colours(nn.Module):
    """Image [B,H,W,3] in 0..255 and weights of measurements of two sides -> 4K channels of [B,?,h,w]."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(MEAN), persistent=False)
        self.register_buffer('std', torch.tensor(STD), persistent=False)

    def forward(self, image: Tensor, near: Tensor, far: Tensor) -> list[Tensor]:
        pixels = ((image.to(near.dtype) - self.mean) / self.std).permute(0, 3, 1, 2)
        pixels = F.pixel_unshuffle(pixels, CELL)  # [B,3K,h,w], colour by colour
        colours = pixels.unflatten(1, (3, PIXELS))
        sums = [torch.cat([(colours * side[:, None]).sum(2), side.sum(1, keepdim=True)], dim=1)
                for side in (near, far)]
        near_colour, far_colour = colour_of(torch.cat(sums)).chunk(2)
        axis = near_colour - far_colour
        middle = (near_colour + far_colour) / 2
        along = ((colours - middle[:, :, None]) * axis[:, :, None]).sum(1)
        side = along / (axis.square().sum(1, keepdim=True) + COLOUR_NOISE)
        return [side.clamp(-2, 2), pixels]


def colour_of(sums: Tensor) -> Tensor:
    """Mean colours [B,3,h,w] around every cell from sums [B,4,h,w], the last one of the weights."""
    height, width = sums.shape[-2:]
    whole = 2 ** (COARSE - 1)
    pyramid = [F.pad(sums, (0, -width % whole, 0, -height % whole))]
    for _ in range(COARSE - 1):
        pyramid.append(4 * F.avg_pool2d(pyramid[-1], 2))
    top = pyramid[-1].sum((2, 3), keepdim=True)
    mean = (top[:, :3] / top[:, 3:].clamp(TINY)).expand(-1, -1, *pyramid[-1].shape[-2:])
    for level in reversed(pyramid):
        mean = bilinear(mean, (level.shape[-2], level.shape[-1]))
        around = 9 * F.avg_pool2d(level, 3, 1, 1)
        mean = (around[:, :3] + mean) / (around[:, 3:] + 1)
    return mean[..., :height, :width]


def squashed(x: Tensor) -> Tensor:
    """What differs by 1 % or by twice it, in a range that a network likes: near 0 like 12 x, then a log."""
    return torch.sign(x) * torch.log(1 + 50 * x.abs()) / 4


def _usual(size: Tensor, mask: Tensor) -> Tensor:
    """[B,1,h,w] mean of sizes [B,K,h,w] of the measurements around, over 0; of all where there are few."""
    total, number = size.sum(1, keepdim=True), mask.sum(1, keepdim=True)
    mean = total.sum((2, 3), keepdim=True) / number.sum((2, 3), keepdim=True).clamp(1)
    area = AROUND * AROUND
    total, number = (area * F.avg_pool2d(x, AROUND, 1, AROUND // 2) for x in (total, number))
    return (total + mean) / (number + 1) + 1e-4


def _spread_weights() -> Tensor:
    """exp(-distance) of pixels as a convolution of cells, [K,K,3,3]: of a pixel's cell and those around."""
    where = torch.arange(3 * CELL) - CELL  # px: three cells in a row, the middle one from 0 on
    down, right = (where.repeat_interleave(3 * CELL), where.repeat(3 * CELL))
    to = torch.arange(CELL)
    distance = torch.hypot((to.repeat_interleave(CELL)[:, None] - down).float(),
                           (to.repeat(CELL)[:, None] - right).float())
    weights = torch.exp(-distance / SPREAD_FALLOFF).view(PIXELS, 1, 3 * CELL, 3 * CELL)
    return F.pixel_unshuffle(weights, CELL)
