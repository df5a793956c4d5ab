"""The networks of depth super-resolution by name; the depth of each has the unit of its input."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from depth_models.networks import depth_gan, guided_super_resolution, super_resolution_graphs
from depth_models.networks.kinds import Kind, config_of, name_of

DEPTH_GAN, GUIDED = 'depth_gan', 'guided_super_resolution'

KINDS = {
    DEPTH_GAN: Kind(depth_gan.DepthGAN, depth_gan.DepthGANConfig,
                    super_resolution_graphs.depth_gan_graphs, 1),
    GUIDED: Kind(guided_super_resolution.GuidedSuperResolution, guided_super_resolution.GuidedConfig,
                 super_resolution_graphs.guided_graphs, 1),  # it pads by itself
}


def kind_of(network: nn.Module) -> str:
    """The name of a network's kind."""
    return name_of(network, KINDS, 'super-resolution')


def config_from(kind: str, options: Mapping[str, Any]) -> Any:
    """The config of a kind from plain values, as JSON and YAML hold them: lists become tuples."""
    return config_of(KINDS, kind, options)
