"""
Start the node, play a recording to it, and keep what it publishes and what it uses.

The environment of the ROS graph must be set before this is imported: it counts when rclpy is loaded.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from stereo_msgs.msg import DisparityImage

from depth_nodes.replay.bags import Recorded
from depth_nodes.replay.play import Player
from depth_nodes.replay.sample import TOPICS

ROOT = Path(__file__).parents[2]
OUTPUTS = {'disparity': DisparityImage, 'confidence': Image, 'depth/image_rect': Image,
           'points': PointCloud2, 'depth/camera_info': CameraInfo}


@dataclass
class Usage:
    """What a process has used so far."""

    cpu_seconds: float
    resident_mb: float

    @classmethod
    def of(cls, pid: int) -> 'Usage':
        ticks = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[11:13]
        pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
        return cls(sum(map(int, ticks)) / os.sysconf('SC_CLK_TCK'),
                   pages * os.sysconf('SC_PAGE_SIZE') / 2**20)


@dataclass
class Run:
    """What the node published and used while the recording was played."""

    sent: int = 0  # pairs
    heard: dict[str, dict[int, Any]] = field(  # topic -> stamp [ns] -> message
        default_factory=lambda: {topic: {} for topic in OUTPUTS})
    statistics: list[dict[str, str]] = field(default_factory=list)
    complaints: set[str] = field(default_factory=set)  # of the diagnostics
    usage: list[tuple[float, Usage]] = field(default_factory=list)  # [s] since the start, each second
    parameter_seconds: list[float] = field(default_factory=list)  # to answer get_parameters, each second

    def forget(self) -> None:
        for messages in self.heard.values():
            messages.clear()
        self.statistics.clear()
        self.complaints.clear()


def replay(messages: Iterable[Recorded], parameters: dict[str, Any], *, keep: bool = True,
           on_sent: Callable[[], object] = lambda: None) -> Run:
    """Start stereo_node as its own process, play the messages to it, collect what it publishes.

    keep: false counts the outputs and lets the messages go. on_sent: called for every pair.
    """
    run = Run()
    rclpy.init()
    node = rclpy.create_node('replay')

    def hear(topic: str) -> Callable[[Any], None]:
        return lambda message: run.heard[topic].update(
            {stamp_ns(message.header): message if keep else None})

    def diagnose(message: DiagnosticArray) -> None:
        run.complaints.update(s.message for s in message.status if s.level != DiagnosticStatus.OK)

    for topic, kind in OUTPUTS.items():
        node.create_subscription(kind, f'/stereo/{topic}', hear(topic), 10)
    node.create_subscription(
        DiagnosticArray, '/stereo/stereo_node/statistics',
        lambda message: run.statistics.append({v.key: v.value for v in message.status[0].values}), 10)
    node.create_subscription(DiagnosticArray, '/diagnostics', diagnose, 10)
    parameters_of = node.create_client(GetParameters, '/stereo/stereo_node/get_parameters')
    player = Player(node, TOPICS.items(), qos_profile_sensor_data)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with spinning(executor), stereo_node(parameters) as process:
            wait(lambda: player.heard() and node.count_publishers('/stereo/disparity') > 0,
                 process, seconds=60)
            recorded = iter(messages)
            first = [next(recorded) for _ in TOPICS]
            meet(player, first, run, process)
            began = time.monotonic()

            def sent(message: Recorded) -> None:
                if message.topic == '/stereo/right/image_rect':  # the last of a pair
                    run.sent += 1
                    now = time.monotonic() - began
                    if now >= len(run.usage):
                        run.usage.append((now, Usage.of(process.pid)))
                        time_answer(parameters_of, run)
                    on_sent()

            player.play(chain(first, recorded), on_sent=sent)
            settle(lambda: len(run.heard['disparity']), seconds=3.0)
            run.usage.append((time.monotonic() - began, Usage.of(process.pid)))
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return run


@contextmanager
def spinning(executor: Any) -> Iterator[None]:
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


@contextmanager
def stereo_node(parameters: dict[str, Any]) -> Iterator[subprocess.Popen]:
    """The node in its own process, ended by SIGINT as a terminal would."""
    command = [sys.executable, '-m', 'depth_nodes.stereo_node', '--ros-args',
               '--params-file', str(ROOT / 'config' / 'stereo.yaml'), '-r', '__ns:=/stereo']
    for name, value in parameters.items():
        command += ['-p', f'{name}:={value}']
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(2)
        if process.wait(timeout=20) != 0:
            raise SystemExit(f'stereo_node ended with {process.returncode}')


def wait(condition: Callable[[], bool], process: subprocess.Popen, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise SystemExit(f'stereo_node ended with {process.returncode} before it was ready')
        if time.monotonic() > end:
            raise SystemExit(f'stereo_node was not ready within {seconds:.0f} s')
        time.sleep(0.05)


def meet(player: Player, first: list[Recorded], run: Run, process: subprocess.Popen) -> None:
    """Send the first pair until it is answered, then forget the answers.

    What a best-effort publisher sends before both sides have found each other is lost.
    """
    def answered() -> bool:
        player.play(first)
        settle(lambda: len(run.statistics), seconds=3.0)
        return bool(run.heard['disparity'])

    wait(answered, process, seconds=60)
    run.forget()


def time_answer(client: Any, run: Run) -> None:
    """Ask for a parameter; how long the answer takes is noted when it comes."""
    asked = time.monotonic()
    client.call_async(GetParameters.Request(names=['stage'])).add_done_callback(
        lambda _: run.parameter_seconds.append(time.monotonic() - asked))


def settle(count: Callable[[], int], *, seconds: float) -> None:
    """Return once nothing came for half a second, or after `seconds`."""
    end, before, quiet = time.monotonic() + seconds, count(), 0.0
    while time.monotonic() < end and quiet < 0.5:
        time.sleep(0.1)
        now = count()
        before, quiet = now, (quiet + 0.1 if now == before else 0.0)


def stamp_ns(header: Any) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
