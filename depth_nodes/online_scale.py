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
from depth_nodes.parameters import Checked, param
from depth_nodes.sparse_depth import IMAGE, POINTS, SparseDepth, stamp_ns
from depth_nodes.transforms import IDENTITY, check_transform


@dataclass(frozen=True)
class ScaleParams(Checked):
    """The parameters of every node whose network sees one image."""

    scale: str = param(
        'none', f'What is fitted to the metric depths on {IMAGE} or {POINTS}: none, median (a factor), '
        'affine (a factor and a shift of inverse depth).', choices=MODES)
    scale_max_age: float = param(
        0.1, 'Largest difference of stamps between an image and the metric depths that it is fitted to [s].',
        low=0.0, high=60.0, live=True)
    scale_memory: float = param(
        10.0, 'Fits after which one counts 1/e; 0.0: each frame stands alone.', low=0.0, high=10000.0)
    scale_timeout: float = param(
        5.0, 'A network that knows no metres has none again so long after the last fit [s].',
        low=0.01, high=3600.0, live=True)
    points_to_camera: tuple[float, ...] = param(
        IDENTITY, f"From the frame of {POINTS} to the camera's optical frame [m], a 4x4 in row order; the "
        'identity: by tf2 where it is installed, else they are in the camera frame.')
    virtual_baseline: float = param(
        0.1, 'Of the right camera that disparity is published for [m].', low=0.001, high=5.0, live=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_transform('points_to_camera', self.points_to_camera)


class OnlineScale:
    """Fits frame after frame, on the worker's thread, and remembers for a while."""

    def __init__(self, node: Node, params: ScaleParams, sparse: SparseDepth, *, metric: bool,
                 ignore: Callable[[Exception], None]) -> None:
        """metric: of the network; without a fit its depth is in m too. ignore: told of bad messages."""
        self._log, self._sparse, self._ignore, self._metric = node.get_logger(), sparse, ignore, metric
        self._fits = MetricScale(params.scale, memory=params.scale_memory)
        self._seen = self._fitted = 0  # stamps of the last frame, of the last fit [ns]
        self._said = ''

    def apply(self, header: Header, frame: MonoFrame, estimate: MonoEstimate, params: ScaleParams
              ) -> Map | None:
        """Depth [m] of a frame, fitted to what came beside it; None as long as it has no unit."""
        stamp = stamp_ns(header.stamp)
        if stamp < self._seen:
            self._fits.reset()
            self._sparse.forget_later_than(stamp + round(params.scale_max_age * 1e9))
        self._seen = stamp
        if self._fits.mode != 'none' and frame.camera is not None:
            try:
                sparse = self._sparse.take(header, frame.camera, params.scale_max_age, 'image_rect')
                if sparse is not None and not math.isnan(
                        self._fits.update(estimate.depth, sparse).residual):
                    self._fitted = stamp
            except ValueError as error:
                self._ignore(error)
        if not self._metric and self._fits.fitted and stamp - self._fitted > params.scale_timeout * 1e9:
            self._fits.reset()
        if self._metric or self._fits.fitted:
            self._say('')
            return self._fits.apply(estimate.depth)
        self._say(f'depth has no unit: only {RELATIVE} is published; '
                  + (f'waiting for metric depths on {IMAGE} or {POINTS}' if self._fits.mode != 'none' else
                     f'set scale to median or affine and send metric depths on {IMAGE} or {POINTS}'))
        return None

    def remarks(self, *, metric_wanted: bool) -> Remarks:
        """The last fit, for diagnostics; a warning where metric depth is wanted and cannot be."""
        fit = self._fits.fit
        values: dict[str, object] = {'depth': 'relative' if self._said else 'metric'}
        if self._fits.mode != 'none':
            values |= {'fit': fit.mode, 'fit_scale': f'{fit.scale:.6g}', 'fit_shift': f'{fit.shift:.6g}',
                       'fit_residual': f'{fit.residual:.4f}', 'fit_samples': fit.samples,
                       'fit_note': fit.note}
        return Remarks(values, self._said if metric_wanted else '')

    def _say(self, lack: str) -> None:
        """Into the log when it changes."""
        if lack != self._said:
            if lack:
                self._log.warning(lack)
            else:
                self._log.info('metric depth is fitted: it is published in m')
            self._said = lack
