"""
A node answers every set of a recording, each with as much time as it takes: the same answer every time.

The node object is in this process and is asked as its worker would ask it: read, estimate, answer. It is
never spun and sends nothing. Reading is a thread ahead of the network, judging one behind it.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.exceptions import ParameterException
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Header

from depth_models.evaluation.self_checks import mirrored
from depth_models.frames import Map, StereoFrame
from depth_nodes.answers import DepthAnswer, StereoAnswer
from depth_nodes.budgeted import REHEARSAL, Plan
from depth_nodes.frame_node import FrameNode
from depth_nodes.replay.bags import Writer
from depth_nodes.replay.judge import Judge, View
from depth_nodes.replay.kinds import (
    NAMESPACE,
    as_taken,
    beside,
    make_node,
    ros_arguments,
    type_name_of,
)
from depth_nodes.replay.pipeline import Behind, ahead
from depth_nodes.replay.sets import MessageSet

READ_AHEAD, JUDGED_BEHIND = 4, 4  # frames
RECORDED = {'disparity', 'depth/image_rect', 'depth/camera_info', 'confidence', 'points'}
MOST_SAID = 5  # different reasons why frames could not be read


class Ran(NamedTuple):
    """What a run took, and what it was."""

    seconds: float  # from the first set to the last judged one, without getting ready
    model_seconds: float  # of these in the estimator
    estimator: dict[str, str]  # its description
    notes: list[str]  # sentences


class _Read(NamedTuple):
    stamp_ns: int
    time_ns: int  # recorded
    header: Header | None
    frame: Any  # None where it could not be read
    beside: list[Any]
    why_not: str
    seconds: float


class _Answered(NamedTuple):
    read: _Read
    answer: Any  # None where depth has no unit
    stage: int
    seconds: float
    disparity_right: Map | None


def every_frame(sets: Callable[[], Iterator[MessageSet]], kind: str, judge: Judge, *,
                parameters: Mapping[str, Any] | None = None, left_right: bool = False,
                record: Writer | None = None, on_frame: Callable[[], object] = lambda: None) -> Ran:
    """Run a node over all sets, and have its answers judged, in order.

    sets: called on the thread that reads, which alone uses what it returns. parameters: of the node; its
    budget means nothing here. left_right: pairs are matched a second time,
    seen from the right. record: what the node would publish is written there. on_frame: called for every
    set. Raises ValueError or OSError when the node cannot be made; its log says more.
    """
    with ExitStack() as keep:
        context = Context()
        rclpy.init(context=context, args=[], signal_handler_options=SignalHandlerOptions.NO)
        keep.callback(context.try_shutdown)
        try:
            node = make_node(kind, ros_arguments(parameters or {}), context)
        except ParameterException as error:
            raise ValueError(str(error)) from error
        keep.callback(node.destroy_node)
        opened = keep.enter_context(ExitStack())
        node.while_configured(opened)
        node.while_active(opened)  # nothing is subscribed to: the node is not active, so nobody asks for it
        return _Runner(node, kind, judge, left_right, record, on_frame).run(sets)


class _Runner:

    def __init__(self, node: FrameNode, kind: str, judge: Judge, left_right: bool, record: Writer | None,
                 on_frame: Callable[[], object]) -> None:
        self._node: Any = node  # read, estimate and answer are each node's own
        self._kind, self._judge, self._left_right = kind, judge, left_right and kind == 'stereo'
        self._record, self._on_frame = record, on_frame
        self._params = node.params.now
        self._plan = Plan(stage=self._params.stage, deadline=math.inf, scale=1.0)
        self._unread: Counter[str] = Counter()
        self._relative = 0  # frames whose depth has no unit

    def run(self, sets: Callable[[], Iterator[MessageSet]]) -> Ran:
        model_seconds = idle = 0.0
        began = time.monotonic()
        with closing(ahead(lambda: self._read_all(sets()), READ_AHEAD)) as reads, \
                Behind(self._take, JUDGED_BEHIND) as judging:
            for read in reads:
                if read.frame is None:
                    self._unread[read.why_not] += 1
                    judging.put(read)
                else:
                    idle += self._get_ready(read)
                    answered, seconds = self._answer(read)
                    model_seconds += seconds
                    judging.put(answered)
                self._on_frame()
        return Ran(time.monotonic() - began - idle, model_seconds, dict(self._node.estimator.describe()),
                   self._notes())

    # on the thread that reads

    def _read_all(self, sets: Iterator[MessageSet]) -> Iterator[_Read]:
        for each in sets:
            began = time.monotonic()
            messages, frame, why_not = as_taken(self._kind, each.messages), None, ''
            try:
                frame = self._node.read(messages, self._params)
            except ValueError as error:  # as on a robot: said, counted, and on to the next one
                why_not = str(error)
            yield _Read(each.stamp_ns, each.time_ns, messages.header, frame,
                        beside(self._kind, each.messages), why_not, time.monotonic() - began)

    # on the caller's thread

    def _get_ready(self, read: _Read) -> float:
        """As the node does for a size that it has not seen: compiled, and once for nothing; the seconds."""
        began = time.monotonic()
        if not self._node.estimator.make_ready(read.frame.size, (1.0,)):
            self._node.estimate(read.header, read.frame, self._params, REHEARSAL)
            return time.monotonic() - began
        return 0.0

    def _answer(self, read: _Read) -> tuple[_Answered, float]:
        """The answer, and the seconds that the estimator took."""
        began = time.monotonic()
        estimate = self._node.estimate(read.header, read.frame, self._params, self._plan)
        estimated = time.monotonic()
        for message in read.beside:
            self._node.sparse.keep(message)
        answer = self._node.answer(read.header, read.frame, estimate, self._params)
        seconds = time.monotonic() - began + read.seconds
        right = self._seen_from_the_right(read) if self._left_right else None
        return _Answered(read, answer, estimate.stage, seconds, right), estimated - began

    def _seen_from_the_right(self, read: _Read) -> Map:
        """Disparity [px] of the right image: in the mirror, it is the left one."""
        frame = read.frame
        left, right = mirrored(frame.left, frame.right)
        estimate = self._node.estimate(
            read.header, replace(frame, left=left, right=right), self._params, self._plan)
        return np.ascontiguousarray(estimate.disparity[:, ::-1])

    # on the thread that judges

    def _take(self, item: _Read | _Answered) -> None:
        if isinstance(item, _Read):
            self._judge.missed(item.stamp_ns)
            return
        read, answer = item.read, item.answer
        view = None if answer is None else view_of(read.frame, answer, item.disparity_right)
        self._relative += view is None
        self._judge.answered(read.stamp_ns, 1e3 * item.seconds, item.stage, view)
        if self._record is not None and answer is not None:
            for topic, message in self._node.outputs.messages(read.header, answer, self._params, RECORDED):
                self._record.write(f'{NAMESPACE}/{topic}', read.time_ns, type_name_of(message),
                                   serialize_message(message))

    def _notes(self) -> list[str]:
        said = ['every frame was answered with as much time as it took: its latency is that of reading, '
                'estimating and answering, without transport and without a budget']
        for why, count in self._unread.most_common(MOST_SAID):
            said.append(f'{count} frames could not be used: {why}')
        if len(self._unread) > MOST_SAID:
            said.append(f'other frames could not be used for {len(self._unread) - MOST_SAID} more reasons')
        if self._relative:
            said.append(f'{self._relative} frames have depth without a unit, which is compared with nothing: '
                        'set scale to median or affine, with metric depths in the bag')
        return said


def view_of(frame: Any, answer: StereoAnswer | DepthAnswer, disparity_right: Map | None = None) -> View:
    """What is judged of an answer to a frame; its maps are made here."""
    stereo = isinstance(answer, StereoAnswer) and isinstance(frame, StereoFrame)
    if not stereo:
        return View(answer.image, answer.camera, answer.depth, answer.confidence)
    return View(answer.image, answer.camera, answer.depth, answer.confidence, frame.camera,
                answer.disparity.values, frame.right, disparity_right)
