"""
The mono U-Net: depth from one image, small enough for real time.

Zhang, "Realtime Single Image Depth Estimation", Stanford CS231A project report, section 3.2.

    features   two 3x3 convolutions                            full size, 16 channels
    down 1..4  two 3x3 convolutions, then max pooling          to 1/2, 1/4, 1/8, 1/16
    up 1..4    bilinear x2, skip connection, two 3x3 conv.     back to 1/8, 1/4, 1/2, full size
    depth      one 3x3 convolution                             full size, one channel

The way down has batch norm, the way up has none. The map at 1/16 has 101 channels.

Shapes: B batch, C channels, H x W input image (multiples of 16).

Where the text leaves room:

- Of widths it gives the 101 at 1/16, and 1.22 million parameters in all. Maps of full size get 16
  channels, for they cost the most time, and each size below twice as many. A block up gives as many
  as the skip connection has which its map goes beside next. What is then missing from the sum stands
  where a parameter costs the least, between the two convolutions at 1/8: 362 channels there make it
  1.219 million, the head of confidence included.
- Pooling stands at the end of a block, so a skip connection takes the block's map before it: that is
  where the edges still are which the connection is to keep. It is a concatenation, as in U-Net.
- The last convolution is followed by a sigmoid, since depth is normalized to [0, 1] (section 4.1).
  It is close to an exponential for what is near, which spreads a room over the range of weights more
  evenly than its metres do, and gradients never vanish as they do behind a clamp.
- Depth 1 is `max_depth`; 10 m is the range of NYU Depth v2, which the report trains on.
- Without batch norm nothing keeps the scale of the maps on the way up but how weights start: He's
  normal initialization.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import convolution
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.mono_parts import Confidence, DepthOutput, ImageInput, check_positive

COARSEST = 16  # px of the image in one cell of the coarsest grid; sizes must be a multiple of it
LEVELS = 4
SURE = 4  # px of the image in a cell of the grid of confidence; that of the second block up


@dataclass(frozen=True)
class MonoUNetConfig:
    """What fixes the shape of every weight, and the scale of its depth; saved with the weights."""

    feature_channels: int = 16
    down_channels: tuple[int, ...] = (16, 32, 64, 101)  # at 1, 1/2, 1/4, 1/8 before pooling
    inner_channels: tuple[int, ...] = (362, 64, 32, 16)  # between two convolutions at 1/8, 1/4, 1/2, 1
    up_channels: tuple[int, ...] = (64, 32, 16, 16)  # after them
    confidence_channels: int = 8
    max_depth: float = 10.0  # m, of an output of 1
    # whether the brightness of the image is equalized before anything looks at it
    equalized: bool = field(default=False, metadata={'later': True})

    def __post_init__(self) -> None:
        for name in ('down_channels', 'inner_channels', 'up_channels'):
            if len(values := getattr(self, name)) != LEVELS:
                raise ValueError(f'{name} must be {LEVELS} numbers, got {values}')
        check_positive(self, 'feature_channels', 'down_channels', 'inner_channels', 'up_channels',
                       'confidence_channels', 'max_depth')


class MonoUNet(nn.Module):
    """[B,H,W,3] RGB in 0..255, uint8 or float -> depth and confidence of every pixel."""

    def __init__(self, config: MonoUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MonoUNetConfig()
        down, up = config.down_channels, config.up_channels
        self.input = ImageInput(COARSEST, equalized=config.equalized)
        self.features = nn.Sequential(
            convolution(3, config.feature_channels),
            convolution(config.feature_channels, config.feature_channels))
        self.down = nn.ModuleList(
            nn.Sequential(convolution(above, channels), convolution(channels, channels))
            for above, channels in pairwise((config.feature_channels, *down)))
        self.up = nn.ModuleList(
            UpBlock(below, skip, inner, channels) for below, skip, inner, channels in zip(
                (down[-1], *up[:-1]), reversed(down), config.inner_channels, up, strict=True))
        self.depth = nn.Conv2d(up[-1], 1, 3, padding=1)
        self.confidence = Confidence(up[1], config.confidence_channels)

    def forward(self, image: Tensor) -> DepthOutput:
        x = self.features(self.input(image))
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        maps = []
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = block(x, skip)
            maps.append(x)
        logit = self.depth(x)
        size = (logit.shape[-2], logit.shape[-1])
        confidence = self.confidence(maps[1], F.avg_pool2d(logit, SURE), size)
        return DepthOutput(torch.sigmoid(logit), confidence, logit)


class UpBlock(nn.Module):
    """Bilinear x2, the skip connection beside it, two 3x3 convolutions with ReLU, no batch norm."""

    def __init__(self, below: int, skip: int, inner: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(below + skip, inner, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 3, padding=1), nn.ReLU(inplace=True))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')
                layer.bias = nn.Parameter(torch.zeros(layer.out_channels))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        finer = bilinear(x, (skip.shape[-2], skip.shape[-1]))
        return self.layers(torch.cat([finer, skip], dim=1))
