"""Metres for a network's depth, from sparse metric depths that come beside the images."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node
from std_msgs.msg import Header

from depth_models.frames import Map, MonoEstimate, MonoFrame
from depth_models.metric_scale import MODES, MetricScale
from depth_nodes.health import Remarks
from depth_nodes.outputs import RELATIVE
from depth_nodes.parameters import param
from depth_nodes.sparse_depth import IMAGE, POINTS, SparseDepth, stamp_ns
from depth_nodes.transforms import TransformParams


@dataclass(frozen=True)
class ScaleParams(TransformParams):
    """The parameters of every node whose network sees one image."""

    scale: str = param(
        'none', f'What is fitted to the metric depths on {IMAGE} or {POINTS}: none, median (a factor), '
        'affine (a factor, and a shift of inverse depth that may lean and bend across the image).',
        choices=MODES)
    scale_max_age: float = param(
        0.1, 'Largest difference of stamps between an image and the metric depths that it is fitted to [s].',
        low=0.0, high=60.0, live=True)
    scale_memory: float = param(
        10.0, 'Fits after which one counts 1/e, to smooth them; 0.0: each frame stands alone.',
        low=0.0, high=10000.0)
    scale_timeout: float = param(
        5.0, 'A fit is forgotten so long after the last metric depths [s].', low=0.01, high=3600.0,
        live=True)


class OnlineScale:
    """Fits frame after frame, on the worker's thread, and remembers for a while."""

    def __init__(self, node: Node, params: ScaleParams, sparse: SparseDepth, *, metric: bool,
                 ignore: Callable[[Exception], None]) -> None:
        """metric: of the network; without a fit its depth is in m too. ignore: told of bad messages."""
        self._log, self._sparse, self._ignore, self._metric = node.get_logger(), sparse, ignore, metric
        self._fits = MetricScale(params.scale, memory=params.scale_memory)
        self._seen: int | None = None  # stamp of the last frame [ns]
        self._since = 0  # stamp of the last fit, or of the first frame without one [ns]
        self._lack = ''  # of the last frame, in a sentence

    def apply(self, header: Header, frame: MonoFrame, estimate: MonoEstimate, params: ScaleParams
              ) -> Map | None:
        """Depth [m] of a frame, fitted to what came beside it; None as long as it has no unit."""
        stamp = stamp_ns(header.stamp)
        if self._seen is None:
            self._since = stamp
        elif stamp < self._seen:  # time has jumped back
            self._forget(stamp)
            self._sparse.forget_later_than(stamp + round(params.scale_max_age * 1e9))
        self._seen = stamp
        why = self._fit(header, frame, estimate, params) if self._fits.mode != 'none' else ''
        late = stamp - self._since > params.scale_timeout * 1e9
        if late and self._fits.fitted:
            self._forget(self._since)
        self._say(self._lack_of(why, late))
        return self._fits.apply(estimate.depth) if self._metric or self._fits.fitted else None

    def remarks(self, *, metric_wanted: bool) -> Remarks:
        """The last fit, for diagnostics; a warning where metric depth is wanted and cannot be."""
        fit = self._fits.fit
        values: dict[str, object] = {'depth': 'metric' if self._metric or self._fits.fitted else 'relative'}
        if self._fits.mode != 'none':
            values |= {'fit': fit.mode, 'fit_scale': f'{fit.scale:.6g}', 'fit_shift': f'{fit.shift:.6g}',
                       'fit_lean': ' '.join(f'{part:.6g}' for part in fit.lean),
                       'fit_bend': ' '.join(f'{part:.6g}' for part in fit.bend),
                       'fit_residual': f'{fit.residual:.4f}', 'fit_samples': fit.samples,
                       'fit_note': fit.note}
        return Remarks(values, self._lack if metric_wanted else '')

    def _fit(self, header: Header, frame: MonoFrame, estimate: MonoEstimate, params: ScaleParams) -> str:
        """Why this frame tells nothing of the scale; '' when it does."""
        stamp = stamp_ns(header.stamp)
        if frame.camera is None:
            return 'the image has no camera'
        try:
            sparse = self._sparse.take(header, frame.camera, params.scale_max_age, 'image_rect')
        except ValueError as error:
            self._ignore(error)
            return str(error)
        if sparse is None:
            return self._sparse.why_none(stamp, params.scale_max_age)
        fit = self._fits.update(estimate.depth, sparse)
        if math.isnan(fit.residual):
            return fit.note
        self._since = stamp
        return ''

    def _forget(self, since: int) -> None:
        self._fits.reset()
        self._since = since

    def _lack_of(self, why: str, late: bool) -> str:
        if self._fits.fitted or (self._metric and not (why and late)):
            return ''
        if self._metric:
            return (f"scale is {self._fits.mode}, but nothing is fitted: the network's own metres are "
                    f'published; {why}')
        return f'depth has no unit: only {RELATIVE} is published; ' + (
            why or f'set scale to median or affine and send metric depths on {IMAGE} or {POINTS}')

    def _say(self, lack: str) -> None:
        """Into the log when it begins and when it ends; how it goes on is in diagnostics."""
        if bool(lack) != bool(self._lack):
            if lack:
                self._log.warning(lack)
            else:
                self._log.info('the scale is fitted: depth is published in m by it')
        self._lack = lack
