"""The stereo networks by name."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from depth_models.networks import anynet, anynet_graphs, anynet_wide, anynet_wide_graphs
from depth_models.networks.kinds import Kind, config_of, name_of

STAGES = anynet.STAGES  # of all of them

KINDS = {
    'anynet': Kind(anynet.AnyNet, anynet.AnyNetConfig, anynet_graphs.stage_graphs, anynet.COARSEST),
    'anynet_wide': Kind(anynet_wide.AnyNetWide, anynet_wide.AnyNetWideConfig,
                        anynet_wide_graphs.stage_graphs, anynet_wide.COARSEST),
}


def kind_of(network: nn.Module) -> str:
    """The name of a network's kind."""
    return name_of(network, KINDS, 'stereo')


def config_from(kind: str, options: Mapping[str, Any]) -> Any:
    """The config of a kind from plain values, as JSON and YAML hold them: lists become tuples."""
    return config_of(KINDS, kind, options)
