"""
Weight files: safetensors only, the network's configuration inside, sha256 in a table beside them.

A shipped file is named after what it is for: `weights/anynet.safetensors`, with its card
`anynet.md` (data, command, figures) and its line in `weights/SHA256SUMS`, which
`sha256sum -c SHA256SUMS` reads too.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

SHIPPED = Path(__file__).parent / 'weights'


class Weights(NamedTuple):
    """The content of one file."""

    path: Path
    network: str  # the kind that it is of: 'anynet'
    tensors: dict[str, torch.Tensor]
    config: dict[str, Any]  # arguments of the network's config dataclass
    notes: dict[str, str]  # what made the file: command, data, steps


def find(name_or_path: str) -> Path:
    """The file of a shipped name ('anynet') or of a path ('my/run.safetensors').

    Raises FileNotFoundError with the shipped names.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix != '.safetensors':
        path = SHIPPED / f'{name_or_path}.safetensors'
    if not path.is_file():
        names = ', '.join(sorted(p.stem for p in SHIPPED.glob('*.safetensors'))) or 'none'
        raise FileNotFoundError(f'no weights at {path}; shipped ones: {names}')
    return path


def read(name_or_path: str, *networks: str) -> Weights:
    """Read a file made for one of `networks` ('anynet').

    Raises FileNotFoundError, or ValueError naming the file when it is truncated, damaged, made for
    another network, or a shipped file whose content is not the one that was shipped.
    """
    path = find(name_or_path)
    if path.parent == SHIPPED:
        _verify(path)
    try:
        with safe_open(path, framework='pt') as file:
            metadata = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f'{path} is truncated, damaged or no safetensors file: {error}') from error
    found = metadata.pop('network', None)
    if found not in networks:
        raise ValueError(f'{path} holds weights of {found or "an unnamed network"}, '
                         f'not {" or ".join(networks)}')
    return Weights(path, found, tensors, json.loads(metadata.pop('config', '{}')), metadata)


def load_into(module: torch.nn.Module, weights: Weights) -> None:
    """Copy the tensors into `module`; ValueError when a name or a shape does not fit."""
    try:
        module.load_state_dict(weights.tensors, strict=True)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'{weights.path} does not fit the network: {reason}') from error


def write(path: Path, module: torch.nn.Module, network: str, config: Any,
          notes: Mapping[str, str]) -> None:
    """Write the module's weights, its config dataclass and the notes to `path`."""
    if not is_dataclass(config) or isinstance(config, type):
        raise TypeError(f'config must be a dataclass instance, got {config!r}')
    tensors = {key: value.detach().contiguous().cpu()
               for key, value in module.state_dict().items()}
    metadata = {**notes, 'network': network, 'config': json.dumps(asdict(config))}
    path.parent.mkdir(parents=True, exist_ok=True)
    # not save_file: what it writes is for its owner's eyes only
    path.write_bytes(save(tensors, metadata=metadata))


def ship(path: Path, name: str) -> Path:
    """Copy a weight file to the shipped ones under `name` and enter its sha256 in the table."""
    shipped = SHIPPED / f'{name}.safetensors'
    shipped.write_bytes(path.read_bytes())
    sums = {**_sums(), shipped.name: _sha256(shipped)}
    (SHIPPED / 'SHA256SUMS').write_text(
        ''.join(f'{digest}  {file}\n' for file, digest in sorted(sums.items())))
    return shipped


def _verify(path: Path) -> None:
    expected = _sums().get(path.name)
    if expected is None:
        raise ValueError(f'{path} has no line in {SHIPPED / "SHA256SUMS"}')
    if (actual := _sha256(path)) != expected:
        raise ValueError(f'{path} is damaged: sha256 {actual}, shipped as {expected}')


def _sums() -> dict[str, str]:
    table = SHIPPED / 'SHA256SUMS'
    if not table.exists():
        return {}
    lines = (line.split() for line in table.read_text().splitlines())
    return {file: digest for digest, file in lines}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
