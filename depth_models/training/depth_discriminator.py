"""
The discriminator of the depth GAN: is a map [B,1,H,W] one of the training data, or was it made?

Makarov, Korinevskaya and Aliev, ISMAR 2018: leaky ReLU and batch norm. The text gives no more; the rest is
what SRGAN has, arXiv 1609.04802, figure 4, thinner, and with a mean over the map before the last layer, so
that maps of all sizes can be judged.

X a map of the training data, Z a low-resolution one, m samples. As the text has them,

    L_GAN = 1/m sum log(1 - D(G(Z)))
    L_D   = 1/m sum (log D(X) + log(1 - D(G(Z))))

of which L_D is maximized: what is minimized here is the cross entropy, -L_D. Both networks learn from the
same step, each from what the other was before it.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

SLOPE = 0.2


class DepthDiscriminator(nn.Module):
    """[B,1,H,W] maps whose mean is about 1 -> [B] logit of the probability that they are true."""

    def __init__(self, channels: Sequence[int] = (16, 32, 64, 64)) -> None:
        """channels: of layers that halve the size, each."""
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, channels[0], 3, 2, 1), nn.LeakyReLU(SLOPE)]
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs),
                       nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], 1)

    def forward(self, maps: Tensor) -> Tensor:
        return self.head(self.layers(maps - 1).mean((2, 3)))[:, 0]


def generator_term(discriminator: nn.Module, made: Tensor, *, saturating: bool) -> Tensor:
    """L_GAN, whose gradients reach the generator alone; -mean log D(G(Z)) where not saturating."""
    fixed = {name: parameter.detach() for name, parameter in discriminator.named_parameters()}
    logit = functional_call(discriminator, fixed, (made,)).float()
    return F.logsigmoid(-logit).mean() if saturating else -F.logsigmoid(logit).mean()


def discriminator_loss(discriminator: nn.Module, true: Tensor, made: Tensor) -> Tensor:
    """-L_D, whose gradients reach the discriminator alone."""
    return -(F.logsigmoid(discriminator(true.detach()).float()).mean()
             + F.logsigmoid(-discriminator(made.detach()).float()).mean())


def to_be_judged(depth: Tensor, target: Tensor, valid: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """What was made, and what is true, in parts of the means [B]; alike where the truth is not known."""
    size = size.view(-1, 1, 1, 1)
    return (torch.where(valid, depth, depth.detach()) / size,
            torch.where(valid, target, depth.detach()) / size)
