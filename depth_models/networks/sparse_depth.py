"""
Sparse depth to dense depth: planes through the measurements, corrected by a small residual network.

The combined approach of Makarov, Korinevskaya and Aliev, "Sparse Depth Map Interpolation using Deep
Convolutional Neural Networks", TSP 2018, and "Fast Semi-dense Depth Map Estimation", ICMR RETech 2018:

    downscale     sums over the measurements of a cell, nothing else enters    to 1/4     (surfaces.py)
    interpolate   planes through them (stage 1), then residual, projection
                  and downsampling blocks                                      1/4 to 1/16, back to 1/4
    upscale       sub-pixel convolution [Shi et al., arXiv 1609.05158]          full size  (stage 2)

Shapes: B batch, H x W input (multiples of 16), h x w cells of 4 x 4 px, K = 16 pixels of a cell.

Where it differs, and why:

- The authors' network alone was worse than plain interpolation. So the interpolation is in the network,
  in closed form and exact on planes, and what is learned starts from it: the last layer is zero.
- A pixel's depth is a learned mix of four surfaces: through all measurements, through those that agree,
  through the nearer and through the farther ones; times a correction. Next to the border of a thing the
  mean of two surfaces is neither of them, and a mix may choose.
- What the network sees is relative to those surfaces, so metres do not matter: depth that is k times as
  large gives k times the depth, to rounding.
- No batch norm: its statistics would be those of a mean density that no frame has. The second convolution
  of every block starts at zero in its place [Zhang et al., "Fixup", arXiv 1901.09321, without the scales].
- The figure's text gives no widths; 32, 48 and 64 channels make 4.1 GFLOP of 640 x 480 px, 4.9 with an image.
- With `rgb` an image guides: see `sparse_features.py`. It is of the config, not a second class: all else
  is the same, and without it nothing of it is computed or stored.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import ConfidenceHead
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.mono_parts import check_positive
from depth_models.networks.sparse_features import CANDIDATES, FEATURES, GUIDED, Evidence, Surfaces
from depth_models.networks.surfaces import CELL

COARSEST = 16  # px of the input in one cell of the coarsest grid of the network; sizes are multiples of it
MOST_CORRECTION = 1.0  # of the logarithm of depth


@dataclass(frozen=True)
class SparseDepthConfig:
    """What fixes the shape of every weight; saved with the weights."""

    rgb: bool = False  # an image guides
    channels: tuple[int, int, int] = (32, 48, 64)  # at 1/4, 1/8, 1/16
    confidence_channels: int = 8

    def __post_init__(self) -> None:
        if len(self.channels) != 3:
            raise ValueError(f'channels must be 3 numbers, got {self.channels}')
        check_positive(self, 'channels', 'confidence_channels')


class SparseOutput(NamedTuple):
    """What a stage says."""

    depth: Tensor  # [B,1,H,W] in the unit of the input
    confidence: Tensor  # [B,1,h,w] logit of the probability that depth is within 5 % of the truth


class SparseDepth(nn.Module):
    """Both stages: [B,1,H,W] depth, 0 where not measured, and with `rgb` [B,H,W,3] in 0..255."""

    def __init__(self, config: SparseDepthConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SparseDepthConfig()
        self.surfaces = Surfaces(config.rgb)
        self.first_confidence = ConfidenceHead(FEATURES, config.confidence_channels)
        self.interpolation = Interpolation(config)

    def forward(self, sparse: Tensor, image: Tensor | None = None, doubt: Tensor | None = None
                ) -> tuple[SparseOutput, SparseOutput]:
        """doubt: see `evidence`; None: measurements are right."""
        evidence = self.evidence(sparse, sparse.new_zeros(len(sparse), 1, 1, 1) if doubt is None else doubt,
                                 image)
        return self.first(evidence), self.second(evidence)

    def evidence(self, sparse: Tensor, doubt: Tensor, image: Tensor | None = None) -> Evidence:
        """What both stages start from; in float32 whatever runs around it.

        doubt: [B,1,1,1], 1 where measurements may be wrong, 0 where they are right. A single depth beyond
        all others is an outlier in the one case, and what is seen between the slats of a chair in the other.
        """
        height, width = sparse.shape[-2:]
        if height % COARSEST or width % COARSEST:
            raise ValueError(f'height and width must be multiples of {COARSEST} px, got {height} and {width}')
        if self.config.rgb != (image is not None):
            raise ValueError('an image is needed where config.rgb is true, and none where it is not')
        with torch.autocast(sparse.device.type, enabled=False):
            return self.surfaces(sparse.float(), doubt.float(), image)

    def first(self, evidence: Evidence) -> SparseOutput:
        """Stage 1: the surface through the measurements that agree."""
        confidence = self.first_confidence(evidence.features[:, :FEATURES].detach())
        return SparseOutput(F.pixel_shuffle(evidence.surfaces[:, :CELL * CELL], CELL), confidence)

    def second(self, evidence: Evidence) -> SparseOutput:
        """Stage 2: the network's mix of the surfaces, corrected."""
        logits, correction, confidence = self.interpolation(evidence.features)
        shares = torch.softmax(logits.float().unflatten(1, (CANDIDATES, CELL * CELL)), dim=1)
        depth = (shares * evidence.surfaces.unflatten(1, (CANDIDATES, CELL * CELL))).sum(1)
        depth = depth * torch.exp(correction.float().clamp(-MOST_CORRECTION, MOST_CORRECTION))
        return SparseOutput(F.pixel_shuffle(depth, CELL), confidence)


class Interpolation(nn.Module):
    """Features [B,C,h,w] -> logits of the mix [B,4K,h,w], correction [B,K,h,w], confidence [B,1,h,w]."""

    def __init__(self, config: SparseDepthConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.channels
        self.enter = ProjectionBlock(FEATURES + GUIDED * config.rgb, fine)
        self.down = nn.Sequential(DownsamplingBlock(fine, middle), ResidualBlock(middle))
        self.bottom = nn.Sequential(DownsamplingBlock(middle, coarse), ResidualBlock(coarse),
                                    ResidualBlock(coarse))
        self.to_middle, self.to_fine = nn.Conv2d(coarse, middle, 1), nn.Conv2d(middle, fine, 1)
        self.leave = ResidualBlock(fine)
        self.sub_pixel = nn.Conv2d(fine, (CANDIDATES + 1) * CELL * CELL, 1)
        self.confidence = ConfidenceHead(fine + FEATURES, config.confidence_channels)
        nn.init.zeros_(self.sub_pixel.weight)
        start = torch.tensor([1.0, 1.0, -2.0, -2.0, 0.0])  # of agreeing, all, nearer, farther; correction
        self.sub_pixel.bias = nn.Parameter(start.repeat_interleave(CELL * CELL))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.enter(features)
        middle = self.down(fine)
        coarse = self.bottom(middle)
        middle = middle + _finer(self.to_middle(coarse))
        fine = self.leave(fine + _finer(self.to_fine(middle)))
        mixed = self.sub_pixel(fine)
        evidence = torch.cat([fine, features[:, :FEATURES]], dim=1).detach()
        pixels = CANDIDATES * CELL * CELL
        return mixed[:, :pixels], mixed[:, pixels:], self.confidence(evidence)


class Block(nn.Module):
    """Two convolutions beside a shortcut [He et al., arXiv 1512.03385, figure 2]; ReLU after the sum."""

    def __init__(self, inputs: int, outputs: int, first: nn.Conv2d, shortcut: nn.Module) -> None:
        super().__init__()
        self.first, self.shortcut = first, shortcut
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.kaiming_normal_(first.weight, nonlinearity='relu')
        nn.init.zeros_(self.second.weight)
        for layer in (first, self.second):
            layer.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))


class ResidualBlock(Block):
    """(a) of the figure: the shortcut is the input itself."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, nn.Conv2d(channels, channels, 3, padding=1), nn.Identity())


class ProjectionBlock(Block):
    """(b) of the figure: another number of channels, so a 1x1 convolution is the shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, nn.Conv2d(inputs, outputs, 3, padding=1),
                         nn.Conv2d(inputs, outputs, 1))


class DownsamplingBlock(Block):
    """(c) of the figure: half the size. Kernels are even, so that cells lie centred over finer ones."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, nn.Conv2d(inputs, outputs, 4, stride=2, padding=1),
                         nn.Conv2d(inputs, outputs, 2, stride=2))


def _finer(x: Tensor) -> Tensor:
    return bilinear(x, (2 * x.shape[-2], 2 * x.shape[-1]))
