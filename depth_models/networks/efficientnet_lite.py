"""
EfficientNet-Lite0 without its classifier: an encoder for which there are weights that photographs gave it.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, arXiv
1905.11946, table 1, as its authors changed it for mobile processors in 2020: ReLU6 for swish, and no squeeze
and excitation.

Shapes: B batch, H x W image (multiples of 32).
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

MEAN, STD = (127.0,) * 3, (128.0,) * 3  # that images are normalized with, of values in 0..255
STEM = 32  # channels
CLASSIFIER = ('_conv_head.', '_bn1.', '_fc.')  # what is left out here, in files of weights


class Stage(NamedTuple):
    """Blocks of one kind; the first one changes size and channels."""

    blocks: int
    kernel: int
    stride: int
    expansion: int  # of the channels, within a block
    channels: int


STAGES = (Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40), Stage(3, 3, 2, 6, 80),
          Stage(3, 5, 1, 6, 112), Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320))
GIVEN = (2, 4, 6)  # numbers of the stages at 1/8, 1/16 and 1/32 whose maps are given: the last of each size
CHANNELS = tuple(STAGES[number].channels for number in GIVEN)


class EfficientNetLite0(nn.Module):
    """[B,3,H,W], normalized with MEAN and STD -> [B,C,h,w] for each of CHANNELS, at 1/8, 1/16, 1/32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = convolution(3, STEM, 3, stride=2)
        self.stages, inputs = nn.ModuleList(), STEM
        for stage in STAGES:
            blocks = [Block(inputs, stage),
                      *(Block(stage.channels, stage._replace(stride=1)) for _ in range(stage.blocks - 1))]
            self.stages.append(nn.Sequential(*blocks))
            inputs = stage.channels

    def forward(self, image: Tensor) -> list[Tensor]:
        x, maps = self.stem(image), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return [maps[number] for number in GIVEN]

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """
        Weights as the package efficientnet_lite_pytorch names them, those of the classifier among them.

        They are in the order that the layers come in, here as there. ValueError where they do not fit.
        """
        theirs = [value for name, value in weights.items() if not name.startswith(CLASSIFIER)]
        own = self.state_dict()
        if [value.shape for value in theirs] != [value.shape for value in own.values()]:
            raise ValueError('not the weights of EfficientNet-Lite0: their shapes are other ones')
        self.load_state_dict(dict(zip(own, theirs)))


class Block(nn.Module):
    """Inverted bottleneck: more channels, a convolution of each of them by itself, fewer again."""

    def __init__(self, inputs: int, stage: Stage) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.layers = nn.Sequential(
            *([convolution(inputs, inner, 1)] if stage.expansion > 1 else []),
            convolution(inner, inner, stage.kernel, stride=stage.stride, groups=inner),
            convolution(inner, stage.channels, 1, last=True))
        self.residual = stage.stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


def convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1,
                last: bool = False) -> nn.Sequential:
    """Convolution, batch norm and, but for the last one of a block, ReLU6. Stride 2 halves an even size."""
    layers: list[nn.Module] = [] if stride == 1 else [PaddedBehind(kernel)]
    layers += [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups,
                         bias=False),
               nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]
    return nn.Sequential(*layers, *([] if last else [nn.ReLU6(inplace=True)]))


class PaddedBehind(nn.Module):
    """For stride 2, as TensorFlow has it, where the weights come from: a row and column more behind."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        before = (kernel - 2) // 2
        self.around = (before, before + 1, before, before + 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.around)
