"""Networks by the names that weight files, training configs and users know them by."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from torch import nn

from depth_models.networks.graph import Graph


class Kind(NamedTuple):
    """A network, and what has to be known to build and to run one."""

    network: Callable[[Any], nn.Module]  # from its config
    config: type[Any]
    graphs: Callable[..., list[Graph]]  # of a network; of a stereo network and the searched range [px]
    multiple: int  # px: of image height and width; of a stereo network also of the searched range


def name_of(network: nn.Module, kinds: Mapping[str, Kind], task: str) -> str:
    """The name of a network's kind. task: 'stereo', for the error."""
    for name, kind in kinds.items():
        if type(network) is kind.network:
            return name
    raise ValueError(f'a {task} network must be one of {", ".join(kinds)}, got {type(network).__name__}')


def config_of(kinds: Mapping[str, Kind], name: str, options: Mapping[str, Any]) -> Any:
    """The config of a kind from plain values, as JSON and YAML hold them: lists become tuples."""
    known = {field.name for field in fields(kinds[name].config)}
    if unknown := set(options) - known:
        raise ValueError(f'{name} has no {", ".join(sorted(unknown))}; it has {", ".join(sorted(known))}')
    return kinds[name].config(**{option: tuple(value) if isinstance(value, list) else value
                                 for option, value in options.items()})
