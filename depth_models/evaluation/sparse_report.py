"""Figures of dense depth from sparse depth for people: the columns of a table, and a row of pictures."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from depth_models.data.samples import DepthSample
from depth_models.evaluation import pictures
from depth_models.evaluation.figures import Figures
from depth_models.evaluation.report import Column
from depth_models.frames import Map

COLUMNS = (
    Column('rmse', 'RMSE', 'm', digits=3), Column('mae', 'MAE', 'm', digits=3),
    Column('rel', 'rel', digits=3), Column('irmse', 'iRMSE', '1/km'), Column('imae', 'iMAE', '1/km'),
    Column('d1', 'd1', digits=3), Column('ssim', 'SSIM', digits=3), Column('ms', 'time', 'ms', digits=1))


def pattern_panels(pattern: str, sample: DepthSample, sparse: Map, answers: Mapping[str, Map],
                   figures: Mapping[str, Figures]) -> list[pictures.Panel]:
    """A row of the sheet: image, what was measured, truth, then the depth of every method, in its colours.

    answers: depth [m] by method; figures: of this frame and pattern by method.
    """
    near, far = (float(value) for value in np.nanpercentile(sample.depth, (0.5, 99.5)))
    scale = {'near': near, 'far': max(far, 1.001 * near)}
    shown = [pictures.depth_panel(pictures.thickened(sparse), **scale, title='measured'),
             pictures.depth_panel(pictures.thickened(sample.depth), **scale, title='truth'),
             *(pictures.depth_panel(dense, **scale, title=f'{method}: RMSE {figures[method]["rmse"]:.3f} m')
               for method, dense in answers.items())]
    # all have the same colours: one bar is enough
    return [pictures.photo(sample.image, pattern), *(replace(panel, bar=None) for panel in shown[:-1]),
            shown[-1]]
