"""Figures of stereo methods for people: the columns of a table, and the pictures of a pair."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from depth_models.data.samples import StereoSample
from depth_models.evaluation import pictures
from depth_models.evaluation.report import Column
from depth_models.evaluation.stereo_figures import NON_OCCLUDED, Answer
from depth_models.frames import Map

COLUMNS = tuple(Column(*column) for column in (
    ('epe', 'EPE', 'px'), ('bad0.5', 'bad-0.5', '%'), ('bad1', 'bad-1', '%'), ('bad2', 'bad-2', '%'),
    ('bad4', 'bad-4', '%'), ('d1', 'D1', '%'), ('density', 'density'), ('ause', 'AUSE', 'px'),
    ('auc', 'AUC', 'px'), ('bad2_at_70', 'bad-2@70', '%'), ('ece', 'ECE'), ('seconds', 'time', 'ms', 1000)))
OF_NON_OCCLUDED = tuple(column._replace(figure=f'{column.figure}{NON_OCCLUDED}') for column in COLUMNS)
NAMES = {'bm': 'BM, filled', 'sgbm': 'SGBM, filled', 'sgbm_3way': 'SGBM 3-way, filled',
         **{f'stage{k}': f'stage {k}' for k in range(1, 5)}}


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


def _error_panel(method: str, estimate: Map, truth: Map) -> pictures.Panel:
    both = np.isfinite(truth) & np.isfinite(estimate)
    bad2 = 100 * float(np.mean(np.abs(estimate - truth)[both] > 2)) if both.any() else np.nan
    return pictures.error_panel(
        estimate=pictures.thickened(np.where(both, estimate, np.float32(np.nan))),
        target=pictures.thickened(np.where(both, truth, np.float32(np.nan))),
        title=f'error of {_named(method)}: bad-2 {bad2:.1f} %')


def _named(method: str) -> str:
    return NAMES.get(method, method)
