"""
A node that makes depth of one camera's images, within a latency budget, whatever its network is.

image_rect, camera_info -> inputs -> newest -> read, estimate, publish
sparse_depth/image or sparse_points, where they come -> online_scale
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_models.estimators.mono import ImageEstimator, MonoEstimator
from depth_models.frames import MonoEstimate, MonoFrame
from depth_nodes.answers import DepthAnswer, VirtualPairParams
from depth_nodes.budgeted import NetworkParams, Plan
from depth_nodes.conversions import MONO_TOPICS, MonoMessages, read_mono
from depth_nodes.frame_node import FrameNode
from depth_nodes.health import Health, Remarks
from depth_nodes.inputs import SynchronizedInputs, Topic
from depth_nodes.online_scale import OnlineScale, ScaleParams
from depth_nodes.outputs import TOPICS, DepthOutputs, OutputParams
from depth_nodes.parameters import param
from depth_nodes.sparse_depth import SparseDepth
from depth_nodes.transforms import PointsToCamera


@dataclass(frozen=True)
class ImageParams(NetworkParams, OutputParams, VirtualPairParams, ScaleParams):
    """The parameters of every node whose network sees one image."""

    use_color: bool = param(
        True, 'Give the network and the points the colours of the images; false: their grey.', live=True)


class ImageNode(FrameNode):

    def __init__(self, name: str, params_type: type[ImageParams],
                 load: Callable[[Any], ImageEstimator], **kwargs: Any) -> None:
        """load: makes the estimator of the parameters."""
        super().__init__(name, params_type, **kwargs)
        self.load = load

    def while_configured(self, keep: ExitStack) -> None:
        params = self.params.now
        self.estimator = self.load(params)
        self.estimator.warm_up(params.scales())
        self.say_ready(self.estimator.describe())
        self.outputs = keep.enter_context(DepthOutputs(
            self, self.follow_listeners, relative=not self.estimator.metric))

    def while_active(self, keep: ExitStack) -> None:
        params = self.params.now
        transform = PointsToCamera(self, params.points_to_camera)
        self.sparse = SparseDepth(transform)
        if params.scale != 'none':
            transform.listen(keep)
        topics = dict(zip(MONO_TOPICS, (Topic(Image), Topic(CameraInfo)), strict=True))
        self.inputs = SynchronizedInputs(
            self, topics, params, self.receive,
            beside=self.sparse.topics() if params.scale != 'none' else {})
        health = keep.enter_context(Health(self, self.inputs, self.estimator.describe()))
        self.scale = OnlineScale(
            self, params, self.sparse, metric=self.estimator.metric, ignore=health.ignore)
        self.newest = self.answer_frames(keep, self, self.estimator, health, used='seen')

    def receive(self, image: Image, info: CameraInfo, arrival: float) -> None:
        self.newest.put(MonoMessages(image, info, arrival))

    # on the worker's thread, one frame after the other; what they raise, the health reports

    def read(self, messages: MonoMessages, params: ImageParams) -> MonoFrame:
        return read_mono(messages, grey=not params.use_color)

    def estimate(self, header: Header, frame: MonoFrame, params: ImageParams, plan: Plan) -> MonoEstimate:
        return self.estimator.compute(frame.image, **plan._asdict())

    def answer(self, header: Header, frame: MonoFrame, estimate: MonoEstimate, params: ImageParams
               ) -> DepthAnswer | None:
        """What is published of an estimate, once a frame; None as long as its depth has no unit."""
        depth = self.scale.apply(header, frame, estimate, params)
        if depth is None:
            return None
        return DepthAnswer(frame, depth, estimate.confidence, estimate.stage, params.virtual_baseline, params)

    def publish(self, header: Header, frame: MonoFrame, estimate: MonoEstimate, params: ImageParams, *,
                send: bool) -> Remarks:
        if not estimate.metric:
            self.outputs.publish_relative(header, estimate.depth, send=send)
        answer = self.answer(header, frame, estimate, params)
        if answer is not None:
            self.outputs.publish(header, answer, params, send=send)
        return self.scale.remarks(metric_wanted=bool(self.outputs.wanted() & TOPICS.keys()))


def mono_estimator(kind: str, weights: str, **options: Any) -> MonoEstimator:
    """The shipped or own weights of a kind of network; another kind's are a ValueError."""
    estimator = MonoEstimator.from_pretrained(weights, **options)
    if (found := estimator.describe()['model']) != kind:
        raise ValueError(f'weights: {weights} holds a {found}, expected {kind}')
    return estimator
