"""
Depth super-resolution guided by an image and its relative depth, robust to noise.

Dohyeong Kim, "Robust Depth Super-Resolution for Low-Resolution and Noisy Maps", first place of the AIS 2024
challenge on compressed depth (CVPR workshops 2024): a U-Net with two encoders of NAFNet blocks, four
downsamplings, fusion by adaptive instance normalization at every size, a decoder with skips.

    relative path   relative depth, image                     1/1 to 1/16 of the first grid
    low-res path    low-resolution depth, enlarged, image     likewise; fused with the other one at each
    decoder         skips of what was fused                   back, and sub-pixel convolution to H x W

Sources of the parts: NAFNet [Chen et al., "Simple Baselines for Image Restoration", ECCV 2022, arXiv
2204.04676, figure 2 (d)], adaptive instance normalization [Huang and Belongie, ICCV 2017, arXiv 1703.06868,
equation 8], sub-pixel convolution [Shi et al., arXiv 1609.05158].

Shapes: B batch, H x W image, C channels, K = patch * patch pixels of a cell of the first grid.

The text gives neither widths nor numbers of blocks. Here:

- The reference has 29.3 million parameters, of the text's 29. The small one works on cells of 4 px.
- Depth comes in relative to the frame's mean, and what comes out is a correction of the enlarged
  low-resolution depth, in parts of its range around a pixel, which noise widens. So metres stay exact, need
  not be carried through the network, and where all is flat and clean nothing is corrected.
- Both halves of a fusion are kept: normalized relative features stand beside those of the low-resolution
  depth, and a 1x1 convolution mixes them.
- Confidence is a head beside it, with gradients stopped.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import MEAN, STD, ConfidenceHead
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.low_res import UpscaledOutput, around, corrected, prepared
from depth_models.networks.mono_parts import check_positive

DOWNSAMPLINGS = 4
REACH = 2  # px of the low-resolution map: around them lies what a correction is measured by
MOST_CORRECTION = 2.0  # in parts of half the range around
LEAST_RANGE = 1e-3  # in parts of twice the mean depth: below it a surface is flat
FLAT = 1e-4  # deviation of relative depth, in parts of the largest: below it there is but rounding
GATE = 0.5  # of what a block adds, at the start
DEPTHS, COLOURS = 4, 3  # channels: depth, known, half of the range around, depth in it; RGB
HALF, HALVES = 2, 4.0  # the channel of the half, and how many times it is there


@dataclass(frozen=True)
class GuidedConfig:
    """What fixes the shape of every weight; saved with the weights. The defaults are the reference size."""

    patch: int = 1  # px of a cell of the first grid
    widths: tuple[int, int, int, int, int] = (32, 64, 128, 256, 512)  # channels at 1/1 to 1/16 of that grid
    encoder: tuple[int, int, int, int] = (2, 2, 4, 8)  # blocks of each encoder
    middle: int = 9
    decoder: tuple[int, int, int, int] = (2, 2, 2, 2)
    confidence_channels: int = 8
    largest: float = 300.0  # m: what is farther counts as so far

    def __post_init__(self) -> None:
        for name, length in (('widths', DOWNSAMPLINGS + 1), ('encoder', DOWNSAMPLINGS),
                             ('decoder', DOWNSAMPLINGS)):
            if len(getattr(self, name)) != length:
                raise ValueError(f'{name} must be {length} numbers, got {getattr(self, name)}')
        check_positive(self, 'patch', 'widths', 'encoder', 'middle', 'decoder', 'confidence_channels',
                       'largest')

    @property
    def multiple(self) -> int:
        """Of the height and width that the network works on [px]."""
        return self.patch * 2 ** DOWNSAMPLINGS


class Evidence(NamedTuple):
    """What both stages start from, in float32."""

    smooth: Tensor  # [B,1,H,W] by bilinear interpolation, in the unit of the input
    low: Tensor  # [B,4,h,w] depth, known, half of the range around, depth in it
    seen: Tensor  # [B,7,H,W] the same enlarged, and colours
    guide: Tensor  # [B,4,H,W] relative depth, and colours
    scale: Tensor  # [B,1,1,1] twice the mean depth


class GuidedSuperResolution(nn.Module):
    """
    Low-resolution depth [B,1,h,w], image [B,H,W,3] in 0..255 and relative depth [B,1,H,W] -> both stages.

    Low-resolution depth is 0 (or NaN, inf, negative) where missing, and of any smaller size with the same
    field of view. Relative depth is near where the number is large (inverse depth), of any scale and shift.
    H and W are any: what is beyond the border, up to `config.multiple`, repeats it.
    """

    def __init__(self, config: GuidedConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GuidedConfig()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(MEAN), persistent=False)
        self.register_buffer('std', torch.tensor(STD), persistent=False)
        self.first_confidence = ConfidenceHead(DEPTHS, config.confidence_channels)
        cell, widths = config.patch ** 2, config.widths
        self.relative = Encoder((1 + COLOURS) * cell, config)
        self.low_res = Encoder((DEPTHS + COLOURS) * cell, config)
        self.fusions = nn.ModuleList(Fusion(width) for width in widths)
        self.middle = blocks(widths[-1], config.middle)
        self.decoder = Decoder(config)
        self.leave = nn.Conv2d(widths[0], cell, 3, padding=1)
        self.confidence = ConfidenceHead(widths[0], config.confidence_channels)
        nn.init.zeros_(self.leave.weight)  # it starts as bilinear interpolation
        self.leave.bias = nn.Parameter(torch.zeros(cell))

    def forward(self, low_res: Tensor, image: Tensor, relative: Tensor
                ) -> tuple[UpscaledOutput, UpscaledOutput]:
        evidence = self.evidence(low_res, image, relative)
        correction, confidence = self.second(evidence.seen, evidence.guide)
        return self.first(evidence), UpscaledOutput(
            corrected(evidence.smooth, correction.float(), evidence.scale), confidence)

    def evidence(self, low_res: Tensor, image: Tensor, relative: Tensor) -> Evidence:
        """In float32 whatever runs around it."""
        size = (image.shape[1], image.shape[2])
        with torch.autocast(low_res.device.type, enabled=False):
            low = prepared(low_res.float(), self.config.largest)
            middle, half = around(low.depth, REACH)
            maps = torch.cat([2 * low.depth - 1, low.known, HALVES * half,
                              (low.depth - middle) / (half + LEAST_RANGE)], dim=1)
            enlarged = bilinear(maps, size)
            colours = ((image.float() - self.mean) / self.std).permute(0, 3, 1, 2)
            guide = torch.cat([standardized(relative.float()), colours], dim=1)
            return Evidence((enlarged[:, :1] + 1) * (low.scale / 2), maps,
                            torch.cat([enlarged, colours], dim=1), guide, low.scale)

    def first(self, evidence: Evidence) -> UpscaledOutput:
        """Stage 1: bilinear interpolation."""
        return UpscaledOutput(evidence.smooth, self.first_confidence(evidence.low.detach()))

    def second(self, seen: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
        """Stage 2, the network: a correction [B,1,H,W] of stage 1 in units of `scale`; confidence."""
        height, width = seen.shape[-2:]
        half = seen[:, HALF:HALF + 1] / HALVES
        guide, seen = (F.pixel_unshuffle(whole(part, self.config.multiple), self.config.patch)
                       for part in (guide, seen))
        guide, seen = self.relative.enter(guide), self.low_res.enter(seen)
        fused: list[Tensor] = []
        for stage in range(DOWNSAMPLINGS):
            guide, seen = self.relative.blocks[stage](guide), self.low_res.blocks[stage](seen)
            seen = self.fusions[stage](seen, guide)
            fused.append(seen)
            guide, seen = self.relative.down[stage](guide), self.low_res.down[stage](seen)
        features = self.decoder(self.middle(self.fusions[-1](seen, guide)), fused)
        correction = F.pixel_shuffle(self.leave(features), self.config.patch)[..., :height, :width]
        return correction.clamp(-MOST_CORRECTION, MOST_CORRECTION) * half, self.confidence(features.detach())


class Encoder(nn.Module):
    """One of the paths: blocks at each size, and what halves the size after them."""

    def __init__(self, inputs: int, config: GuidedConfig) -> None:
        super().__init__()
        widths = config.widths
        self.enter = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(blocks(width, number) for width, number in zip(widths, config.encoder))
        self.down = nn.ModuleList(nn.Conv2d(finer, coarser, 2, stride=2)
                                  for finer, coarser in pairwise(widths))


class Decoder(nn.Module):
    """Back from the coarsest grid; at each size the skip is added [NAFNet]."""

    def __init__(self, config: GuidedConfig) -> None:
        super().__init__()
        widths = config.widths
        self.up = nn.ModuleList(nn.Conv2d(coarser, 4 * finer, 1, bias=False)
                                for finer, coarser in pairwise(widths))
        self.blocks = nn.ModuleList(blocks(width, number) for width, number in zip(widths, config.decoder))

    def forward(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """skips: finest first."""
        for stage in reversed(range(DOWNSAMPLINGS)):
            features = F.pixel_shuffle(self.up[stage](features), 2) + skips[stage]
            features = self.blocks[stage](features)
        return features


class Fusion(nn.Module):
    """Relative features take the statistics of those of the low-resolution depth, and join them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * width, width, 1)

    def forward(self, low_res: Tensor, relative: Tensor) -> Tensor:
        return low_res + self.mix(torch.cat([low_res, adain(relative, low_res)], dim=1))


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Content [B,C,h,w] with the mean and standard deviation of each channel of the style [B,C,h,w]."""
    (mean, std), (wanted_mean, wanted_std) = statistics(content), statistics(style)
    return (content - mean) / std * wanted_std + wanted_mean


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, [B,C,1,1]; in float32, for means of many are not exact."""
    features = features.float()
    mean = features.mean((2, 3), keepdim=True)
    variance = (features - mean).square().mean((2, 3), keepdim=True)
    return mean, (variance + 1e-5).sqrt()


def standardized(relative: Tensor) -> Tensor:
    """Relative depth [B,1,H,W] with mean 0 and deviation 1: whatever scale and shift it came with."""
    relative = relative / relative.abs().amax((2, 3), keepdim=True).clamp(1e-30)
    relative = relative - relative.mean((2, 3), keepdim=True)
    deviation = relative.square().mean((2, 3), keepdim=True).sqrt()
    return (relative / deviation.clamp(FLAT)).clamp(-4, 4)


def whole(maps: Tensor, multiple: int) -> Tensor:
    """[B,C,H,W] with the last row and column repeated up to the next multiples."""
    height, width = maps.shape[-2:]
    return F.pad(maps, (0, -width % multiple, 0, -height % multiple), mode='replicate')


def blocks(width: int, number: int) -> nn.Sequential:
    return nn.Sequential(*(NAFBlock(width) for _ in range(number)))


class NAFBlock(nn.Module):
    """A block of NAFNet: no activation but products of halves of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = LayerNorm(width), LayerNorm(width)
        self.spatial = nn.Sequential(nn.Conv2d(width, 2 * width, 1),
                                     nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width))
        self.attention = nn.Conv2d(width, width, 1)  # simplified channel attention
        self.project = nn.Conv2d(width, width, 1)
        self.expand, self.shrink = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(width, width, 1)
        # how much of each half is added; NAFNet begins with 0, and blocks are of no use to a short training
        self.beta, self.gamma = (nn.Parameter(torch.full((1, width, 1, 1), GATE)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        gated = gate(self.spatial(self.first_norm(x)))
        gated = gated * self.attention(gated.mean((2, 3), keepdim=True))
        x = x + self.beta * self.project(gated)
        return x + self.gamma * self.shrink(gate(self.expand(self.second_norm(x))))


class LayerNorm(nn.Module):
    """Over the channels of every pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        difference = x - x.mean(1, keepdim=True)
        variance = difference.square().mean(1, keepdim=True)
        return difference * torch.rsqrt(variance + 1e-6) * self.weight + self.bias


def gate(x: Tensor) -> Tensor:
    """The product of the two halves of the channels [NAFNet, equation 4]."""
    first, second = x.chunk(2, dim=1)
    return first * second
