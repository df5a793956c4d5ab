"""Figures by name: their mean, and as JSON holds them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Figures = dict[str, float]  # by name; NaN where one does not apply


def mean(figures: Sequence[Figures]) -> Figures:
    """Over the samples where a figure applies, each counting the same; NaN where there is none.

    All must have the same names.
    """
    known = {name: [one[name] for one in figures if np.isfinite(one[name])] for name in figures[0]}
    return {name: float(np.mean(values)) if values else float('nan')
            for name, values in known.items()}


def means_of(figures: Mapping[str, Mapping[str, Figures]]) -> dict[str, Figures]:
    """By method, of figures by sample and method."""
    methods = next(iter(figures.values()))
    return {method: mean([of_sample[method] for of_sample in figures.values()]) for method in methods}


def nulls(values: Any) -> Any:
    """Nested figures as JSON holds them: rounded, None for NaN."""
    if isinstance(values, Mapping):
        return {name: nulls(value) for name, value in values.items()}
    return round(values, 6) if np.isfinite(values) else None
