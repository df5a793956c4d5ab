"""
Config files: YAML, every key known, every value of its type, one sentence about the first wrong one.

    network: {kind: anynet, channels: [8, 16, 32]}     # kind, and the arguments of its config
    data: {batch: 8, sources: [{kind: layered, weight: 2}, {kind: folder, path: my/pairs}]}
    optimizer: {learning_rate: 3e-3}
    trainer: {steps: 4000}

What is left out keeps the default of depth_models/training/config.py, for one camera of mono_config.py.
"""

import hashlib
import json
import re
import types
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from depth_models.training.config import TrainingConfig
from depth_models.training.task import Sections
from depth_models.training.tasks import task_of

SHIPPED = Path(__file__).parent / 'configs'
SECTIONS = Sections._fields


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 3e-3 as text; here it is the number that everybody means."""


_Loader.add_implicit_resolver(
    'tag:yaml.org,2002:float', re.compile(r'^[-+]?\d+(\.\d*)?[eE][-+]?\d+$'), list('-+0123456789'))


def load(name_or_path: str, overrides: Sequence[str] = ()) -> TrainingConfig:
    """The config of a shipped name ('anynet') or a YAML file, with 'section.key=value' on top.

    Raises OSError where there is no such file, ValueError naming what is wrong in it.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix not in ('.yaml', '.yml'):
        path = SHIPPED / f'{name_or_path}.yaml'
    if not path.is_file():
        names = ', '.join(sorted(p.stem for p in SHIPPED.glob('*.yaml')))
        raise FileNotFoundError(f'no config at {path}; shipped ones: {names}')
    content = _yaml(path.read_text(), str(path))
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ValueError(f'{path}: sections are expected (network, {", ".join(SECTIONS)}), '
                         f'got {type(content).__name__}')
    for override in overrides:
        _override(content, override)
    try:
        return parse(path.stem, content)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def parse(name: str, content: dict[str, Any]) -> TrainingConfig:
    """The config of a file's content; ValueError names the key that is wrong."""
    known = ('network', *SECTIONS)
    for key in content:
        if key not in known:
            raise ValueError(f'no section "{key}"; there are: {", ".join(known)}')
    network = content.get('network') or {}
    if not isinstance(network, dict):
        raise ValueError(f'network must be a section of keys, got {network!r}')
    kind = _typed(str, network.get('kind', 'anynet'), 'network.kind')
    arguments = {key: value for key, value in network.items() if key != 'kind'}
    task = task_of(kind)
    config = TrainingConfig(
        name, kind, _section(task.kinds[kind].config, arguments, 'network', also=('kind',)),
        **{key: _section(cls, content.get(key) or {}, key) for key, cls in task.sections._asdict().items()})
    task.check_config(config)
    return config


def resolved(config: TrainingConfig) -> dict[str, Any]:
    """The content of a file that says everything, as plain lists and dicts."""
    content = {'network': {'kind': config.kind, **asdict(config.network)},
               **{key: asdict(getattr(config, key)) for key in SECTIONS}}
    return json.loads(json.dumps(content))


def text(config: TrainingConfig) -> str:
    """The resolved config as YAML."""
    return yaml.safe_dump(resolved(config), sort_keys=False, default_flow_style=None)


def sha256(config: TrainingConfig) -> str:
    """
    Of what decides on the weights, whatever file it came from.

    Left out are keys of metadata 'place', which only say where something lies, and those of metadata
    'later' that have their default: they came when weights had been trained without them.
    """
    content = {'network': {'kind': config.kind, **_deciding(config.network)},
               **{key: _deciding(getattr(config, key)) for key in SECTIONS}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _deciding(part: Any) -> Any:
    if is_dataclass(part) and not isinstance(part, type):
        return {one.name: _deciding(getattr(part, one.name)) for one in fields(part)
                if not (one.metadata.get('place')
                        or (one.metadata.get('later') and getattr(part, one.name) == one.default))}
    return [_deciding(one) for one in part] if isinstance(part, (list, tuple)) else part


def _yaml(source: str, where: str) -> Any:
    try:
        return yaml.load(source, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f'{where}: not valid YAML: {" ".join(str(error).split())}') from error


def _override(content: dict[str, Any], override: str) -> None:
    """Enter 'section.key=value', the value as YAML."""
    name, equals, value = override.partition('=')
    *sections, key = name.split('.')
    if not (equals and sections and key):
        raise ValueError(f'an override is section.key=value, got "{override}"')
    for section in sections:
        if content.get(section) is None:
            content[section] = {}
        content = content[section]
        if not isinstance(content, dict):
            raise ValueError(f'no keys below "{section}" in "{override}"')
    content[key] = _yaml(value, override)


def _section(cls: type[Any], content: Any, where: str, also: tuple[str, ...] = ()) -> Any:
    """The dataclass of a section; `also`: keys that are allowed there and dealt with elsewhere."""
    if not isinstance(content, dict):
        raise ValueError(f'{where} must be a section of keys, got {content!r}')
    hints = get_type_hints(cls)
    names = [f.name for f in fields(cls)]
    for key in content:
        if key not in names:
            raise ValueError(f'no key "{where}.{key}"; there are: {", ".join((*also, *names))}')
    for f in fields(cls):
        if f.name not in content and f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f'{where}.{f.name} is missing')
    values = {key: _typed(hints[key], value, f'{where}.{key}') for key, value in content.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f'{where}.{error}') from error


def _typed(hint: Any, value: Any, where: str) -> Any:
    """The value as its type hint wants it; ValueError where it is not of that type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _section(hint, value, where)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _typed(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f'{where} must be one of {", ".join(map(str, arguments))}, got {value}')
        return value
    if origin is tuple:
        return _typed_items(arguments, value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise ValueError(f'{where} must be of type {hint.__name__}, got {value!r}')
    return value


def _typed_items(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f'{where} must be a list, got {value!r}')
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(value) != len(hints):
        raise ValueError(f'{where} must be a list of {len(hints)}, got {value!r}')
    return tuple(_typed(hint, item, f'{where}[{number}]')
                 for number, (hint, item) in enumerate(zip(hints, value)))
