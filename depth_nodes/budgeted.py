"""
What every node does with a frame on its worker's thread: read, estimate and publish it in time.

A node brings the three functions; which scale and which deadline the estimate gets, what does not fit
the budget, and the times that go to the health are worked out here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from rclpy.node import Node
from std_msgs.msg import Header

from depth_models.budget import MEMORY, StageCosts
from depth_models.engines import DEVICES, ENGINES, PRECISIONS
from depth_models.estimators.prepared import SCALES, Size
from depth_nodes.health import FrameReport, Health, Remarks
from depth_nodes.input_params import InputParams
from depth_nodes.inputs import SynchronizedInputs
from depth_nodes.lifecycle import ManagedParams
from depth_nodes.parameters import param

PLANNED = 0.96  # of the budget; the rest is for what no recent frame has shown
BEFORE, PUBLISHING = 'before', 'publishing'  # the parts of a frame that are not the estimator's


@dataclass(frozen=True)
class NetworkParams(InputParams, ManagedParams):
    """The parameters of every node that runs a network within a latency budget."""

    engine: str = param('auto', 'What runs the network; auto: the fastest one installed.',
                        choices=ENGINES)
    device: str = param('auto', 'Where the network runs; auto: on a GPU if there is one.',
                        choices=DEVICES)
    precision: str = param(
        'auto', 'Arithmetic of the network; auto: bf16 with openvino where the processor has it, else fp32.',
        choices=PRECISIONS)
    num_threads: int = param(
        0, 'Threads of the network; 0: as many as the machine has cores.', low=0, high=256)
    latency_budget_ms: float = param(
        100.0, 'From the arrival of the last message of a set to the last output [ms].',
        low=1.0, high=10000.0, live=True)
    allow_downscale: bool = param(
        True, 'Use smaller images when not even stage 1 fits the budget at full size.', live=True)

    stage = 0  # as far as the budget allows; a parameter of nodes whose network has several

    def engine_options(self) -> dict[str, Any]:
        """What every estimator asks for."""
        return {'engine': self.engine, 'device': self.device, 'precision': self.precision,
                'num_threads': self.num_threads}

    def scales(self) -> tuple[float, ...]:
        """Of the images, those that may be used: under load there is no time to get ready."""
        return SCALES if self.allow_downscale and self.stage == 0 else (1.0,)


class Plan(NamedTuple):
    """How to estimate a frame: the arguments of every estimator's `compute`."""

    stage: int
    deadline: float  # monotonic s
    scale: float


REHEARSAL = Plan(stage=0, deadline=float('inf'), scale=1.0)  # to get ready; nothing of it may be sent


class Messages(Protocol):
    """A synchronized set."""

    @property
    def arrival(self) -> float: ...  # of the last message [monotonic s]

    @property
    def header(self) -> Header: ...  # of what is published


class Frame(Protocol):
    @property
    def size(self) -> Size: ...


class Estimator(Protocol):
    """A PreparedEstimator, or several of them in turns."""

    def make_ready(self, size: Size, scales: Sequence[float] = (1.0,)) -> bool: ...

    def scale_for(self, size: Size, seconds: float) -> float: ...

    def least_cost(self, size: Size, scale: float = 1.0) -> float: ...


class Work(Protocol):
    """What a node does with a frame, step by step."""

    def read(self, messages: Any, params: Any) -> Any:
        """Messages to a Frame; ValueError where they cannot be used."""

    def estimate(self, header: Header, frame: Any, params: Any, plan: Plan) -> Any:
        """What the estimator says; `plan` is REHEARSAL when nothing may be sent."""

    def publish(self, header: Header, frame: Any, estimate: Any, params: Any, *, send: bool) -> Remarks:
        """Messages are built, and sent if asked to; what there is to say about it."""


class BudgetedFrames:
    """Answers one set after the other on the worker's thread. What `answer` raises, the health reports."""

    def __init__(self, node: Node, work: Work, params: Callable[[], NetworkParams],
                 estimator: Estimator, inputs: SynchronizedInputs, health: Health, *,
                 used: str) -> None:
        """params: the present ones. used: what is done to images, for people: 'matched'."""
        self._node, self._work, self._params, self._used = node, work, params, used
        self._estimator, self._inputs, self._health = estimator, inputs, health
        self._costs = StageCosts()  # beside the estimator's own
        self._ready_since = time.monotonic()
        self._idle_since = self._behind_since = float('-inf')  # of the worker; monotonic s

    def answer(self, messages: Messages) -> None:
        """Read, estimate, publish."""
        params, header = self._params(), messages.header
        started = time.monotonic()
        if messages.arrival < self._ready_since:  # waited while the engine got ready: too old
            self._health.drop()
            return
        self._inputs.refuse_old(header.stamp, params.max_image_age_ms)
        frame = self._work.read(messages, params)
        converted = time.monotonic()
        if not self._estimator.make_ready(frame.size, params.scales()):
            self._rehearse(header, frame, params, converted)
            return
        if messages.arrival < self._idle_since:  # it came while the one before was in work
            self._behind_since = started
        plan, publishing, shortfall = self._plan(frame.size, messages.arrival, converted, params)
        if started - self._behind_since < MEMORY and (period := self._inputs.period()) is not None:
            # a coarser answer to every set rather than a better one to some of them
            plan = plan._replace(deadline=min(plan.deadline, started + period - publishing))
        estimate = self._work.estimate(header, frame, params, plan)
        estimated = time.monotonic()
        remarks = self._work.publish(header, frame, estimate, params, send=True)
        self._idle_since = published = time.monotonic()
        self._costs.add(PUBLISHING, frame.size, published - estimated, published)
        self._costs.add(BEFORE, frame.size, converted - messages.arrival, converted)
        self._health.answer(FrameReport(
            header, estimate.network, estimate.stage, plan.scale, shortfall,
            total=published - messages.arrival, budget=params.latency_budget_ms / 1e3, remarks=remarks,
            parts={'queue': started - messages.arrival, 'conversion': converted - started,
                   **estimate.seconds, PUBLISHING: published - estimated}))

    def _rehearse(self, header: Header, frame: Frame, params: NetworkParams, converted: float) -> None:
        """What a first frame needs is allocated; its answer would come too late."""
        estimate = self._work.estimate(header, frame, params, REHEARSAL)
        self._work.publish(header, frame, estimate, params, send=False)
        self._ready_since = time.monotonic()
        self._health.drop()
        self._node.get_logger().info(
            f'ready for images of {_words(frame.size)} after {self._ready_since - converted:.1f} s; '
            f'sets that waited are dropped')

    def _plan(self, size: Size, arrival: float, now: float, params: NetworkParams
              ) -> tuple[Plan, float, str]:
        """The plan for a set, what publishing will cost [s], and what the budget does not allow."""
        budget = PLANNED * params.latency_budget_ms / 1e3
        before, publishing = (self._costs.predict(part, size, now) for part in (BEFORE, PUBLISHING))
        scale, shortfall = 1.0, ''
        if params.stage == 0:  # a stage that is asked for runs, whatever it takes
            room = budget - before - publishing
            scale = self._estimator.scale_for(size, room) if params.allow_downscale else 1.0
            shortfall = self._shortfall(size, scale, room, params)
        return Plan(params.stage, arrival + budget - publishing, scale), publishing, shortfall

    def _shortfall(self, size: Size, scale: float, room: float, params: NetworkParams) -> str:
        """What the budget does not allow, in a sentence; '' where stage 1 fits at full size.

        room: what the budget leaves for the estimator [s].
        """
        fits = self._estimator.least_cost(size, scale) <= room
        if scale == 1.0 and fits:
            return ''
        needed = params.latency_budget_ms + 1e3 * (self._estimator.least_cost(size) - room)
        text = (f'latency_budget_ms is {params.latency_budget_ms:.0f}, but stage 1 at '
                f'{_words(size)} needs {needed:.0f}')
        if scale < 1.0:
            text += f'; images are {self._used} at {scale:g} of their size'
        if not fits:
            text += ', which breaks the budget; ' + (
                'even that is too slow' if params.allow_downscale else 'set allow_downscale')
        return text


def _words(size: Size) -> str:
    return f'{size[1]}x{size[0]}'
