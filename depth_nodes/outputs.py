"""
The topics that every depth node publishes, each computed and sent only when somebody listens.

disparity, depth/image_rect, depth/camera_info, points, confidence, depth/image_color; all under the
input's header, so that exact synchronization works downstream. A network whose depth has no unit
publishes relative_depth/image, and the others only while a scale is fitted.
"""

import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from rclpy.event_handler import PublisherEventCallbacks, QoSPublisherEventType
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

from depth_models.frames import Camera, Map, StereoCamera
from depth_models.frames import Image as Pixels
from depth_models.images import depth_in_colour
from depth_nodes import conversions
from depth_nodes.parameters import Checked, param

TOPICS = {
    'disparity': DisparityImage,
    'depth/image_rect': Image,
    'depth/camera_info': CameraInfo,
    'points': PointCloud2,
    'confidence': Image,
    'depth/image_color': Image,
}
RELATIVE = 'relative_depth/image'
DELTA_D = 1 / 16  # px; values are not rounded to it, it is the step that OpenCV's matchers have
COLOUR_NEAREST, COLOUR_FARTHEST = 0.3, 30.0  # m, of depth/image_color within the range asked for


@dataclass(frozen=True)
class OutputParams(Checked):
    """The parameters of every node that publishes depth."""

    min_range: float = param(
        0.0, 'Nearest depth published, along the optical axis [m].', low=0.0, high=1000.0, live=True)
    max_range: float = param(
        100.0, 'Farthest depth published, along the optical axis [m].', low=0.01, high=10000.0,
        live=True)
    confidence_threshold: float = param(
        0.0, 'Pixels less sure than this are published as unknown.', low=0.0, high=1.0, live=True)
    openni_depth_mode: bool = param(
        False, 'depth/image_rect as 16UC1 millimetres, 0 = unknown; false: 32FC1 metres, NaN.',
        live=True)
    decimation: int = param(
        1, 'Every n-th row and column of the point cloud.', low=1, high=64, live=True)
    point_cloud_rate: float = param(
        0.0, 'Point clouds a second at most [Hz]; 0.0: one for every frame.', low=0.0, high=1000.0,
        live=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_range >= self.max_range:
            raise ValueError(f'min_range must be below max_range, '
                             f'got {self.min_range} and {self.max_range} m')


class Disparity(NamedTuple):
    """Of the pixels of the left image."""

    values: Map  # px: left column - right column, NaN where unknown
    camera: StereoCamera
    low: float  # px, the range that was searched
    high: float
    virtual: bool = False  # there is no right image that ends anywhere


class Answer(Protocol):
    """What was found in one frame."""

    @property
    def image(self) -> Pixels: ...  # whose colours the points have

    @property
    def camera(self) -> Camera: ...  # of the image

    @property
    def info(self) -> CameraInfo | None: ...  # of the camera; None: nothing but what `camera` tells

    @property
    def depth(self) -> Map: ...  # m, NaN where unknown or not wanted

    @property
    def confidence(self) -> Map: ...

    @property
    def disparity(self) -> Disparity: ...

    @property
    def stage(self) -> int: ...  # that it comes from


class DepthOutputs:
    """The publishers; `on_listeners` is called when the first listener comes or the last one goes."""

    def __init__(self, node: Node, on_listeners: Callable[[], None], *, stages: int = 0,
                 relative: bool = False) -> None:
        """stages: of the model, for as many topics disparity/stage_1 ... beside the usual ones.

        relative: the model's depth may have no unit: relative_depth/image beside the usual ones.
        """
        self._node, self._on_listeners = node, on_listeners
        self._stage_topics = [f'disparity/stage_{stage}' for stage in range(1, stages + 1)]
        self._topics = {**TOPICS, **dict.fromkeys(self._stage_topics, DisparityImage),
                        **({RELATIVE: Image} if relative else {})}
        self._next_cloud = 0.0  # monotonic s
        self._cloud: PointCloud2 | None = None  # the last one; publishing has copied it
        self._had_listeners = False

    def __enter__(self) -> 'DepthOutputs':
        qos = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.RELIABLE)
        # Humble has no matched events: there a timer looks
        matched = hasattr(QoSPublisherEventType, 'RCL_PUBLISHER_MATCHED')
        events = {'matched': lambda _: self._look()} if matched else {}
        self._publishers = {
            name: self._node.create_publisher(
                kind, name, qos, event_callbacks=PublisherEventCallbacks(**events),
                qos_overriding_options=QoSOverridingOptions.with_default_policies())
            for name, kind in self._topics.items()}
        self._timer = None if matched else self._node.create_timer(0.2, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)

    def _look(self) -> None:
        has = bool(self.wanted())
        if has != self._had_listeners:
            self._had_listeners = has
            self._on_listeners()

    def wanted(self) -> set[str]:
        """The names that somebody listens to."""
        return {name for name, publisher in self._publishers.items()
                if publisher.get_subscription_count() > 0}

    def stages_wanted(self) -> bool:
        """Somebody listens to what a stage gives before the last one has run."""
        return any(self._publishers[name].get_subscription_count() for name in self._stage_topics)

    def publish_stage(self, header: Header, answer: Answer) -> None:
        """Send the disparity of a stage on its own topic, when somebody listens to that one."""
        name = f'disparity/stage_{answer.stage}'
        if name in self._stage_topics and self._publishers[name].get_subscription_count():
            self._publishers[name].publish(_disparity_message(header, answer.disparity))

    def publish_relative(self, header: Header, depth: Map, *, send: bool = True) -> None:
        """Send depth that has no unit, when somebody listens to it."""
        if RELATIVE in self.wanted():
            message = conversions.depth_message(header, depth)
            if send:
                self._publishers[RELATIVE].publish(message)

    def publish(self, header: Header, answer: Answer, params: OutputParams, *, send: bool = True) -> None:
        """Send what is wanted of an answer.

        send: false builds the messages and sends none, to learn what building costs.
        """
        for name, message in self.messages(header, answer, params, self.wanted()):
            if send:
                self._publishers[name].publish(message)

    def messages(self, header: Header, answer: Answer, params: OutputParams, wanted: Set[str]
                 ) -> Iterator[tuple[str, object]]:
        """(topic, message) of those that are wanted; a cloud is good until the next one is made."""
        if 'disparity' in wanted:
            yield 'disparity', _disparity_message(header, answer.disparity)
        if (stage_topic := f'disparity/stage_{answer.stage}') in wanted:
            yield stage_topic, _disparity_message(header, answer.disparity)
        if 'depth/image_rect' in wanted:
            yield 'depth/image_rect', conversions.depth_message(
                header, answer.depth, openni_depth_mode=params.openni_depth_mode)
        if 'depth/camera_info' in wanted:
            yield 'depth/camera_info', (conversions.camera_info_message(header, answer.camera)
                                        if answer.info is None else answer.info)
        if 'confidence' in wanted:
            yield 'confidence', conversions.confidence_message(header, answer.confidence)
        if 'points' in wanted and self._cloud_is_due(params.point_cloud_rate):
            self._cloud = conversions.points_message(
                header, answer.depth, answer.image, answer.camera, decimation=params.decimation,
                reuse=self._cloud)
            yield 'points', self._cloud
        if 'depth/image_color' in wanted:
            near = max(params.min_range, COLOUR_NEAREST)
            colours = depth_in_colour(answer.depth, near, max(min(params.max_range, COLOUR_FARTHEST),
                                                              2 * near))
            yield 'depth/image_color', conversions.color_depth_message(header, colours)

    def _cloud_is_due(self, rate: float) -> bool:
        if rate <= 0:
            return True
        now = time.monotonic()
        if now < self._next_cloud:
            return False
        # a steady beat, unless we are late by more than one
        self._next_cloud = max(self._next_cloud + 1 / rate, now)
        return True


def _disparity_message(header: Header, disparity: Disparity) -> DisparityImage:
    return conversions.disparity_message(
        header, disparity.values, disparity.camera, min_disparity=disparity.low,
        max_disparity=disparity.high, delta_d=DELTA_D, virtual=disparity.virtual)
