"""
Super-resolution node: depth of low resolution in; depth, points, confidence of high resolution out.

low_res/image_rect, low_res/camera_info; image_rect, camera_info where they come -> inputs -> newest -> read,
estimate, publish
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_models.estimators.relative_depth import MONO_UNET, SOURCES
from depth_models.estimators.super_resolution_by_budget import AUTO, METHODS, load_upscaler
from depth_models.frames import SuperResolutionEstimate
from depth_models.networks.depth_gan import FACTORS
from depth_models.networks.super_resolution_networks import GUIDED
from depth_nodes.answers import DepthAnswer, VirtualPairParams
from depth_nodes.budgeted import NetworkParams, Plan
from depth_nodes.frame_node import FrameNode
from depth_nodes.health import Health, Remarks
from depth_nodes.inputs import SynchronizedInputs, Topic
from depth_nodes.lifecycle import run
from depth_nodes.low_res import (
    GUIDE,
    INFO,
    LOW_RES,
    LOW_RES_INFO,
    LowResFrame,
    LowResMessages,
    LowResReader,
)
from depth_nodes.outputs import RELATIVE, DepthOutputs, OutputParams
from depth_nodes.parameters import param

TOPIC = 'topic'  # relative depth comes from elsewhere
SCALE_FACTORS = (0, *FACTORS)


@dataclass(frozen=True)
class SuperResolutionParams(NetworkParams, OutputParams, VirtualPairParams):
    """Every parameter of the super-resolution node; config/super_resolution.yaml and the README follow it."""

    scale_factor: int = param(
        0, f'Width and height of the depth in those of {LOW_RES}: 2, 4 or 8; 0: the resolution of {GUIDE}, '
        'and while that does not come, the one it last had.', low=0, high=max(FACTORS))
    weights: str = param(
        AUTO, 'Of the network that sees depth alone: auto: the shipped one of the next larger factor; '
        'depth_gan_x2, depth_gan_x4, depth_gan_x8: that one; or the path of a .safetensors file.')
    weights_guided: str = param(GUIDED, f'Of the network that sees {GUIDE} too, likewise.')
    use_image: bool = param(
        True, f'Be guided by {GUIDE}, and colour the points, while it comes; false: do not subscribe to it.')
    relative: str = param(
        MONO_UNET, f'Where the guided network has relative depth from: the shipped mono_unet; {TOPIC}: '
        f'{RELATIVE}, of the size of {GUIDE}, near is less than far; depth_anything_v2_... need the package '
        'transformers.', choices=(MONO_UNET, TOPIC, *(name for name in SOURCES if name != MONO_UNET)))
    method: str = param(
        AUTO, 'auto: the best one that the latency budget allows; guided, without an image depth_only; '
        'depth_only; bicubic.', choices=tuple(METHODS), live=True)
    fill_holes: bool = param(
        False, f'Depth where {LOW_RES} has none, too; false: it stays unknown.', live=True)
    use_color: bool = param(
        True, 'Give the networks and the points the colours of the images; false: their grey.', live=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale_factor not in SCALE_FACTORS:
            raise ValueError(f'scale_factor must be one of {", ".join(map(str, SCALE_FACTORS))}, '
                             f'got {self.scale_factor}')
        if not self.use_image and not self.scale_factor:
            raise ValueError('scale_factor must be 2, 4 or 8 when use_image is false, got 0, the resolution '
                             f'of {GUIDE}')
        if not self.use_image and self.method == 'guided':
            raise ValueError('method must be auto, depth_only or bicubic when use_image is false, got guided')

    @property
    def stage(self) -> int:  # type: ignore[override]  # not one to set: a method has it
        """That a method which is asked for ends with; 0: as far as the budget allows."""
        return METHODS[self.method]


class SuperResolutionNode(FrameNode):

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('super_resolution_node', SuperResolutionParams, **kwargs)

    def while_configured(self, keep: ExitStack) -> None:
        params = self.params.now
        self.estimator = load_upscaler(
            params.weights, params.weights_guided if params.use_image else '',
            '' if params.relative == TOPIC else params.relative,
            factors=(params.scale_factor,) if params.scale_factor else FACTORS, **params.engine_options())
        self.estimator.warm_up(params.scales())
        self.say_ready(self.estimator.describe())
        self.outputs = keep.enter_context(DepthOutputs(self, self.follow_listeners))

    def while_active(self, keep: ExitStack) -> None:
        params = self.params.now
        self.reader = LowResReader(params.scale_factor)
        self.inputs = SynchronizedInputs(self, topics(params), params, self.receive)
        health = keep.enter_context(Health(self, self.inputs, self.estimator.describe()))
        self.newest = self.answer_frames(keep, self, self.estimator, health, used='seen')

    def receive(self, low_res: Image, low_res_info: CameraInfo, *rest: Any) -> None:
        """rest: what of the image is among the topics (None while it is silent); the arrival."""
        *guide, arrival = rest
        image, info, relative = (*guide, None, None, None)[:3]
        self.newest.put(LowResMessages(low_res, low_res_info, image, info, relative, arrival))

    # on the worker's thread, one frame after the other; what they raise, the health reports

    def read(self, messages: LowResMessages, params: SuperResolutionParams) -> LowResFrame:
        return self.reader.read(messages, grey=not params.use_color)

    def estimate(self, header: Header, frame: LowResFrame, params: SuperResolutionParams, plan: Plan
                 ) -> SuperResolutionEstimate:
        height, width = frame.size[:2]
        return self.estimator.compute(
            frame.low_res, frame.image, frame.relative, size=(height, width), method=params.method,
            deadline=plan.deadline, scale=plan.scale, fill_holes=params.fill_holes)

    def answer(self, header: Header, frame: LowResFrame, estimate: SuperResolutionEstimate,
               params: SuperResolutionParams) -> DepthAnswer:
        """What is published of an estimate."""
        return DepthAnswer(frame, estimate.depth, estimate.confidence, estimate.stage,
                           params.virtual_baseline, params, frame.info)

    def publish(self, header: Header, frame: LowResFrame, estimate: SuperResolutionEstimate,
                params: SuperResolutionParams, *, send: bool) -> Remarks:
        self.outputs.publish(header, self.answer(header, frame, estimate, params), params, send=send)
        share = estimate.measured / frame.low_res.size
        return Remarks({'method': estimate.method, 'measured': estimate.measured,
                        'measured_share': f'{share:.6f}'}, _lack(frame, estimate, params))


def topics(params: SuperResolutionParams) -> dict[str, Topic]:
    """The inputs, in the order in which `receive` takes their messages."""
    found = {LOW_RES: Topic(Image, compressible=False), LOW_RES_INFO: Topic(CameraInfo)}
    if params.use_image:
        found |= {GUIDE: Topic(Image, optional=True), INFO: Topic(CameraInfo, optional=True)}
        if params.relative == TOPIC:
            found[RELATIVE] = Topic(Image, compressible=False, optional=True)
    return found


def _lack(frame: LowResFrame, estimate: SuperResolutionEstimate, params: SuperResolutionParams) -> str:
    if not estimate.measured:
        height, width = frame.low_res.shape
        return (f'nothing was measured: of {width}x{height} pixels none of {LOW_RES} has a depth that is '
                f'positive and finite; depth is NaN')
    if params.method == 'guided' != estimate.method:
        needed = [name for name, topic in topics(params).items() if topic.optional]
        return f'method is guided, but {", ".join(needed)} do not come: depth is {estimate.method}'
    return ''


def main() -> None:
    run(SuperResolutionNode)


if __name__ == '__main__':
    main()
