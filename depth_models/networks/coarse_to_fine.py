"""
Coarse to fine: one network for the layout of a scene, a second one for its edges.

Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", NIPS 2014,
arXiv 1406.2283, section 3.1, in the fully convolutional form of the project "Monocular Depth
Estimation using a Coarse-to-Fine Deep Network": strided convolutions in place of the paper's fully
connected layers, bilinear upsampling, and a fine network without downsampling.

    coarse   image                   down to 1/32, up to 1/8, bilinear x8        (its "Coarse Network")
    fine     image and coarse depth  five convolutions at full size              (its "Fine Network")

The coarse network is trained first, then frozen, and the fine one is trained on what it says.

Shapes: B batch, C channels, H x W input image (multiples of 32; training: 224 x 224).

Where the two texts leave room (the project gives neither layers nor widths):

- The coarse network's encoder is EfficientNet-Lite0 (`depth_models.networks.efficientnet_lite`), because
  its weights can be those that photographs gave it: as in the paper, whose coarse network starts from
  ImageNet's. What that is worth stands in docs/accuracy.md.
- Each cell at 1/32 is told the mean of all of them: every output depends on the whole image, as through
  the fully connected layers, at any size of image. Two convolutions bring it to 1/8, where it ends, and
  from there it is resized; outlines finer than that stay the fine network's.
- Depth is the sigmoid of a logit. For what is much nearer than `max_depth` that is the logarithm of
  depth which the paper predicts; it bends towards a largest depth instead of going beyond it.
- Fine sees the coarse depth as its logit, adds a correction to it, and the correction starts at zero:
  training begins with the coarse answer, and what is kept of the layout needs no learning. Dilation
  lets its five convolutions see 19 x 19 px.
- "Learns local refinements only", says the project, and "preserves global geometry": with `fine_window` the
  correction is taken less its mean over a window around each pixel. Without it the fine network learns to
  correct the layout of its training's scenes too, and real ones get worse (docs/accuracy.md).
- Batch norm in both. A frozen coarse network is in eval mode too, or its statistics go on drifting.
- `max_depth` is 80 m, the usual cap of KITTI, which the project trains on.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import convolution
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite0
from depth_models.networks.mono_parts import Confidence, DepthOutput, ImageInput, check_positive

COARSEST = 32  # px of the image in one cell of the coarsest grid; sizes must be a multiple of it
LEVELS_UP = 2
PARTS = ('coarse', 'fine')
SURE = 4  # px of the image in a cell of the grid of confidence


@dataclass(frozen=True)
class CoarseToFineConfig:
    """What fixes the shape of every weight, and the scale of its depth; saved with the weights."""

    up_channels: tuple[int, ...] = (128, 64)  # coarse: at 1/16, 1/8
    fine_channels: int = 32
    fine_dilations: tuple[int, ...] = (1, 2, 4, 1)  # of its convolutions at full size
    fine_window: int = field(default=0, metadata={'later': True})  # px, odd; 0: any correction
    confidence_channels: int = 8
    max_depth: float = 80.0  # m, of an output of 1
    # whether the brightness of the image is equalized before anything looks at it
    equalized: bool = field(default=False, metadata={'later': True})

    def __post_init__(self) -> None:
        if len(self.up_channels) != LEVELS_UP:
            raise ValueError(f'up_channels must be {LEVELS_UP} numbers, got {self.up_channels}')
        if not self.fine_dilations:
            raise ValueError('fine_dilations must hold a number for each convolution, got none')
        check_positive(self, 'up_channels', 'fine_channels', 'fine_dilations', 'confidence_channels',
                       'max_depth')
        if self.fine_window and (self.fine_window < 3 or self.fine_window % 2 == 0):
            raise ValueError(f'fine_window must be 0, or odd and at least 3 px, got {self.fine_window}')


class CoarseToFine(nn.Module):
    """Both networks: `coarse(image)`, then `fine(image, coarse)` with what the first one said."""

    def __init__(self, config: CoarseToFineConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CoarseToFineConfig()
        self.coarse = CoarseNet(config)
        self.fine = FineNet(config)

    def forward(self, image: Tensor) -> tuple[DepthOutput, DepthOutput]:
        """Coarse and fine, of [B,H,W,3] RGB in 0..255, uint8 or float."""
        coarse = self.coarse(image)
        return coarse, self.fine(image, coarse)

    def parameters_of(self, part: str) -> list[nn.Parameter]:
        """What is trained in a phase. part: of PARTS; no parameter is of both."""
        if part not in PARTS:
            raise ValueError(f'part must be one of {", ".join(PARTS)}, got {part!r}')
        return list(getattr(self, part).parameters())


class CoarseNet(nn.Module):
    """The layout: [B,H,W,3] -> smooth depth, and confidence."""

    def __init__(self, config: CoarseToFineConfig) -> None:
        super().__init__()
        *skips, deepest = CHANNELS
        up = config.up_channels
        self.input = ImageInput(COARSEST, equalized=config.equalized, mean=MEAN, std=STD)
        self.encoder = EfficientNetLite0()
        self.everywhere = nn.Conv2d(deepest, deepest, 1)
        self.up = nn.ModuleList(
            convolution(below + skip, channels)
            for below, skip, channels in zip((deepest, *up), reversed(skips), up))
        self.depth = nn.Conv2d(up[-1], 1, 3, padding=1)
        self.confidence = Confidence(up[-1], config.confidence_channels)

    def forward(self, image: Tensor) -> DepthOutput:
        *skips, x = self.encoder(self.input(image))
        x = x + self.everywhere(x.mean((2, 3), keepdim=True))
        for layer, skip in zip(self.up, reversed(skips), strict=True):
            x = layer(torch.cat([bilinear(x, (skip.shape[-2], skip.shape[-1])), skip], dim=1))
        logit = self.depth(x)
        size = (image.shape[1], image.shape[2])
        full = bilinear(logit, size)
        return DepthOutput(torch.sigmoid(full), self.confidence(x, logit, size), full)


class FineNet(nn.Module):
    """The edges: [B,H,W,3] and what the coarse network said of it -> refined depth, and confidence."""

    def __init__(self, config: CoarseToFineConfig) -> None:
        super().__init__()
        channels, self.window = config.fine_channels, config.fine_window
        self.input = ImageInput(COARSEST, equalized=config.equalized)
        self.layers = nn.Sequential(*[
            dilated(inputs, channels, dilation) for inputs, dilation in zip(
                (4, *[channels] * (len(config.fine_dilations) - 1)), config.fine_dilations, strict=True)])
        self.correction = nn.Conv2d(channels, 1, 3, padding=1)
        nn.init.zeros_(self.correction.weight)
        self.correction.bias = nn.Parameter(torch.zeros(1))
        self.confidence = Confidence(2, config.confidence_channels)

    def forward(self, image: Tensor, coarse: DepthOutput) -> DepthOutput:
        """coarse: as the coarse network gives it; gradients go through it unless it is frozen."""
        correction = self.correction(self.layers(torch.cat([self.input(image), coarse.logit], dim=1)))
        if self.window:
            correction = correction - local_mean(correction, self.window)
        logit = coarse.logit + correction
        evidence = torch.cat([coarse.confidence, correction.abs()], dim=1)
        size = (image.shape[1], image.shape[2])
        confidence = self.confidence(F.avg_pool2d(evidence, SURE), F.avg_pool2d(logit, SURE), size)
        return DepthOutput(torch.sigmoid(logit), confidence, logit)


def local_mean(x: Tensor, window: int) -> Tensor:
    """[B,C,H,W] -> the mean over a square of `window` px around each pixel, of what lies in the image."""
    margin = window // 2
    # along, then down: 2 * window values a pixel instead of window ** 2
    along = F.avg_pool2d(x, (1, window), 1, (0, margin), count_include_pad=False)
    return F.avg_pool2d(along, (window, 1), 1, (margin, 0), count_include_pad=False)


def dilated(inputs: int, outputs: int, dilation: int) -> nn.Sequential:
    """3x3 convolution of a grid with gaps, batch norm, ReLU; the size stays."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
