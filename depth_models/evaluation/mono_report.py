"""Figures of depth from one image for people: the columns of a table, and the pictures of a frame."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from depth_models.data.samples import DepthSample
from depth_models.evaluation import pictures
from depth_models.evaluation.figures import Figures
from depth_models.evaluation.report import Column
from depth_models.frames import Map

COLUMNS = (
    Column('abs_rel', 'AbsRel', digits=3), Column('sq_rel', 'SqRel', 'm', digits=3),
    Column('rmse', 'RMSE', 'm', digits=3), Column('rmse_log', 'RMSElog', digits=3),
    Column('log10', 'log10', digits=3), Column('silog', 'SILog'), Column('d1', 'd1', digits=3),
    Column('d2', 'd2', digits=3), Column('d3', 'd3', digits=3), Column('mse', 'MSE', digits=4),
    Column('ssim', 'SSIM', digits=3), Column('rmse_edges', 'at edges', 'm', digits=3))


def frame_panels(name: str, sample: DepthSample, answers: Mapping[str, Map], figures: Mapping[str, Figures]
                 ) -> list[pictures.Panel]:
    """A row of the sheet: image, truth, then the depth of every method, in the colours of the truth.

    answers: depth [m] by method, as it is judged; figures: of this frame by method.
    """
    near, far = (float(value) for value in np.nanpercentile(sample.depth, (0.5, 99.5)))
    scale = {'near': near, 'far': max(far, 1.001 * near)}
    shown = [pictures.depth_panel(pictures.thickened(sample.depth), **scale, title='truth'),
             *(pictures.depth_panel(
                 depth, **scale, title=f'{method}: AbsRel {figures[method]["abs_rel"]:.3f}')
               for method, depth in answers.items())]
    # all have the same colours: one bar is enough
    return [pictures.photo(sample.image, name), *(replace(panel, bar=None) for panel in shown[:-1]),
            shown[-1]]
