"""What the tests of networks of one camera start from."""

import torch
from torch import nn


def picture(height: int, width: int, images: int = 1, seed: int = 2) -> torch.Tensor:
    """uint8 [images,height,width,3]: large patches of colour, small ones on them."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for size, strength in ((16, 170), (2, 85)):
        small = torch.rand(images, -(-height // size), -(-width // size), 3, generator=generator)
        large = small.repeat_interleave(size, 1).repeat_interleave(size, 2)[:, :height, :width]
        layers.append(strength * large)
    return sum(layers, torch.zeros(1)).to(torch.uint8)


def settled(network: nn.Module) -> nn.Module:
    """The network with the batch norm statistics of two pictures, as after training, for use.

    Without them the maps of a network that starts from random weights fade to a constant.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(picture(128, 128, images=2))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()


def moved(network: nn.Module) -> set[str]:
    """The names of the parameters that a gradient has reached."""
    return {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
