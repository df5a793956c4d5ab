"""The networks of one camera by name; the output of each is depth in parts of `config.max_depth`."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from depth_models.networks import coarse_to_fine, mono_graphs, mono_unet
from depth_models.networks.kinds import Kind, config_of, name_of

KINDS = {
    'mono_unet': Kind(mono_unet.MonoUNet, mono_unet.MonoUNetConfig, mono_graphs.unet_graphs,
                      mono_unet.COARSEST),
    'coarse_to_fine': Kind(coarse_to_fine.CoarseToFine, coarse_to_fine.CoarseToFineConfig,
                           mono_graphs.coarse_to_fine_graphs, coarse_to_fine.COARSEST),
}


def kind_of(network: nn.Module) -> str:
    """The name of a network's kind."""
    return name_of(network, KINDS, 'mono')


def config_from(kind: str, options: Mapping[str, Any]) -> Any:
    """The config of a kind from plain values, as JSON and YAML hold them: lists become tuples."""
    return config_of(KINDS, kind, options)
