"""The networks of sparse depth by name; the depth of each has the unit of its measurements."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from depth_models.networks import sparse_depth, sparse_graphs
from depth_models.networks.kinds import Kind, config_of, name_of

KINDS = {'sparse_depth': Kind(sparse_depth.SparseDepth, sparse_depth.SparseDepthConfig,
                              sparse_graphs.stage_graphs, sparse_depth.COARSEST)}


def kind_of(network: nn.Module) -> str:
    """The name of a network's kind."""
    return name_of(network, KINDS, 'sparse depth')


def config_from(kind: str, options: Mapping[str, Any]) -> Any:
    """The config of a kind from plain values, as JSON and YAML hold them: lists become tuples."""
    return config_of(KINDS, kind, options)
