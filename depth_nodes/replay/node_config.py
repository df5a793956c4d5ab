"""The parameters that a ROS parameter file has for a node, in whatever namespace it runs on the robot."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from depth_nodes.replay.kinds import module_of, name_of

PARAMETERS = 'ros__parameters'
TYPES = {'stereo': 'StereoParams', 'mono': 'MonoParams', 'coarse_to_fine': 'CoarseToFineParams',
         'sparse_depth': 'SparseDepthParams', 'super_resolution': 'SuperResolutionParams'}


def read_config(path: Path, kind: str) -> dict[str, Any]:
    """Of /**, then of the node's name in any namespace. ValueError where there is none, or two differ."""
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is no YAML file: {" ".join(str(error).split())}') from error
    name, everybody, own = name_of(kind), dict[str, Any](), dict[str, dict[str, Any]]()
    found = list(_sections(content))
    for where, parameters in found:
        last = where.rstrip('/').rsplit('/', 1)[-1]
        if last == name:
            own[where] = parameters
        elif last in ('**', '*'):
            everybody |= parameters
    if not own and not everybody:
        raise ValueError(f'{path} has no parameters for {name}, it has some for '
                         f'{", ".join(where for where, _ in found) or "nobody"}')
    general = {where: parameters for where, parameters in own.items() if '*' in where}
    special = [where for where in own if where not in general]
    if len(special) > 1 and any(own[where] != own[special[0]] for where in special[1:]):
        raise ValueError(f'{path} has different parameters for {", ".join(special)}: copy those of one of '
                         'them into a file of their own')
    for parameters in (*general.values(), *(own[where] for where in special[:1])):
        everybody |= parameters
    return everybody


def as_declared(parameters: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Whole numbers as floats where the node has one. ValueError where it has no parameter of a name."""
    defaults = {f.name: f.default for f in fields(getattr(import_module(module_of(kind)), TYPES[kind]))}
    found = dict(parameters)
    for name, value in parameters.items():
        if name not in defaults:
            raise ValueError(f'--param {name}: {name_of(kind)} has no such parameter, it has '
                             f'{", ".join(defaults)}')
        if isinstance(defaults[name], tuple) and isinstance(value, list):
            found[name] = [float(each) if type(each) is int else each for each in value]
        elif isinstance(defaults[name], float) and type(value) is int:  # a bool is an int too
            found[name] = float(value)
    return found


def _sections(content: Any, above: str = '') -> Iterator[tuple[str, dict[str, Any]]]:
    """('/robot/stereo_node', its parameters), and so on; names may be nested or joined by /."""
    if not isinstance(content, dict):
        return
    for name, value in content.items():
        if name == PARAMETERS and isinstance(value, dict):
            yield above, value
        else:
            yield from _sections(value, f'{above}/{str(name).strip("/")}')
