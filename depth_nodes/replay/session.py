"""
Start a node, play a recording to it, and keep what it publishes and what it uses.

The environment of the ROS graph must be set before this is imported: it counts when rclpy is loaded.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.srv import GetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions

from depth_nodes.replay.bags import Recorded, message_type
from depth_nodes.replay.kinds import NAMESPACE, name_of
from depth_nodes.replay.node_process import Usage, running
from depth_nodes.replay.play import Player, stamp_of

IMAGE = 'sensor_msgs/msg/Image'
OUTPUTS = {'disparity': 'stereo_msgs/msg/DisparityImage', 'confidence': IMAGE, 'depth/image_rect': IMAGE,
           'points': 'sensor_msgs/msg/PointCloud2', 'depth/camera_info': 'sensor_msgs/msg/CameraInfo'}
START = 120.0  # s, that a node may take to load, compile and answer a first set
ATTEMPTS = 3  # answered sets, after which outputs that did not come are not waited for
Hear = Callable[[str, int, int, bytes], None]  # topic, stamp [ns], recorded time [ns], CDR


@dataclass
class Run:
    """What the node said and used while the recording was played."""

    sent: int = 0  # sets: messages on the topic that was counted
    heard: dict[str, set[int]] = field(default_factory=dict)  # output -> stamps [ns]
    statistics: list[dict[str, str]] = field(default_factory=list)  # of every answer; 'stamp_ns' among it
    complaints: set[str] = field(default_factory=set)  # of the diagnostics
    about: dict[str, str] = field(default_factory=dict)  # the node, of the last diagnostics
    usage: list[tuple[float, Usage]] = field(default_factory=list)  # [s] since the start, each second
    parameter_seconds: list[float] = field(default_factory=list)  # to answer get_parameters, each second
    lateness: list[float] = field(default_factory=list)  # s, of the player
    seconds: float = 0.0  # that playing took

    def forget(self) -> None:
        for stamps in self.heard.values():
            stamps.clear()
        self.statistics.clear()
        self.complaints.clear()


@dataclass(frozen=True)
class Setup:
    """What is played to which node, and who listens to it."""

    kind: str  # 'stereo'
    topics: Mapping[str, str]  # to be played: name -> type name
    counted: str  # of these: a message on it is a set that was sent
    arguments: Sequence[str]  # of `kinds.ros_arguments`
    namespace: str = NAMESPACE
    outputs: Mapping[str, str] = field(default_factory=lambda: OUTPUTS)  # listened to: name -> type name
    speed: float = 1.0
    clock: bool = False  # publish /clock

    @property
    def node(self) -> str:
        return f'{self.namespace}/{name_of(self.kind)}'


def replay(setup: Setup, messages: Callable[[], Iterator[Recorded]], first: Sequence[Recorded], *,
           hear: Hear = lambda *_: None, forget: Callable[[], None] = lambda: None,
           on_sent: Callable[[], object] = lambda: None) -> Run:
    """Start the node as its own process, play the messages to it, collect what it says.

    first: a set that is sent until it is answered, so that both sides have found each other. hear: told
    of every output, on the thread that listens; forget: what was heard so far was no part of the run.
    on_sent: called for every set. Raises ChildProcessError when the node ends, or never answers.
    """
    run = Run(heard={name: set() for name in setup.outputs})
    with ExitStack() as keep:
        context = Context()
        rclpy.init(context=context, args=[], signal_handler_options=SignalHandlerOptions.NO)
        keep.callback(context.try_shutdown)
        node = rclpy.create_node('replay', context=context)
        keep.callback(node.destroy_node)
        player = Player(node, setup.topics.items(), qos_profile_sensor_data, clock=setup.clock)
        _listen(node, setup, run, player, hear)
        parameters_of = node.create_client(GetParameters, f'{setup.node}/get_parameters')
        executor = SingleThreadedExecutor(context=context)
        keep.callback(executor.shutdown)
        executor.add_node(node)
        keep.enter_context(_spinning(executor))
        process = keep.enter_context(running(
            setup.kind, [*setup.arguments, '-r', f'__ns:={setup.namespace}']))
        _wait(lambda: node.count_subscribers(setup.counted) > 0 and all(
            node.count_publishers(f'{setup.namespace}/{name}') for name in setup.outputs), player, process)
        _meet(player, first, run, process)
        forget()
        began = time.monotonic()

        def sent(message: Recorded) -> None:
            if message.topic == setup.counted:
                run.sent += 1
                now = time.monotonic() - began
                if now >= len(run.usage):
                    run.usage.append((now, Usage.of(process.pid)))
                    _time_answer(parameters_of, run)
                on_sent()

        player.play(messages, speed=setup.speed, on_sent=sent)
        run.seconds, run.lateness = time.monotonic() - began, player.lateness
        _settle(lambda: len(run.statistics), seconds=5.0)
        run.usage.append((time.monotonic() - began, Usage.of(process.pid)))
    return run


def _listen(node: Node, setup: Setup, run: Run, player: Player, hear: Hear) -> None:
    """Subscribe to the outputs, as bytes, and to what the node says of itself."""
    def output(name: str) -> Callable[[bytes], None]:
        def heard(data: bytes) -> None:
            stamp = stamp_of(data)
            hear(name, stamp, player.now_ns(), data)
            run.heard[name].add(stamp)
        return heard

    def answered(message: DiagnosticArray) -> None:
        run.statistics.append({**{v.key: v.value for v in message.status[0].values},
                               'stamp_ns': str(stamp_ns(message.header))})

    def diagnose(message: DiagnosticArray) -> None:
        run.complaints.update(s.message for s in message.status if s.level != DiagnosticStatus.OK)
        for status in message.status:
            run.about = {v.key: v.value for v in status.values}

    for name, type_name in setup.outputs.items():
        node.create_subscription(message_type(type_name), f'{setup.namespace}/{name}', output(name), 10,
                                 raw=True)
    node.create_subscription(DiagnosticArray, f'{setup.node}/statistics', answered, 100)
    node.create_subscription(DiagnosticArray, '/diagnostics', diagnose, 10)


@contextmanager
def _spinning(executor: Any) -> Iterator[None]:
    """Callbacks run on a thread of their own."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _wait(condition: Callable[[], bool], player: Player, process: subprocess.Popen) -> None:
    """Time goes on meanwhile, as far as /clock says it: nodes on Humble look for listeners by it."""
    end = time.monotonic() + START
    while not condition():
        player.tell_time(round(1e9 * (START - (end - time.monotonic()))))
        if process.poll() is not None:
            raise ChildProcessError(f'the node ended with {process.returncode} before it was ready; '
                                    'its log says why')
        if time.monotonic() > end:
            raise ChildProcessError(f'the node answered nothing within {START:.0f} s; its log says why')
        time.sleep(0.05)


def _meet(player: Player, first: Sequence[Recorded], run: Run, process: subprocess.Popen) -> None:
    """Send the first set until it is answered, then forget the answers.

    What a best-effort publisher sends before both sides have found each other is lost.
    """
    answers = 0

    def met() -> bool:
        nonlocal answers
        player.play(lambda: iter(first), timed=False)
        _settle(lambda: len(run.statistics), seconds=3.0)
        answers += bool(run.statistics)
        return answers > 0 and (all(run.heard.values()) or answers > ATTEMPTS)

    _wait(met, player, process)
    run.forget()


def _time_answer(client: Any, run: Run) -> None:
    """Ask for a parameter; how long the answer takes is noted when it comes."""
    asked = time.monotonic()
    client.call_async(GetParameters.Request(names=['stage'])).add_done_callback(
        lambda _: run.parameter_seconds.append(time.monotonic() - asked))


def _settle(count: Callable[[], int], *, seconds: float) -> None:
    """Return once nothing came for half a second, or after `seconds`."""
    end, before, quiet = time.monotonic() + seconds, count(), 0.0
    while time.monotonic() < end and quiet < 0.5:
        time.sleep(0.1)
        now = count()
        before, quiet = now, (quiet + 0.1 if now == before else 0.0)


def stamp_ns(header: Any) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
