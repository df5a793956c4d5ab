"""
What the pages of replay share: templates, the words and numbers of figures, files that appear whole.

A page is one HTML file: style, scripts and data stand in it, and its content security policy forbids it
to load anything else. What comes from a recording is escaped, in text and in data alike.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

PAGES = Path(__file__).with_name('pages')
DIGITS = 7  # significant, of numbers in a page's data; the JSON beside it has all of them
HIGHER_IS_BETTER = frozenset({'d1', 'd2', 'd3', 'density', 'ssim', 'psnr', 'fps', 'answered',
                              'planarity_share'})
NEITHER_IS_BETTER = frozenset({'stage'})


class Label(NamedTuple):
    """What a figure is, for people."""

    name: str
    unit: str  # '' where it has none
    meaning: str
    better: str  # 'lower', 'higher' or '' where neither is

    @property
    def heading(self) -> str:
        return f'{self.name} [{self.unit}]' if self.unit else self.name


def label(name: str, text: str = '') -> Label:
    """Of a figure and its unit as results tell them: 'px: mean absolute error', '% of pixels ...', 'm'."""
    unit, _, meaning = text.partition(': ')
    if text.startswith('% '):
        unit, meaning = '%', text[2:]
    elif not meaning and ' ' in text:  # a sentence without a unit
        unit, meaning = '', text
    unit = '' if unit == '1' or re.fullmatch(r'-?\d\.\.\d', unit) else unit
    if name in NEITHER_IS_BETTER:
        return Label(name, unit, meaning, '')
    # of disparity, d1 is the share of wrong pixels, in %
    return Label(name, unit, meaning, 'higher' if name in HIGHER_IS_BETTER and unit != '%' else 'lower')


def number(value: float | None, digits: int = 4) -> str:
    """'1,234', '12.35', '0.001235', '1.2e-07', and '–' for what is not known."""
    if value is None or not math.isfinite(value):
        return '–'
    if value == 0 or 1e-4 <= abs(value) < 1e3:
        places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
        text = f'{value:.{min(max(places, 0), 7)}f}'
        return text.rstrip('0').rstrip('.') if '.' in text else text
    return f'{value:,.0f}' if 1e3 <= abs(value) < 1e9 else f'{value:.{digits - 1}g}'


def plain(values: Any) -> Any:
    """Nested values as JSON holds them: None for what is no number, lists for arrays; mappings keep order."""
    if isinstance(values, Mapping):
        return {str(name): plain(value) for name, value in values.items()}
    if isinstance(values, np.ndarray | list | tuple):
        return [plain(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]
    if isinstance(values, np.generic):
        return plain(values.item())
    if isinstance(values, float) and not math.isfinite(values):
        return None
    return str(values) if isinstance(values, Path) else values


def shortened(values: Any) -> Any:
    """Nested values with floats of `DIGITS` significant digits, for a page's data."""
    if isinstance(values, Mapping):
        return {name: shortened(value) for name, value in values.items()}
    if isinstance(values, list):
        return [shortened(value) for value in values]
    return float(f'{values:.{DIGITS}g}') if isinstance(values, float) else values


def embedded(values: Any) -> Markup:
    """Values as the content of a <script type="application/json">: nothing in them can end it."""
    text = json.dumps(shortened(plain(values)), allow_nan=False, separators=(',', ':'))
    return Markup(text.replace('<', r'\u003c').replace('>', r'\u003e').replace('&', r'\u0026'))


def asset(name: str) -> Markup:
    """A style or script of the pages, to be written into one."""
    return Markup((PAGES / name).read_text(encoding='utf-8'))


def render(template: str, **values: Any) -> str:
    environment = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters['number'] = number
    environment.globals |= {'asset': asset, 'embedded': embedded}
    return environment.get_template(template).render(**values)


def write_whole(path: Path, text: str) -> None:
    """The file is there when all of it is: who waits for it, or starts again, never meets half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    started = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        started.write_text(text, encoding='utf-8')
        os.replace(started, path)
    finally:
        started.unlink(missing_ok=True)
