"""Figures of depth super-resolution for people: the columns of a table, and a row of pictures."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from depth_models.evaluation import pictures
from depth_models.evaluation.figures import Figures
from depth_models.evaluation.report import Column
from depth_models.evaluation.super_resolution_data import METRES
from depth_models.evaluation.super_resolution_figures import Given
from depth_models.frames import Map


def columns(unit: str) -> tuple[Column, ...]:
    """unit: of the maps, '' where they have several."""
    return (Column('rmse', 'RMSE', unit, digits=3), Column('mape', 'MAPE', '%'),
            Column('ssim', 'SSIM', digits=3), Column('psnr', 'PSNR', 'dB'),
            Column('rmse_edges', 'at edges', unit, digits=3), Column('rmse_ratio', '/bicubic', digits=3),
            Column('edges_ratio', '/bicubic', 'at edges', digits=3), Column('ms', 'time', 'ms', digits=1))


def frame_panels(title: str, frame: Given, unit: str, answers: Mapping[str, Map],
                 figures: Mapping[str, Figures]) -> list[pictures.Panel]:
    """A row of the sheet: image, what was given, truth, then the map of every method, in its colours.

    answers: map by method; figures: of this frame by method.
    """
    low, high = (float(value) for value in np.nanpercentile(frame.target, (0.5, 99.5)))

    def panel(values: Map, title: str) -> pictures.Panel:
        if unit == METRES:
            return pictures.depth_panel(values, near=low, far=max(high, 1.001 * low), title=title)
        return pictures.disparity_panel(values, low=low, high=max(high, low + 1), title=title)

    factor = frame.image.shape[0] // frame.low_res.shape[0]
    cells = np.kron(frame.low_res, np.ones((factor, factor), np.float32))
    shown = [panel(cells, 'given'), panel(frame.target, 'truth'),
             *(panel(found, f'{method}: RMSE {figures[method]["rmse"]:.3f} {unit}')
               for method, found in answers.items())]
    # all have the same colours: one bar is enough
    return [pictures.photo(frame.image, title), *(replace(one, bar=None) for one in shown[:-1]), shown[-1]]
