"""Graphs as ONNX files, and the cache where they wait for the next start."""

import contextlib
import hashlib
import io
import logging
import os
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from depth_models import networks
from depth_models.networks.graph import Graph

OPSET = 17  # the first with everything we use; older runtimes read it too

_log = logging.getLogger(__name__)


def to_onnx(graphs: Sequence[Graph], inputs: Mapping[str, Tensor]) -> list[bytes]:
    """
    Each graph as an ONNX file, for the shapes of `inputs`, which feed the first ones.

    The exporter by tracing, because the graphs have no control flow that depends on data, it takes
    a second where the newer one takes twelve, and it is in every torch that ROS distributions meet.
    """
    board = dict(inputs)
    files = []
    for graph in graphs:
        given = tuple(board[name] for name in graph.inputs)
        file = io.BytesIO()
        with torch.no_grad(), warnings.catch_warnings():
            # about being traced, and about being replaced by the newer exporter one day
            warnings.simplefilter('ignore')
            board.update(zip(graph.outputs, graph.module.eval()(*given), strict=True))
            torch.onnx.export(
                graph.module, given, file,  # type: ignore[arg-type]
                input_names=list(graph.inputs), output_names=list(graph.outputs),
                opset_version=OPSET, dynamo=False)
        files.append(file.getvalue())
    return files


def exported(graphs: Sequence[Graph], inputs: Mapping[str, Tensor], key: str) -> list[bytes]:
    """
    `to_onnx`, remembered in the user's cache folder under `key` and everything else it depends on:
    the weights, the shapes, torch, our own code.

    A damaged entry is made again. Starts at the same time write the same content, and a file
    appears whole or not at all. A folder that cannot be written costs a second at each start.
    """
    shapes = '-'.join('x'.join(map(str, tensor.shape)) for tensor in inputs.values())
    depends = f'{key} {_digest(graphs)} {shapes} {torch.__version__} {OPSET} {_code()}'
    name = f'{key}-{hashlib.sha256(depends.encode()).hexdigest()[:20]}.zip'
    path = cache_folder() / name
    names = [f'{graph.name}.onnx' for graph in graphs]
    try:
        return _read(path, names)
    except FileNotFoundError:
        pass
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        _log.warning('%s is damaged (%s); it is made again', path, error)
    files = to_onnx(graphs, inputs)
    try:
        _write(path, dict(zip(names, files, strict=True)))
    except OSError as error:
        _log.warning('%s cannot be written (%s); the next start exports again', path, error)
    return files


def recently_used(prefix: str) -> list[str]:
    """Names of the cache's entries that start so, the one that was read or made last first."""
    entries = []
    for path in cache_folder().glob(f'{prefix}*.zip'):
        with contextlib.suppress(OSError):  # somebody cleans up
            entries.append((path.stat().st_mtime, path.name))
    return [name for _, name in sorted(entries, reverse=True)]


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/depth_nodes, or ~/.cache/depth_nodes."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'depth_nodes'


def _read(path: Path, names: list[str]) -> list[bytes]:
    with zipfile.ZipFile(path) as file:
        files = [file.read(name) for name in names]  # each with its checksum
    with contextlib.suppress(OSError):
        path.touch()  # see `recently_used`
    return files


def _write(path: Path, files: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, half = tempfile.mkstemp(dir=path.parent, suffix='.part')
    try:
        with os.fdopen(handle, 'wb') as opened, zipfile.ZipFile(opened, 'w') as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        Path(half).replace(path)
    except BaseException:
        Path(half).unlink(missing_ok=True)
        raise


def _digest(graphs: Sequence[Graph]) -> str:
    """Of the weights, and of the numbers beside them that fix what is traced."""
    digest = hashlib.sha256()
    for graph in graphs:
        digest.update(repr((graph.name, graph.inputs, graph.outputs, _numbers(graph.module))).encode())
        for name, tensor in sorted(graph.module.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _numbers(module: nn.Module) -> list[tuple[str, str, int | float]]:
    return [(path, name, value) for path, part in module.named_modules()
            for name, value in sorted(vars(part).items()) if isinstance(value, int | float)]


@cache
def _code() -> str:
    """Of the networks' source, so that a changed network is never run from an old graph."""
    digest = hashlib.sha256()
    for path in sorted(Path(networks.__path__[0]).glob('*.py')):
        digest.update(path.read_bytes())
    return digest.hexdigest()
