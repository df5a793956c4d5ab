"""What the networks of one camera share: their input, their output, their confidence.

Shapes: B batch, C channels, H x W input image, h x w a coarser grid of it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import MEAN, STD, ConfidenceHead
from depth_models.networks.anynet_wide import bilinear


class DepthOutput(NamedTuple):
    """What a network says, at the size of the image."""

    depth: Tensor  # [B,1,H,W] in parts of the config's max_depth: within 0..1
    # [B,1,H,W] logit of the probability that depth, scaled by the ratio of the medians, is within
    # 25 % of the truth (the field's delta 1)
    confidence: Tensor
    logit: Tensor  # [B,1,H,W] of depth: what depth is the sigmoid of


LUMA = (0.299, 0.587, 0.114)  # of R, G and B: ITU-R BT.601
LEVELS = 16  # of brightness, between which a tone curve is straight
STEEPEST = 4.0  # times as steep as no curve, and a little more: or a bare wall's noise would fill the range


class ImageInput(nn.Module):
    """[B,H,W,3] RGB in 0..255, uint8 or float -> [B,3,H,W] normalized."""

    def __init__(self, multiple: int, *, equalized: bool = False,
                 mean: Sequence[float] = MEAN, std: Sequence[float] = STD) -> None:
        """multiple: px, of height and width. equalized: see `equalized`. mean, std: of R, G and B."""
        super().__init__()
        self.multiple, self.equalized = multiple, equalized
        # in the network, so that preprocessing can neither be forgotten nor done twice
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(mean))
        self.register_buffer('std', torch.tensor(std))

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:3]
        if height % self.multiple or width % self.multiple:
            raise ValueError(f'image height and width must be multiples of {self.multiple} px, '
                             f'got {height} and {width}')
        image = image.to(self.mean.dtype)
        if self.equalized:
            image = equalized(image).to(self.mean.dtype)
        # normalized before the axes are turned: engines do both in one pass over the image
        return ((image - self.mean) / self.std).permute(0, 3, 1, 2)


def equalized(image: Tensor) -> Tensor:
    """
    [B,H,W,3] in 0..255 -> the same with brightness spread evenly over the range, colours moved along with it.

    Histogram equalization with a limit to the contrast [Pizer et al., "Adaptive Histogram Equalization and
    Its Variations", 1987], of the whole image: exposure and tone curve of a camera, and how bright a room is,
    change little any more. The histogram is of every other row and column, and its bins are soft.
    """
    with torch.autocast(image.device.type, enabled=False):
        image = image.float()
        # in bins
        brightness = (image * torch.tensor(LUMA, device=image.device)).sum(3) * (LEVELS / 256)
        some = brightness[:, ::2, ::2].flatten(1)[..., None]
        filled = (some - torch.arange(LEVELS, device=image.device)).clamp(0, 1)
        above = (filled[..., :-1] + filled[..., 1:]).mean(1) / 2  # [B,LEVELS-1] of the pixels: brighter
        share = F.pad(above, (1, 0), value=1.0) - F.pad(above, (0, 1))
        capped = share.clamp(max=STEEPEST / LEVELS)
        share = capped + (1 - capped.sum(1, keepdim=True)) / LEVELS
        below = F.pad(share.cumsum(1)[:, :-1], (1, 0))
        flat = brightness.flatten(1)
        level = flat.floor().clamp(0, LEVELS - 1)
        index = level.long()
        wanted = below.gather(1, index) + share.gather(1, index) * (flat - level)
        change = (255 * wanted - (256 / LEVELS) * flat).view(*brightness.shape, 1)
        return (image + change).clamp(0, 255)


class Confidence(nn.Module):
    """Confidence from what a network saw, and from what it said about it.

    Computed on a coarser grid: whether a guess of depth is right changes slowly over an image. Its
    inputs are detached: it learns to tell good from bad, and never bends the depth.
    """

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.head = ConfidenceHead(features + 2, channels)

    def forward(self, features: Tensor, logit: Tensor, size: tuple[int, int]) -> Tensor:
        """features: [B,C,h,w]. logit: of depth, [B,1,h,w]. Gives [B,1,*size]."""
        # how much depth changes nearby: errors live at its steps
        steps = F.max_pool2d(logit, 3, 1, 1) + F.max_pool2d(-logit, 3, 1, 1)
        confidence = self.head(torch.cat([features, logit, steps], dim=1).detach())
        return bilinear(confidence, size)


def check_positive(config: object, *names: str) -> None:
    """ValueError for the first field that is not all positive numbers."""
    for name in names:
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not number > 0 or not math.isfinite(number):
                raise ValueError(f'{name} must be positive and finite, got {value}')
