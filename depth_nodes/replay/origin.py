"""
What a report was made of: the request, and every file that it names, by size and time of change.

It stands in the `about` of a report.json that a fleet has made. Where the same request meets the same files
again, that report is the answer and nothing has to be computed. The code counts by the package's version.
"""

import importlib.metadata
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from depth_nodes.replay import compare
from depth_nodes.replay.charts import Result
from depth_nodes.replay.page import plain
from depth_nodes.replay.request import FOLDER, Request

ORIGIN = 'origin'  # its name in `about`


def absolute(request: Request) -> Request:
    """The request with paths that mean the same wherever it is carried out."""
    def at(path: Path | None) -> Path | None:
        return None if path is None else path.absolute()

    truth = request.truth
    if truth.startswith(FOLDER):
        truth = f'{FOLDER}{Path(truth.removeprefix(FOLDER)).absolute()}'
    return replace(request, config=at(request.config), record=at(request.record), truth=truth,
                   parameters={name: _absolute(value) for name, value in request.parameters.items()},
                   cameras={role: file.absolute() for role, file in request.cameras.items()})


def origin_of(bag: Path, request: Request) -> dict[str, Any]:
    """As JSON holds it. OSError where the bag, or a file that the request names, cannot be read."""
    named = [bag, *request.cameras.values(), *_files(request.parameters)]
    if request.config is not None:
        named += [request.config, *_files(_content(request.config))]
    if request.truth.startswith(FOLDER):
        named.append(Path(request.truth.removeprefix(FOLDER)))
    try:
        version = importlib.metadata.version('depth_nodes')
    except importlib.metadata.PackageNotFoundError:  # run from its sources
        version = ''
    origin = {'bag': bag.absolute(), 'request': asdict(request), 'version': version,
              'files': {str(path.absolute()): _stamp(path) for path in named}}
    return json.loads(json.dumps(plain(origin)))


def made_before(folder: Path, origin: Mapping[str, Any]) -> Result | None:
    """The result in the folder's report.json if it comes of the same; None where there is no such thing."""
    try:
        result = compare.read(folder)
    except (OSError, ValueError):
        return None  # none yet, or of something else
    return result if result['about'].get(ORIGIN) == origin else None


def _stamp(path: Path) -> list[int]:
    """Size [bytes] and time of the last change [ns] of a file, or of all the files in a folder."""
    found = [path.stat()]
    if path.is_dir():
        found = [os.stat(Path(above) / name) for above, _, names in os.walk(path) for name in names] or found
    return [sum(each.st_size for each in found), max(each.st_mtime_ns for each in found)]


def _content(config: Path) -> Any:
    try:
        return yaml.safe_load(config.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return None  # who starts the node says so better


def _files(values: Any) -> Iterator[Path]:
    """Of nested values those that name a file, such as weights."""
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, list):
        for value in values:
            yield from _files(value)
    elif isinstance(values, str) and os.path.isfile(values):
        yield Path(values)


def _absolute(value: Any) -> Any:
    """A file by its whole path; else the value."""
    return os.path.abspath(value) if isinstance(value, str) and os.path.isfile(value) else value
