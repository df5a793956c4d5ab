"""
Evaluation node: depth and the ground truth for it in; how wrong it is out, while it is active.

depth/image_rect, ground_truth/depth; confidence where it comes -> inputs -> newest -> read, score
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from depth_models.evaluation.figures import Figures, mean
from depth_models.evaluation.frame_scores import score_depth
from depth_nodes.frame_node import SetsNode
from depth_nodes.health import Health
from depth_nodes.input_params import SetParams
from depth_nodes.inputs import SynchronizedInputs, Topic
from depth_nodes.judged import CONFIDENCE, DEPTH, TRUTH, JudgedFrame, JudgedMessages, read_judged
from depth_nodes.lifecycle import ManagedParams, run
from depth_nodes.newest import NewestFrame
from depth_nodes.parameters import param

AT_MOST, AT_LEAST = 'most_', 'least_'  # parameters of these prefixes are bounds of a metric; 0.0: none


@dataclass(frozen=True)
class EvaluationParams(SetParams, ManagedParams):
    """Every parameter of the evaluation node; config/evaluation.yaml and the README follow it."""

    use_confidence: bool = param(
        True, f'Judge {CONFIDENCE} too, while it comes; false: do not subscribe to it.')
    window: int = param(100, 'Frames that the means are over, the last ones.', low=1, high=1000)
    max_range: float = param(
        100.0, 'Farthest ground truth that is judged [m].', low=0.01, high=10000.0, live=True)
    most_abs_rel: float = param(
        0.0, 'Warn where the mean of the relative error is above; 0.0: never.', low=0.0, high=1000.0,
        live=True)
    most_rmse: float = param(
        0.0, 'Warn where the mean of the RMSE is above [m]; 0.0: never.', low=0.0, high=10000.0, live=True)
    most_mae: float = param(
        0.0, 'Warn where the mean of the absolute error is above [m]; 0.0: never.', low=0.0, high=10000.0,
        live=True)
    least_d1: float = param(
        0.0, 'Warn where the mean share of pixels that are off by a factor of less than 1.25 is below; 0.0: '
        'never.', low=0.0, high=1.0, live=True)
    least_density: float = param(
        0.0, 'Warn where the mean share of pixels of known ground truth that have an estimate is below; 0.0: '
        'never.', low=0.0, high=1.0, live=True)

    def breaches(self, means: Figures, frames: int) -> list[str]:
        """A sentence for every bound that the means over so many frames break."""
        said = []
        for name, bound in vars(self).items():
            for prefix, sign, words in ((AT_MOST, 1, 'above'), (AT_LEAST, -1, 'below')):
                if bound and name.startswith(prefix):
                    metric = name.removeprefix(prefix)
                    if sign * (means[metric] - bound) > 0:  # never of a mean that is unknown
                        said.append(f'{metric} is {means[metric]:.4g} in the mean of {frames} frame'
                                    f'{"s"[:frames > 1]}, {words} {name}, which is {bound:g}')
        return said


@dataclass(frozen=True)
class ScoreReport:
    """The metrics of one frame, and their means over the last ones."""

    header: Header
    latest: Figures
    means: Figures
    frames: int  # that the means are over
    judged: int  # pixels of the latest, those of which depth and ground truth are known
    confidence: bool  # came with the latest
    seconds: float  # from the last message of the set to its metrics
    passing: str  # what is wrong, in sentences

    name, lasting = 'metrics', ''

    @property
    def level(self) -> bytes:
        return DiagnosticStatus.WARN if self.passing else DiagnosticStatus.OK

    @property
    def message(self) -> str:
        return self.passing or 'measured'

    def values(self) -> dict[str, object]:
        return {**_words(self.latest), **self.summary(()), 'judged': self.judged,
                'confidence': self.confidence, 'total_ms': f'{self.seconds * 1e3:.3f}'}

    def summary(self, recent: Sequence[Any]) -> dict[str, object]:
        return {**_words({f'mean_{name}': value for name, value in self.means.items()}),
                'frames': self.frames}


class EvaluationNode(SetsNode):

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('evaluation_node', EvaluationParams, **kwargs)

    def while_active(self, keep: ExitStack) -> None:
        params = self.params.now
        self.inputs = SynchronizedInputs(self, topics(params), params, self.receive)
        self.health = keep.enter_context(Health(
            self, self.inputs, {}, subject='evaluation', topic='~/metrics'))
        self.recent: deque[Figures] = deque(maxlen=params.window)
        self.newest = keep.enter_context(NewestFrame(self.answer, self.health.reject, self.health.drop))
        keep.callback(self.inputs.close)  # closes first: no set comes any more
        self.inputs.open()

    def receive(self, depth: Image, truth: Image, *rest: Any) -> None:
        """rest: the confidence, if it is one of the topics (None while it is silent); the arrival."""
        confidence: Image | None = rest[0] if len(rest) == 2 else None
        self.newest.put(JudgedMessages(depth, truth, confidence, rest[-1]))

    def answer(self, messages: JudgedMessages) -> None:
        """On the worker's thread, one set after the other; what it raises, the health reports."""
        params = self.params.now
        self.inputs.refuse_old(messages.header.stamp, params.max_image_age_ms)
        frame = read_judged(messages, max_range=params.max_range)
        latest = score_depth(frame.depth, frame.truth, frame.confidence)
        self.recent.append(latest)
        means = mean(self.recent)
        said = [_nothing(frame, params), *params.breaches(means, len(self.recent))]
        self.health.answer(ScoreReport(
            messages.header, latest, means, len(self.recent),
            judged=int(np.count_nonzero(np.isfinite(frame.depth) & np.isfinite(frame.truth))),
            confidence=frame.confidence is not None, seconds=time.monotonic() - messages.arrival,
            passing='; '.join(filter(None, said))))


def topics(params: EvaluationParams) -> dict[str, Topic]:
    """The inputs, in the order in which `receive` takes their messages."""
    found = {DEPTH: Topic(Image, compressible=False), TRUTH: Topic(Image, compressible=False)}
    if params.use_confidence:
        found[CONFIDENCE] = Topic(Image, compressible=False, optional=True)
    return found


def _nothing(frame: JudgedFrame, params: EvaluationParams) -> str:
    """Why no pixel could be judged, in a sentence; '' where some could."""
    known = np.isfinite(frame.truth)
    if not known.any():
        return (f'nothing to judge: {TRUTH} has no depth that is positive and at most max_range, which is '
                f'{params.max_range:g} m')
    if not np.isfinite(frame.depth[known]).any():
        return f'nothing to judge: {DEPTH} has no depth where {TRUTH} has'
    return ''


def _words(figures: Mapping[str, float]) -> dict[str, str]:
    return {name: f'{value:.6g}' if isfinite(value) else 'nan' for name, value in figures.items()}


def main() -> None:
    run(EvaluationNode)


if __name__ == '__main__':
    main()
