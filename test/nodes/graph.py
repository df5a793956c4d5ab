"""A node in its own process, and a peer beside it that sends sets and hears what comes out."""

import array
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

# a burst of a few sets must not end in the publisher
SENSOR_DATA = QoSProfile(depth=20, reliability=QoSReliabilityPolicy.BEST_EFFORT)
FX, BASELINE = 200.0, 0.25  # px, m
WIDTH, HEIGHT = 192, 96
FRAME_ID = 'left_optical'
OUTPUTS = {'disparity': DisparityImage, 'depth/image_rect': Image, 'depth/camera_info': CameraInfo,
           'points': PointCloud2, 'confidence': Image, 'depth/image_color': Image,
           'stereo_node/statistics': DiagnosticArray}
KINDS = {**OUTPUTS, 'relative_depth/image': Image}  # topics that can be listened to
INPUTS = {'left/image_rect': Image, 'left/camera_info': CameraInfo,
          'right/image_rect': Image, 'right/camera_info': CameraInfo}


def plane(disparity: int, *, width: int = WIDTH, height: int = HEIGHT, seed: int = 1
          ) -> tuple[np.ndarray, np.ndarray]:
    """Left and right view of a textured wall at one disparity [px], uint8 [H,W,3] RGB."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 3 + 1, (width + disparity) // 3 + 2, 3))
    wall = np.kron(blocks, np.ones((3, 3, 1)))
    wall = ((wall + np.roll(wall, 1, 1) + np.roll(wall, 1, 0)) / 3).astype(np.uint8)
    return (np.ascontiguousarray(wall[:height, :width]),
            np.ascontiguousarray(wall[:height, disparity:disparity + width]))


def image(pixels: np.ndarray, encoding: str = 'rgb8', **changed: Any) -> Image:
    """An Image of the pixels, then with fields changed to taste."""
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                    step=pixels[0].nbytes, data=array.array('B', pixels.tobytes()))
    for name, value in changed.items():
        setattr(message, name, value)
    return message


def info(*, p: dict[int, float] | None = None, width: int = WIDTH, height: int = HEIGHT,
         right: bool = False) -> CameraInfo:
    """The camera info of one side, with entries of P changed to taste."""
    message = CameraInfo(width=width, height=height)
    values = [FX, 0.0, width / 2, -FX * BASELINE if right else 0.0,
              0.0, FX, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    for index, value in (p or {}).items():
        values[index] = value
    message.p = values
    return message


def stereo_set(disparity: int = 20) -> dict[str, Any]:
    """The four messages of a good set, without stamps."""
    left, right = plane(disparity)
    return {'left/image_rect': image(left), 'left/camera_info': info(),
            'right/image_rect': image(right), 'right/camera_info': info(right=True)}


class NodeProcess:
    """A node as `ros2 run` would start it."""

    def __init__(self, log: Path, *arguments: str, executable: str = 'stereo_node', **parameters: Any
                 ) -> None:
        self._log = log
        command = [sys.executable, '-m', f'depth_nodes.{executable}', '--ros-args', *arguments]
        for name, value in parameters.items():
            command += ['-p', f'{name}:={str(value).lower() if isinstance(value, bool) else value}']
        with log.open('w') as file:
            self._process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT,
                env={**os.environ, 'RCUTILS_LOGGING_BUFFERED_STREAM': '0'})

    def log(self) -> str:
        return self._log.read_text()

    def running(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def exit_code(self, limit: float = 30.0) -> int:
        try:
            return self._process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def stop(self) -> int:
        """SIGINT, and the exit code; killed when it does not end."""
        if self.running():
            self.signal(signal.SIGINT)
        try:
            return self.exit_code()
        except subprocess.TimeoutExpired:  # and killed
            return self.exit_code()


class Graph:
    """The peer. Everything waits for a condition, never for a time."""

    def __init__(self, namespace: str, name: str = 'stereo_node',
                 good_set: Callable[[], dict[str, Any]] = stereo_set) -> None:
        """name: of the node that is tested. good_set: makes messages that it answers."""
        self._name, self._good_set = name, good_set
        self.node = rclpy.create_node('peer', namespace=namespace)
        self.executor = rclpy.executors.SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.heard: dict[str, list[Any]] = {}
        self._publishers: dict[str, Any] = {}
        self._listening: dict[str, Any] = {}
        self._stamp = 1000
        self.diagnostics: list[Any] = []
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnose, 10)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()

    def _diagnose(self, message: DiagnosticArray) -> None:
        self.diagnostics += [s for s in message.status if s.name.startswith(self._name)]

    def advertise(self, topics: dict[str, type] | None = None,
                  qos: QoSProfile = SENSOR_DATA) -> None:
        for topic, kind in (topics or INPUTS).items():
            # rclpy's own callback for an incompatible listener warns by a deprecated function
            self._publishers[topic] = self.node.create_publisher(
                kind, topic, qos, event_callbacks=PublisherEventCallbacks(use_default_callbacks=False))

    def unadvertise(self) -> None:
        for publisher in self._publishers.values():
            self.node.destroy_publisher(publisher)
        self._publishers = {}

    def listen(self, *topics: str) -> None:
        for topic in topics:
            self.heard.setdefault(topic, [])
            self._listening[topic] = self.node.create_subscription(
                self._kind(topic), topic, self.heard[topic].append, 10)

    def _kind(self, topic: str) -> type:
        if topic.endswith(('/statistics', '/metrics')):
            return DiagnosticArray
        return KINDS.get(topic, DisparityImage)

    def ignore(self, *topics: str) -> None:
        for topic in topics:
            self.node.destroy_subscription(self._listening.pop(topic))

    def connected(self) -> bool:
        """The node hears every publisher and publishes every topic that is listened to."""
        return bool(self._publishers) and all(
            p.get_subscription_count() for p in self._publishers.values()) and all(
            self.node.count_publishers(topic) for topic in self._listening)

    def send(self, messages: dict[str, Any], stamp: int | None = None,
             only: tuple[str, ...] = ()) -> int:
        """Publish a set under one stamp [s], a new one if none is given; the stamp is returned."""
        if stamp is None:
            self._stamp += 1
            stamp = self._stamp
        for topic, message in messages.items():
            if not only or topic in only:
                header = Header(frame_id=FRAME_ID)
                header.stamp.sec, header.stamp.nanosec = stamp, 123_456_789
                message.header = header
                self._publishers[topic].publish(message)
        return stamp

    def last_with(self, topic: str, stamp: int) -> Any:
        return next((m for m in reversed(self.heard[topic]) if m.header.stamp.sec == stamp), None)

    def answer(self, messages: dict[str, Any] | None = None, *topics: str, limit: float = 20.0
               ) -> dict[str, Any]:
        """Send a good set and wait for what it gives on the topics."""
        topics = topics or ('disparity',)
        stamp = self.send(messages or self._good_set())
        self.wait(lambda: all(self.last_with(topic, stamp) for topic in topics), limit,
                  f'no answer on {topics}')
        return {topic: self.last_with(topic, stamp) for topic in topics}

    def meet(self, messages: dict[str, Any] | None = None) -> None:
        """Send good sets, or these, until one is answered, then forget them.

        Each side finds the other at a time of its own, and what a best-effort publisher sends
        before both have is lost.
        """
        self.wait(self.connected, 60, 'the node does not come up')
        self._forget()
        answers = next(iter(self.heard.values()))
        end = time.monotonic() + 60
        while not answers:
            assert time.monotonic() < end, 'the node does not answer'
            stamp = self.send(messages or self._good_set())
            self._spin_until(lambda: bool(answers), 0.5)
        # the last set that was sent must not be heard later, as if it were an answer
        self._spin_until(lambda: bool(self.last_with(next(iter(self.heard)), stamp)), 2.0)
        self._forget()

    def _forget(self) -> None:
        for messages in self.heard.values():
            messages.clear()

    def _spin_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not condition():  # asked once a turn: it may send something
            if time.monotonic() >= end:
                return False
            self.executor.spin_once(timeout_sec=0.02)
        return True

    def wait(self, condition: Callable[[], Any], limit: float = 20.0, what: str = '') -> None:
        assert self._spin_until(condition, limit), f'timed out after {limit} s: {what}'

    def call(self, kind: type, name: str, request: Any, limit: float = 20.0, *, again: bool = False) -> Any:
        """again: ask twice; an answer is lost where the server does not know the client yet."""
        client = self.node.create_client(kind, name)
        try:
            self.wait(client.service_is_ready, limit, f'no service {name}')
            future = client.call_async(request)
            if again and not self._spin_until(future.done, limit / 4):
                future = client.call_async(request)
            self.wait(future.done, limit, f'no answer of {name}')
            return future.result()
        finally:
            self.node.destroy_client(client)

    def set_parameters(self, **values: Any) -> Any:
        """successful and reason, as `ros2 param set` shows them."""
        parameters: list[ParameterMessage] = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        return self.call(SetParametersAtomically, f'{self._name}/set_parameters_atomically',
                         SetParametersAtomically.Request(parameters=parameters)).result

    def get_parameter(self, name: str) -> Any:
        values = self.call(GetParameters, f'{self._name}/get_parameters',
                           GetParameters.Request(names=[name]), again=True).values
        return Parameter.from_parameter_msg(ParameterMessage(name=name, value=values[0])).value

    def state(self) -> str:
        found = self.call(GetState, f'{self._name}/get_state', GetState.Request(), again=True)
        return found.current_state.label

    def change_state(self, transition: int) -> bool:
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(ChangeState, f'{self._name}/change_state', request).success

    def diagnosed(self, level: bytes, text: str) -> bool:
        return any(s.level == level and text in s.message for s in self.diagnostics)


def node_and_peer(
        namespace: str, log: Path, listen: Sequence[str], *, name: str, good: Callable[[], dict[str, Any]],
        inputs: dict[str, type], meets: bool = True, executable: str = '',
        met: Callable[[Graph], object] = lambda graph: None, **parameters: Any) -> Iterator[Graph]:
    """A node and its peer, met; both end with the fixture that yields from here.

    name: of the node, and of its executable unless that is given. good: a set that it answers.
    """
    graph = Graph(namespace, name, good)
    graph.advertise(inputs)
    graph.listen(*listen)
    graph.process = NodeProcess(log, '-r', f'__ns:=/{namespace}', '-r', f'__node:={name}',
                                executable=executable or name, **parameters)
    try:
        if meets:
            graph.meet()
            met(graph)
        yield graph
    finally:
        code = graph.process.stop()
        graph.close()
    assert code == 0, graph.process.log()


def floats(message: Image) -> np.ndarray:
    """A 32FC1 image's values [H,W]."""
    assert message.encoding == '32FC1' and not message.is_bigendian
    return np.frombuffer(message.data, np.float32).reshape(message.height, message.width)


def compressed(pixels: np.ndarray) -> CompressedImage:
    """PNG, as image_transport's compressed plugin writes it, of an RGB image."""
    import cv2
    data = cv2.imencode('.png', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    return CompressedImage(format='rgb8; png compressed bgr8', data=array.array('B', data))
