"""Frame after frame: figures against the truth, self-checks without one, and what is shown of it. No ROS."""

from typing import Any, NamedTuple

import numpy as np

from depth_models.evaluation import self_checks
from depth_models.evaluation.frame_scores import Accumulator, score_depth, score_disparity
from depth_models.frames import Camera, Image, Map, StereoCamera
from depth_nodes.replay.ground_truth import GroundTruth, Truth
from depth_nodes.replay.showcase import Showcase

DENSE = 50_000  # pixels of known truth: curves of many frames do not need all of so many
_ALL, _THIN, _EVEN_ROWS = np.s_[::1, ::1], np.s_[::2, ::2], np.s_[::2]
PLANE_EVERY = 10  # frames: planes do not change that fast, and RANSAC is slow
RANKED_BY = ('epe', 'abs_rel', 'photometric', 'flicker')  # the first one that there is


class View(NamedTuple):
    """What was answered to one frame, and what it was made of."""

    image: Image  # of the size of the maps
    camera: Camera  # of the maps
    depth: Map  # m, NaN where unknown
    confidence: Map
    pair: StereoCamera | None = None  # of both images, where there are two
    disparity: Map | None = None  # px, of the pair
    right: Image | None = None
    disparity_right: Map | None = None  # of the right image, where that was asked for


class Row(NamedTuple):
    """A frame in numbers."""

    stamp_ns: int
    latency_ms: float | None  # None: no answer
    stage: int | None
    figures: dict[str, float]
    self_checks: dict[str, float]


class Judge:
    """Takes the frames of a run in order; not thread-safe."""

    def __init__(self, truth: GroundTruth | None) -> None:
        self._truth = truth
        self._before: View | None = None
        self._accumulator = Accumulator()
        self._compared = False
        self._without_depth = 0  # frames whose truth is disparity, while the answer has none
        self.rows: list[Row] = []
        self.showcase = Showcase()

    def missed(self, stamp_ns: int) -> None:
        """A frame that was not answered."""
        self.rows.append(Row(stamp_ns, None, None, {}, {}))

    def answered(self, stamp_ns: int, latency_ms: float | None, stage: int, view: View | None, *,
                 truth_ns: int | None = None) -> None:
        """view: None where the answer has no metric depth. truth_ns: stamp of the truth, if another one."""
        figures: dict[str, float] = {}
        checks: dict[str, float] = {}
        if view is not None:
            truth = None if self._truth is None else self._truth.at(
                stamp_ns if truth_ns is None else truth_ns, view.pair or view.camera, view.depth.shape)
            figures = self._compare(view, truth) if truth else {}
            self._without_depth += truth is not None and not figures
            checks = self._check(view)
            self._show(stamp_ns, view, truth, {**figures, **checks})
        self._before = view
        self.rows.append(Row(stamp_ns, latency_ms, stage, figures, checks))

    def notes(self) -> list[str]:
        """What there is to say about the truth, in sentences."""
        if self._truth is None:
            return ['there is no ground truth: what the self-checks find is no error of depth']
        said = self._truth.said()
        if self._without_depth:
            said.append(f'{self._without_depth} frames have true disparity and were compared with nothing: '
                        'it has no depth without the baseline of a pair')
        return said

    def distance(self) -> list[dict[str, float]]:
        return self._accumulator.distance() if self._compared else []

    def sparsification(self) -> dict[str, Any] | None:
        return self._accumulator.sparsification() if self._compared else None

    def _compare(self, view: View, truth: Truth) -> dict[str, float]:
        """Disparity first, where there is a pair; error against distance and confidence is that of depth.

        What orders pixels by confidence, and a pair's figures of depth, take a part of dense truth: scoring
        must not be what a replay waits for.
        """
        figures: dict[str, float] = {}
        if view.disparity is not None and truth.disparity is not None:
            part = _parts(_thin(truth.disparity), view.disparity, truth.disparity, view.confidence)
            figures = {**score_disparity(view.disparity, truth.disparity),
                       'ause': score_disparity(*part)['ause']}
        if truth.depth is not None:
            self._compared = True
            part = _parts(_thin(truth.depth), view.depth, truth.depth, view.confidence)
            of_part = self._accumulator.add(*part)
            rest = of_part if figures else {**score_depth(view.depth, truth.depth), 'ause': of_part['ause']}
            figures = {**figures, **{name: value for name, value in rest.items() if name not in figures}}
        return figures

    def _check(self, view: View) -> dict[str, float]:
        checks: dict[str, float] = {}
        if view.disparity is not None and view.right is not None:
            checks['photometric'] = self_checks.photometric(*_parts(
                _EVEN_ROWS, view.image, view.right, view.disparity))
        if view.disparity is not None and view.disparity_right is not None:
            checks['left_right'] = self_checks.left_right(view.disparity, view.disparity_right)
        before = self._before
        if before is not None and before.depth.shape == view.depth.shape \
                and before.image.shape == view.image.shape:
            checks['flicker'] = self_checks.flicker(before.depth, view.depth, before.image, view.image)
        if len(self.rows) % PLANE_EVERY == 0:
            plane = self_checks.planarity(view.depth, view.camera, np.random.default_rng(len(self.rows)))
            checks |= {f'planarity_{name}': value for name, value in plane.items()}
        return checks

    def _show(self, stamp_ns: int, view: View, truth: Truth | None, figures: dict[str, float]) -> None:
        name = next((name for name in RANKED_BY if name in figures), None)
        if name is not None and np.isfinite(figures[name]):
            self.showcase.offer(stamp_ns, name, figures[name], view, truth)


def _thin(truth: Map) -> tuple[slice, slice]:
    """Every second row and column, where that leaves enough; all of what a LiDAR sees."""
    return _THIN if np.count_nonzero(np.isfinite(truth)) > DENSE else _ALL


def _parts(part: Any, *arrays: Any) -> tuple[Any, ...]:
    return tuple(np.ascontiguousarray(array[part]) for array in arrays)
