"""Figures of stereo methods for people: a table, and a sheet of pictures of a few pairs."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from depth_models.data.samples import StereoSample
from depth_models.evaluation import pictures
from depth_models.evaluation.stereo_figures import NON_OCCLUDED, Answer, Figures
from depth_models.frames import Image, Map

COLUMNS = (  # figure, heading, unit, factor to it
    ('epe', 'EPE', 'px', 1), ('bad0.5', 'bad-0.5', '%', 1), ('bad1', 'bad-1', '%', 1),
    ('bad2', 'bad-2', '%', 1), ('bad4', 'bad-4', '%', 1), ('d1', 'D1', '%', 1),
    ('density', 'density', '', 1), ('ause', 'AUSE', 'px', 1), ('auc', 'AUC', 'px', 1),
    ('bad2_at_70', 'bad-2@70', '%', 1), ('ece', 'ECE', '', 1), ('seconds', 'time', 'ms', 1000))
NAMES = {'bm': 'BM, filled', 'sgbm': 'SGBM, filled', 'sgbm_3way': 'SGBM 3-way, filled',
         **{f'stage{k}': f'stage {k}' for k in range(1, 5)}}
SHOWN = 5  # pairs on a sheet
PANEL_WIDTH = 340  # px


def table(title: str, figures: Mapping[str, Figures], *, non_occluded: bool = False) -> str:
    """A line for every method, '-' where a figure does not apply."""
    width = max(map(len, [title, *figures])) + 1
    lines = [f'{title:{width}}' + ''.join(f'{heading:>9}' for _, heading, _, _ in COLUMNS),
             ' ' * width + ''.join(f'{unit:>9}' for _, _, unit, _ in COLUMNS)]
    for method, row in figures.items():
        names = [f'{name}{NON_OCCLUDED}' if non_occluded else name for name, _, _, _ in COLUMNS]
        values = [row.get(name, np.nan) * factor for name, (*_, factor) in zip(names, COLUMNS)]
        lines.append(f'{method:{width}}' + ''.join(
            f'{"-":>9}' if np.isnan(value) else f'{value:9.2f}' for value in values))
    return '\n'.join(line.rstrip() for line in lines)


def pairs_to_show(figures: Mapping[str, Mapping[str, Figures]], method: str) -> list[str]:
    """The pair where a method is best by bad-2, the one where it is worst, and some in between."""
    judged = sorted((name for name in figures if np.isfinite(figures[name][method]['bad2'])),
                    key=lambda name: figures[name][method]['bad2'])
    places = np.linspace(0, len(judged) - 1, min(SHOWN, len(judged)))
    return [judged[place] for place in np.rint(places).astype(int)]


def pair_panels(name: str, sample: StereoSample, answers: Mapping[str, Answer]
                ) -> list[pictures.Panel]:
    """A row of the sheet: image, truth, then every answer's disparity or error.

    answers: by method; the first one is the one to look at, and also shows its confidence if it
    has one. Of the others only errors are shown.
    """
    truth = sample.disparity
    low, high = (float(value) for value in np.nanpercentile(truth, (0.5, 99.5)))
    scale = {'low': low, 'high': max(high, low + 1)}
    method, answer = next(iter(answers.items()))
    true = pictures.disparity_panel(pictures.thickened(truth), **scale, title='truth')
    found = pictures.disparity_panel(answer.disparity, **scale, title=_named(method))
    errors = [_error_panel(other, its.disparity, truth) for other, its in answers.items()]
    # the neighbours to the right have the same colours: one bar is enough
    panels = [pictures.photo(sample.left, name), replace(true, bar=None), found,
              *(replace(error, bar=None) for error in errors[:-1]), errors[-1]]
    if answer.confidence is not None:
        panels.append(pictures.confidence_panel(answer.confidence, f'confidence of {_named(method)}'))
    return panels


def sheet(title: str, rows: list[list[pictures.Panel]], note: str) -> Image:
    """Rows of equal length, one a pair."""
    return pictures.sheet(title, [panel for row in rows for panel in row], columns=len(rows[0]),
                          panel_width=PANEL_WIDTH, note=note)


def _error_panel(method: str, estimate: Map, truth: Map) -> pictures.Panel:
    both = np.isfinite(truth) & np.isfinite(estimate)
    bad2 = 100 * float(np.mean(np.abs(estimate - truth)[both] > 2)) if both.any() else np.nan
    return pictures.error_panel(
        estimate=pictures.thickened(np.where(both, estimate, np.float32(np.nan))),
        target=pictures.thickened(np.where(both, truth, np.float32(np.nan))),
        title=f'error of {_named(method)}: bad-2 {bad2:.1f} %')


def _named(method: str) -> str:
    return NAMES.get(method, method)
