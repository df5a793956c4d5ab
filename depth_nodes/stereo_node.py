"""
Stereo node: a rectified pair in; disparity, depth, confidence, points out, within a latency budget.

left/image_rect, left/camera_info, right/... -> inputs -> newest -> read, estimate, publish
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_models.estimators.stereo_by_budget import AUTO, load_matcher
from depth_models.frames import StereoEstimate, StereoFrame
from depth_models.networks.stereo_networks import STAGES
from depth_nodes.answers import StereoAnswer
from depth_nodes.budgeted import REHEARSAL, NetworkParams, Plan
from depth_nodes.conversions import StereoMessages, read_stereo
from depth_nodes.frame_node import FrameNode
from depth_nodes.health import Health, Remarks
from depth_nodes.inputs import SynchronizedInputs, Topic
from depth_nodes.lifecycle import run
from depth_nodes.outputs import DepthOutputs, OutputParams
from depth_nodes.parameters import param

TOPICS = {'left/image_rect': Topic(Image), 'left/camera_info': Topic(CameraInfo),
          'right/image_rect': Topic(Image), 'right/camera_info': Topic(CameraInfo)}


@dataclass(frozen=True)
class StereoParams(NetworkParams, OutputParams):
    """Every parameter of the stereo node; config/stereo.yaml and the README follow it."""

    weights: str = param(AUTO, 'anynet: the quick network; anynet_wide: the more accurate one; auto: the one '
                         'that suits the time there is; or the path of a .safetensors file.')
    stage: int = param(0, 'Last stage to run; 0: as far as the latency budget allows.',
                       low=0, high=4, live=True)
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


class StereoNode(FrameNode):

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('stereo_node', StereoParams, **kwargs)

    def while_configured(self, keep: ExitStack) -> None:
        params = self.params.now
        self.estimator = load_matcher(
            params.weights, min_disparity=params.min_disparity, max_disparity=params.max_disparity,
            **params.engine_options())
        self.estimator.warm_up(params.scales())
        self.say_ready(self.estimator.describe())
        self.outputs = keep.enter_context(DepthOutputs(
            self, self.follow_listeners, stages=STAGES if params.publish_intermediate else 0))

    def while_active(self, keep: ExitStack) -> None:
        self.inputs = SynchronizedInputs(self, TOPICS, self.params.now, self.receive)
        health = keep.enter_context(Health(self, self.inputs, self.estimator.describe()))
        self.newest = self.answer_frames(keep, self, self.estimator, health, used='matched')

    def receive(self, left: Image, left_info: CameraInfo, right: Image, right_info: CameraInfo,
                arrival: float) -> None:
        self.newest.put(StereoMessages(left, left_info, right, right_info, arrival))

    # on the worker's thread, one frame after the other; what they raise, the health reports

    def read(self, messages: StereoMessages, params: StereoParams) -> StereoFrame:
        return read_stereo(messages, grey=not params.use_color)

    def estimate(self, header: Header, frame: StereoFrame, params: StereoParams, plan: Plan
                 ) -> StereoEstimate:
        def tell(estimate: StereoEstimate) -> None:
            self.outputs.publish_stage(header, StereoAnswer(frame, estimate, params))

        telling = plan is not REHEARSAL and self.outputs.stages_wanted()
        return self.estimator.compute(frame.left, frame.right, on_stage=tell if telling else None,
                                      **plan._asdict())

    def answer(self, header: Header, frame: StereoFrame, estimate: StereoEstimate, params: StereoParams
               ) -> StereoAnswer:
        """What is published of an estimate."""
        return StereoAnswer(frame, estimate, params)

    def publish(self, header: Header, frame: StereoFrame, estimate: StereoEstimate,
                params: StereoParams, *, send: bool) -> Remarks:
        self.outputs.publish(header, self.answer(header, frame, estimate, params), params, send=send)
        return Remarks()


def main() -> None:
    run(StereoNode)


if __name__ == '__main__':
    main()
