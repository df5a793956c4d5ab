"""
The baseline of "Realtime Single Image Depth Estimation", table 2: the first U-Net, 17.26 M parameters.

Ronneberger et al., arXiv 1505.04597, in the form that has this number of parameters: convolutions
that keep the size, batch norm, bilinear upsampling, 64 to 512 channels. A row of a benchmark; it has
no weights and no node.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import convolution
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.mono_parts import ImageInput

MULTIPLE = 16  # px, of image height and width
DOWN = (64, 128, 256, 512, 512)  # the last one is half as wide as the paper's, for it is not deconvolved
UP = (256, 128, 64, 64)


class BaselineUNet(nn.Module):
    """[B,H,W,3] RGB in 0..255, uint8 or float -> depth [B,1,H,W] in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.input = ImageInput(MULTIPLE)
        self.down = nn.ModuleList(
            _block(above, channels, channels) for above, channels in pairwise((3, *DOWN)))
        self.up = nn.ModuleList(
            _block(below + skip, (below + skip) // 2, channels)
            for below, skip, channels in zip((DOWN[-1], *UP[:-1]), DOWN[-2::-1], UP, strict=True))
        self.depth = nn.Conv2d(UP[-1], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.input(image)
        skips: list[Tensor] = []
        for block in self.down:
            x = block(x if not skips else F.max_pool2d(x, 2))
            skips.append(x)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            finer = bilinear(x, (skip.shape[-2], skip.shape[-1]))
            x = block(torch.cat([skip, finer], dim=1))
        return torch.sigmoid(self.depth(x))


def _block(inputs: int, between: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, between), convolution(between, outputs))
