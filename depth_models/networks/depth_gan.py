"""
Depth super-resolution from depth alone: the generator of a GAN on sub-pixel convolution.

Makarov, Korinevskaya and Aliev, "Super-resolution of interpolated downsampled semi-dense depth map",
Web3D 2018, and "Fast depth map super-resolution using deep neural network", ISMAR 2018: ESPCN [Shi et al.,
arXiv 1609.05158] with ELU, batch norm and a tanh at the end, trained against a discriminator
(`depth_models.training.depth_discriminator`).

    low resolution  5x5 ELU, residual blocks of 3x3, BN, ELU      h x w
    high            sub-pixel convolution, tanh                    fh x fw

Shapes: B batch, h x w low-resolution map, f factor.

Where it differs, and why:

- The tanh is that of a correction of bicubic interpolation, in parts of the range of depth around a pixel.
  Depth of a frame spans metres and a step of a chair centimetres: a tanh over the range of the frame would
  give both the same error, and bend what is nearest and farthest. Where all is flat nothing is corrected,
  and nothing that the neighbours do not enclose is ever far off.
- So depth that is k times as large gives k times the depth, and metres stay exact.
- What is missing is filled before, and told to the network.
- Confidence is a head beside it, with gradients stopped.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import ConfidenceHead
from depth_models.networks.low_res import Bicubic, UpscaledOutput, around, corrected, prepared
from depth_models.networks.mono_parts import check_positive

FACTORS = (2, 4, 8)
REACH = 2  # px of the low-resolution map: around them lies what a correction is measured by
FEATURES = 4  # that the network sees
LEAST_RANGE = 1e-3  # in parts of twice the mean depth: below it a surface is flat
MOST_CORRECTION = 2.0  # in parts of half the range around
LEAST = 0.1  # of the least depth around: so much of it bicubic interpolation leaves


@dataclass(frozen=True)
class DepthGANConfig:
    """What fixes the shape of every weight; saved with the weights."""

    factor: int = 4
    channels: int = 24
    blocks: int = 4
    confidence_channels: int = 8
    largest: float = 300.0  # m: what is farther counts as so far

    def __post_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ValueError(f'factor must be one of {", ".join(map(str, FACTORS))}, got {self.factor}')
        check_positive(self, 'channels', 'blocks', 'confidence_channels', 'largest')


class Evidence(NamedTuple):
    """What both stages start from, in float32."""

    smooth: Tensor  # [B,1,fh,fw] by bicubic interpolation, in the unit of the input; over 0 as that is
    features: Tensor  # [B,FEATURES,h,w]
    half: Tensor  # [B,1,h,w] half of the range around, in units of `scale`
    scale: Tensor  # [B,1,1,1] twice the mean depth


class DepthGAN(nn.Module):
    """[B,1,h,w] depth, 0 (or NaN, inf, negative) where missing -> both stages, [B,1,fh,fw], without holes."""

    def __init__(self, config: DepthGANConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DepthGANConfig()
        self.bicubic = Bicubic(config.factor)
        self.first_confidence = ConfidenceHead(FEATURES, config.confidence_channels)
        self.enter = nn.Sequential(nn.Conv2d(FEATURES, config.channels, 5, padding=2), nn.ELU())
        self.blocks = nn.Sequential(*(Block(config.channels) for _ in range(config.blocks)))
        self.sub_pixel = nn.Conv2d(config.channels, config.factor ** 2, 3, padding=1)
        self.confidence = ConfidenceHead(config.channels + FEATURES, config.confidence_channels)
        nn.init.zeros_(self.sub_pixel.weight)  # it starts as bicubic interpolation
        self.sub_pixel.bias = nn.Parameter(torch.zeros(config.factor ** 2))

    def forward(self, low_res: Tensor) -> tuple[UpscaledOutput, UpscaledOutput]:
        evidence = self.evidence(low_res)
        correction, confidence = self.second(evidence.features, evidence.half)
        return self.first(evidence), UpscaledOutput(
            corrected(evidence.smooth, correction.float(), evidence.scale), confidence)

    def evidence(self, low_res: Tensor) -> Evidence:
        """In float32 whatever runs around it."""
        with torch.autocast(low_res.device.type, enabled=False):
            low = prepared(low_res.float(), self.config.largest)
            middle, half = around(low.depth, REACH)
            features = torch.cat([
                (low.depth - middle) / (half + LEAST_RANGE), torch.log(half + LEAST_RANGE) / 4 + 1,
                low.depth - 0.5, low.known], dim=1)
            # beside far steps cubic convolution swings below 0, behind the camera
            least = F.interpolate(LEAST * (middle - half), scale_factor=self.config.factor, mode='nearest')
            smooth = torch.maximum(self.bicubic(low.depth), least)
            return Evidence(smooth * low.scale, features, half, low.scale)

    def first(self, evidence: Evidence) -> UpscaledOutput:
        """Stage 1: bicubic interpolation, kept in front of the camera."""
        return UpscaledOutput(evidence.smooth, self.first_confidence(evidence.features.detach()))

    def second(self, features: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
        """Stage 2, the network: a correction [B,1,fh,fw] of stage 1 in units of `scale`; confidence."""
        seen = self.blocks(self.enter(features))
        correction = torch.tanh(self.sub_pixel(seen)) * (MOST_CORRECTION * half)
        confidence = self.confidence(torch.cat([seen, features], dim=1).detach())
        return F.pixel_shuffle(correction, self.config.factor), confidence


class Block(nn.Module):
    """Two convolutions with batch norm beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ELU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(x + self.layers(x))
