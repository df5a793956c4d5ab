"""
Stereo node: a rectified pair in; disparity, depth, confidence, points out, within a latency budget.

left/image_rect, left/camera_info, right/... -> inputs -> newest -> process -> outputs
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_models.budget import MEMORY, StageCosts
from depth_models.engines import DEVICES, ENGINES, PRECISIONS
from depth_models.estimators.stereo import SCALES
from depth_models.estimators.stereo_by_budget import AUTO, load_matcher
from depth_models.frames import StereoEstimate, StereoFrame
from depth_models.networks.stereo_networks import STAGES
from depth_nodes.conversions import StereoMessages, read_stereo
from depth_nodes.health import FrameReport, Health
from depth_nodes.inputs import InputParams, SynchronizedInputs
from depth_nodes.lifecycle import ManagedNode, run
from depth_nodes.newest import NewestFrame
from depth_nodes.outputs import DepthOutputs, OutputParams
from depth_nodes.parameters import Parameters, param
from depth_nodes.standins import passed_over

TOPICS = {'left/image_rect': Image, 'left/camera_info': CameraInfo,
          'right/image_rect': Image, 'right/camera_info': CameraInfo}
PLANNED = 0.96  # of the budget; the rest is for what no recent frame has shown
BEFORE, PUBLISHING = 'before', 'publishing'  # the parts of a frame that are not the matcher's


@dataclass(frozen=True)
class StereoParams(InputParams, OutputParams):
    """Every parameter of the stereo node; config/stereo.yaml and the README follow it."""

    autostart: bool = param(True, 'Configure and activate at start; false: wait for transitions.')
    weights: str = param(AUTO, 'anynet: the quick network; anynet_wide: the more accurate one; auto: the one '
                         'that suits the time there is; or the path of a .safetensors file.')
    engine: str = param('auto', 'What runs the network; auto: the fastest one installed.',
                        choices=ENGINES)
    device: str = param('auto', 'Where the network runs; auto: on a GPU if there is one.',
                        choices=DEVICES)
    precision: str = param(
        'auto', 'Arithmetic of the network; auto: bf16 with openvino where the processor has it, else fp32.',
        choices=PRECISIONS)
    num_threads: int = param(
        0, 'Threads of the network; 0: as many as the machine has cores.', low=0, high=256)
    stage: int = param(0, 'Last stage to run; 0: as far as the latency budget allows.',
                       low=0, high=4, live=True)
    latency_budget_ms: float = param(
        100.0, 'From the arrival of the last message of a set to the last output [ms].',
        low=1.0, high=10000.0, live=True)
    allow_downscale: bool = param(
        True, 'Match smaller images when not even stage 1 fits the budget at full size.', live=True)
    publish_intermediate: bool = param(
        False, 'Publish the disparity of every stage on disparity/stage_1 ... as soon as it is there.')
    min_disparity: int = param(
        0, 'Start of the searched range [px]; negative for cameras that converge.',
        low=-512, high=512)
    max_disparity: int = param(
        192, 'End of the searched range [px]; the range is rounded up to a multiple of 32 px, of 16 px '
        'with anynet.',
        low=-496, high=2048)
    use_color: bool = param(
        True, 'Match and colour points with the colours of the images; false: with their grey.',
        live=True)


class StereoNode(ManagedNode):

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('stereo_node', **kwargs)
        self.params = Parameters(self, StereoParams)
        for sentence in passed_over():
            self.get_logger().warning(sentence)

    def while_configured(self, keep: ExitStack) -> None:
        params = self.params.now
        self.matcher = load_matcher(
            params.weights, engine=params.engine, precision=params.precision,
            device=params.device, num_threads=params.num_threads, min_disparity=params.min_disparity,
            max_disparity=params.max_disparity)
        self.matcher.warm_up(self.scales())
        self.ready_since = time.monotonic()
        self.idle_since = self.behind_since = float('-inf')  # of the worker; monotonic s
        self.get_logger().info(
            'ready: ' + ', '.join(f'{key} {value}' for key, value in self.matcher.describe().items()))
        self.costs = StageCosts()  # beside the matcher's own
        self.outputs = keep.enter_context(DepthOutputs(
            self, self.follow_listeners, stages=STAGES if params.publish_intermediate else 0))

    def while_active(self, keep: ExitStack) -> None:
        self.inputs = SynchronizedInputs(self, TOPICS, self.params.now, self.receive)
        self.health = keep.enter_context(Health(self, self.inputs, self.matcher.describe()))
        self.newest = keep.enter_context(
            NewestFrame(self.process, self.health.reject, self.health.drop))
        keep.callback(self.inputs.close)  # closes first: no frame comes any more

    def activated(self) -> None:
        self.follow_listeners()

    def follow_listeners(self) -> None:
        """Subscribe while somebody listens: without a listener there is no work and no traffic."""
        if self.is_active:
            self.inputs.keep_open(bool(self.outputs.wanted()))

    def receive(self, left: Image, left_info: CameraInfo, right: Image, right_info: CameraInfo,
                arrival: float) -> None:
        self.newest.put(StereoMessages(left, left_info, right, right_info, arrival))

    def process(self, messages: StereoMessages) -> None:
        """Answer one set, on the worker's thread. What it raises, the health reports."""
        params, header = self.params.now, messages.left.header
        started = time.monotonic()
        if messages.arrival < self.ready_since:  # waited while the engine got ready: too old
            self.health.drop()
            return
        self.inputs.refuse_old(header.stamp, params.max_image_age_ms)
        frame = read_stereo(messages, grey=not params.use_color)
        converted = time.monotonic()
        size = frame.left.shape[0], frame.left.shape[1]
        if not self.matcher.make_ready(size, self.scales()):
            self.outputs.publish(header, frame, self.matcher.compute(frame.left, frame.right), params,
                                 send=False)  # what it needs is allocated now
            self.ready_since = time.monotonic()
            self.health.drop()
            self.get_logger().info(f'ready for images of {size[1]}x{size[0]} after '
                                   f'{self.ready_since - converted:.1f} s; sets that waited are dropped')
            return
        budget = params.latency_budget_ms / 1e3
        before, publishing = (
            self.costs.predict(part, size, converted) for part in (BEFORE, PUBLISHING))
        scale, shortfall = 1.0, ''
        if params.stage == 0:  # a stage that is asked for runs, whatever it takes
            room = PLANNED * budget - before - publishing
            scale = self.matcher.scale_for(size, room) if params.allow_downscale else 1.0
            shortfall = self.shortfall(size, scale, room, params)
        deadline = messages.arrival + PLANNED * budget - publishing
        if messages.arrival < self.idle_since:  # it came while the one before was in work
            self.behind_since = started
        if started - self.behind_since < MEMORY and (period := self.inputs.period()) is not None:
            # a coarser answer to every set rather than a better one to some of them
            deadline = min(deadline, started + period - publishing)
        estimate = self.matcher.compute(
            frame.left, frame.right, stage=params.stage, deadline=deadline, scale=scale,
            on_stage=partial(self.publish_stage, header, frame)
            if self.outputs.stages_wanted() else None)
        estimated = time.monotonic()
        self.outputs.publish(header, frame, estimate, params)
        self.idle_since = published = time.monotonic()
        self.costs.add(PUBLISHING, size, published - estimated, published)
        self.costs.add(BEFORE, size, converted - messages.arrival, converted)
        self.health.answer(FrameReport(
            header, estimate.network, estimate.stage, scale, shortfall,
            total=published - messages.arrival, budget=budget,
            parts={'queue': started - messages.arrival, 'conversion': converted - started,
                   **estimate.seconds, PUBLISHING: published - estimated}))

    def scales(self) -> tuple[float, ...]:
        """Of the images, those that may be matched: under load there is no time to get ready."""
        params = self.params.now
        return SCALES if params.allow_downscale and params.stage == 0 else (1.0,)

    def shortfall(self, size: tuple[int, int], scale: float, room: float,
                  params: StereoParams) -> str:
        """What the budget does not allow, in a sentence; '' where stage 1 fits at full size.

        room: what the budget leaves for the matcher [s].
        """
        fits = self.matcher.least_cost(size, scale) <= room
        if scale == 1.0 and fits:
            return ''
        needed = params.latency_budget_ms + 1e3 * (self.matcher.least_cost(size) - room)
        text = (f'latency_budget_ms is {params.latency_budget_ms:.0f}, but stage 1 at '
                f'{size[1]}x{size[0]} needs {needed:.0f}')
        if scale < 1.0:
            text += f'; images are matched at {scale:g} of their size'
        if not fits:
            text += ', which breaks the budget; ' + (
                'even that is too slow' if params.allow_downscale else 'set allow_downscale')
        return text

    def publish_stage(self, header: Header, frame: StereoFrame, estimate: StereoEstimate) -> None:
        self.outputs.publish_stage(header, frame, estimate, self.params.now)


def main() -> None:
    run(StereoNode)


if __name__ == '__main__':
    main()
