"""The stereo networks by the names that weight files, training configs and users know them by."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

from torch import nn

from depth_models.networks import anynet, anynet_graphs, anynet_wide, anynet_wide_graphs
from depth_models.networks.graph import Graph

STAGES = anynet.STAGES  # of all of them


class Kind(NamedTuple):
    """A network, and what has to be known to build and to run one."""

    network: Callable[[Any], nn.Module]  # from its config
    config: type[Any]
    graphs: Callable[[Any, int], list[Graph]]  # of a network and the searched range [px]
    multiple: int  # px: of image height and width and of the searched range


KINDS = {
    'anynet': Kind(anynet.AnyNet, anynet.AnyNetConfig, anynet_graphs.stage_graphs, anynet.COARSEST),
    'anynet_wide': Kind(anynet_wide.AnyNetWide, anynet_wide.AnyNetWideConfig,
                        anynet_wide_graphs.stage_graphs, anynet_wide.COARSEST),
}


def kind_of(network: nn.Module) -> str:
    """The name of a network's kind."""
    for name, kind in KINDS.items():
        if type(network) is kind.network:
            return name
    raise ValueError(f'a stereo network must be one of {", ".join(KINDS)}, got {type(network).__name__}')


def config_from(kind: str, options: dict[str, Any]) -> Any:
    """The config of a kind from plain values, as JSON and YAML hold them: lists become tuples."""
    known = {field.name for field in fields(KINDS[kind].config)}
    if unknown := set(options) - known:
        raise ValueError(f'{kind} has no {", ".join(sorted(unknown))}; it has {", ".join(sorted(known))}')
    return KINDS[kind].config(**{name: tuple(value) if isinstance(value, list) else value
                                 for name, value in options.items()})
