"""
Stereo node: a rectified pair in; disparity, depth, confidence, points out, within a latency budget.

left/image_rect, left/camera_info, right/... -> inputs -> newest -> process -> outputs
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, Image

from depth_models.budget import RecentCosts
from depth_models.estimators.stereo import DEVICES, ENGINES, StereoMatcher
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


@dataclass(frozen=True)
class StereoParams(InputParams, OutputParams):
    """Every parameter of the stereo node; config/stereo.yaml and the README follow it."""

    autostart: bool = param(True, 'Configure and activate at start; false: wait for transitions.')
    weights: str = param('anynet', 'Shipped weights by name, or the path of a .safetensors file.')
    engine: str = param('auto', 'What runs the network; auto: the fastest one installed.',
                        choices=ENGINES)
    device: str = param('auto', 'Where the network runs; auto: on a GPU if there is one.',
                        choices=DEVICES)
    num_threads: int = param(
        0, 'Threads of the network; 0: as many as the machine has cores.', low=0, high=256)
    stage: int = param(0, 'Last stage to run; 0: as far as the latency budget allows.',
                       low=0, high=4, live=True)
    latency_budget_ms: float = param(
        100.0, 'From the arrival of the last message of a set to the last output [ms].',
        low=1.0, high=10000.0, live=True)
    min_disparity: int = param(
        0, 'Start of the searched range [px]; negative for cameras that converge.',
        low=-512, high=512)
    max_disparity: int = param(
        192, 'End of the searched range [px]; the range is rounded up to a multiple of 16 px.',
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
        self.matcher = StereoMatcher.from_pretrained(
            params.weights, engine=params.engine, device=params.device,
            num_threads=params.num_threads, min_disparity=params.min_disparity,
            max_disparity=params.max_disparity)
        self.matcher.warm_up()
        self.get_logger().info(
            'ready: ' + ', '.join(f'{key} {value}' for key, value in self.matcher.describe().items()))
        self.publishing = RecentCosts()
        self.outputs = keep.enter_context(DepthOutputs(self, self.follow_listeners))

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
        self.inputs.refuse_old(header.stamp, params.max_image_age_ms)
        frame = read_stereo(messages, grey=not params.use_color)
        converted = time.monotonic()
        budget = params.latency_budget_ms / 1e3
        publishing = self.publishing.high('all', converted) or 0.0
        estimate = self.matcher.compute(
            frame.left, frame.right, stage=params.stage,
            deadline=messages.arrival + budget - publishing)
        estimated = time.monotonic()
        self.outputs.publish(header, frame, estimate, params)
        published = time.monotonic()
        self.publishing.add('all', published - estimated, published)
        self.health.answer(FrameReport(
            header, estimate.stage, total=published - messages.arrival, budget=budget,
            parts={'queue': started - messages.arrival, 'conversion': converted - started,
                   **estimate.seconds, 'publishing': published - estimated}))


def main() -> None:
    run(StereoNode)


if __name__ == '__main__':
    main()
