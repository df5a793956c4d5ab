"""
The generator of SRGAN, to have something of its size to run beside ours. It is never trained.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
CVPR 2017, arXiv 1609.04802, section 2.1.1 and figure 4: 16 residual blocks of two 3x3 convolutions of 64
channels with batch norm and parametric ReLU, two sub-pixel convolutions of x2, 9x9 at both ends.
"""

from torch import Tensor, nn

from depth_models.networks.graph import Graph

CHANNELS, BLOCKS, FACTOR = 64, 16, 4
IMAGE, LARGER = 'image', 'larger'  # names of its input and output


class SrganGenerator(nn.Module):
    """[B,3,h,w] in 0..1 -> [B,3,4h,4w] in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(3, CHANNELS, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(_Block() for _ in range(BLOCKS)), _convolution())
        self.up = nn.Sequential(*(_Up() for _ in range(2)))
        self.leave = nn.Conv2d(CHANNELS, 3, 9, padding=4)

    def forward(self, image: Tensor) -> Tensor:
        features = self.enter(image)
        return self.leave(self.up(features + self.blocks(features))).tanh()


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(_convolution(), nn.PReLU(), _convolution())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _Up(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(CHANNELS, 4 * CHANNELS, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())


class _AsTuple(nn.Module):
    """A graph gives a tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network(image),)


def graphs(network: SrganGenerator) -> list[Graph]:
    """The whole network as one, so that every engine runs it as it runs ours."""
    return [Graph('generator', _AsTuple(network), (IMAGE,), (LARGER,))]


def _convolution() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS))
