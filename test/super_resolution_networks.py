"""Weights of super-resolution networks for tests: untrained, and yet no two stages alike."""

from pathlib import Path

import torch
from torch import nn

from depth_models import pretrained
from depth_models.networks.depth_gan import DepthGAN, DepthGANConfig
from depth_models.networks.guided_super_resolution import GuidedConfig, GuidedSuperResolution
from depth_models.networks.super_resolution_networks import kind_of

SMALL = GuidedConfig(patch=4, widths=(4, 6, 8, 8, 8), encoder=(1, 1, 1, 1), middle=1, decoder=(1, 1, 1, 1))


def network(factor: int = 4, *, guided: bool = False, seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    made = GuidedSuperResolution(SMALL) if guided else DepthGAN(
        DepthGANConfig(factor=factor, channels=8, blocks=1))
    with torch.no_grad():
        for parameter in made.parameters():  # as they begin, some are 0
            parameter += 0.02 * torch.randn_like(parameter)
    return made.eval()


def write(path: Path, factor: int = 4, *, guided: bool = False) -> str:
    made = network(factor, guided=guided)
    pretrained.write(path, made, kind_of(made), made.config, {})
    return str(path)
