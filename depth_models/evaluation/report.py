"""What every evaluation makes of its figures: a table, JSON, a sheet of pictures, what made them."""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from depth_models import pretrained
from depth_models.evaluation import pictures
from depth_models.evaluation.figures import Figures
from depth_models.frames import Image

SHOWN = 5  # samples on a sheet
PANEL_WIDTH = 340  # px
CELL = 9  # letters


class Column(NamedTuple):
    """A figure in a table."""

    figure: str
    heading: str
    unit: str = ''
    factor: float = 1  # from the figure's own unit
    digits: int = 2


def table(title: str, figures: Mapping[str, Figures], columns: Sequence[Column]) -> str:
    """A line for every method, '-' where a figure does not apply."""
    width = max(map(len, [title, *figures])) + 1
    lines = [f'{title:{width}}' + ''.join(f'{column.heading:>{CELL}}' for column in columns),
             ' ' * width + ''.join(f'{column.unit:>{CELL}}' for column in columns)]
    for method, row in figures.items():
        values = [row.get(column.figure, np.nan) * column.factor for column in columns]
        lines.append(f'{method:{width}}' + ''.join(
            f'{"-":>{CELL}}' if np.isnan(value) else f'{value:{CELL}.{column.digits}f}'
            for value, column in zip(values, columns)))
    return '\n'.join(line.rstrip() for line in lines if line.strip())


def to_show(figures: Mapping[str, Mapping[str, Figures]], method: str, figure: str) -> list[str]:
    """The sample where a method is best by a figure, the one where it is worst, and some in between."""
    known = sorted((name for name in figures if np.isfinite(figures[name][method][figure])),
                   key=lambda name: figures[name][method][figure])
    places = np.linspace(0, len(known) - 1, min(SHOWN, len(known)))
    return [known[place] for place in np.rint(places).astype(int)]


def sheet(title: str, rows: list[list[pictures.Panel]], note: str) -> Image:
    """Rows of equal length, one a sample."""
    return pictures.sheet(title, [panel for row in rows for panel in row], columns=len(rows[0]),
                          panel_width=PANEL_WIDTH, note=note)


def add_outputs(parser: argparse.ArgumentParser, what: str) -> None:
    """The options --json, --sheet and --verbose. what: 'pair', in their help."""
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures')
    parser.add_argument('--sheet', type=Path, metavar='FILE.png',
                        help=f'write pictures of a few {what}s, from the best to the worst')
    parser.add_argument('--verbose', action='store_true', help=f'a table of every {what} as well')


def check_outputs(options: argparse.Namespace) -> None:
    """Before the work, not after it: ValueError or OSError where outputs cannot be written."""
    if options.sheet is not None and not cv2.haveImageWriter(str(options.sheet)):
        raise ValueError(f'--sheet must end in .png or .jpg, got {options.sheet}')
    for path in (options.json, options.sheet):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)


def write_json(path: Path, made: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(made, indent=1, allow_nan=False) + '\n')
    print(f'wrote {path}')


def about_weights(weights: str, described: Mapping[str, str]) -> dict[str, str]:
    """What ran: the file's sha256, and of an estimator's description what figures depend on."""
    return {'sha256': hashlib.sha256(pretrained.find(weights).read_bytes()).hexdigest(),
            'engine': described['engine'], 'precision': described['precision']}
