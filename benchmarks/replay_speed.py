"""
How fast a replay is, and how steadily it plays: `python -m benchmarks.replay_speed --json FILE`.

Every frame: sets a second of `every_frame`, which reads, decodes, infers and scores, over those of the
bare estimator on the same frames in memory; the runs take turns, so that what else runs counts for both.
Jitter: pairs of 1242x375 are played at 30 Hz to a process that listens; how late each pair was sent.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from depth_nodes.dds_profile import keep_apart, use_dds_profile

keep_apart()
use_dds_profile()  # before rclpy is loaded

import rclpy  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402

from benchmarks.node_latency import CAMERA, again_and_again, record  # noqa: E402
from benchmarks.timing import machine  # noqa: E402
from depth_models.estimators.stereo_by_budget import load_matcher  # noqa: E402
from depth_models.frames import StereoFrame  # noqa: E402
from depth_nodes.conversions import StereoMessages, read_stereo  # noqa: E402
from depth_nodes.replay import bags, sample  # noqa: E402
from depth_nodes.replay.one_bag import replay_bag  # noqa: E402
from depth_nodes.replay.play import Player  # noqa: E402
from depth_nodes.replay.request import Request  # noqa: E402

GOAL_SHARE, GOAL_MS = 0.8, 3.0
LISTEN = """
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
rclpy.init()
node = rclpy.create_node('listener')
for side in ('left', 'right'):
    for name, kind in (('image_rect', Image), ('camera_info', CameraInfo)):
        node.create_subscription(kind, f'/stereo/{side}/{name}', lambda data: None, qos_profile_sensor_data,
                                 raw=True)
rclpy.spin(node)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--json', type=Path, help='file for the figures')
    parser.add_argument('--frames', type=int, default=180, help='of the bag; opening a short one counts')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=30.0, help='of playing')
    parser.add_argument('--rate', type=float, default=30.0, help='pairs a second')
    parser.add_argument('--weights', nargs='+', default=['anynet', 'anynet_wide'])
    options = parser.parse_args()

    print(machine())
    made: dict[str, Any] = {'machine': machine(), 'every_frame': {}}
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / 'pairs'
        samples = Path(__file__).parents[1] / 'samples'
        bags.write(bag, sample.recording(samples, frames=options.frames, rate=15.0, camera=CAMERA, scale=1.0))
        for weights in options.weights:
            made['every_frame'][weights] = figures = shares(bag, weights, options.repeats)
            print(weights, json.dumps(figures), flush=True)
    made['jitter'] = jitter(options.rate, options.seconds)
    print(json.dumps(made['jitter']))
    if options.json:
        options.json.write_text(json.dumps(made, indent=2) + '\n')


def shares(bag: Path, weights: str, repeats: int) -> dict[str, float]:
    """Frames a second of both, medians of the repeats, and their ratio."""
    matcher = load_matcher(weights)
    frames = list(islice(in_memory(bag), 30))
    matcher.compute(frames[0].left, frames[0].right)  # compiled, allocated
    bare, whole = [], []
    for _ in range(repeats):
        began = time.monotonic()
        for frame in frames:
            matcher.compute(frame.left, frame.right)
        bare.append(len(frames) / (time.monotonic() - began))
        result = replay_bag(bag, Request('stereo', parameters={'weights': weights}))
        whole.append(result['summary']['fps'])
    share = float(np.median(whole) / np.median(bare))
    return {'bare_fps': float(np.median(bare)), 'every_frame_fps': float(np.median(whole)), 'share': share,
            'goal': GOAL_SHARE}


def in_memory(bag: Path) -> Iterator[StereoFrame]:
    """The pairs of the bag, decoded."""
    at: dict[str, Any] = {}
    for recorded in bags.read(bag):
        if recorded.topic in sample.TOPICS:
            at[recorded.topic] = recorded.message()
            if recorded.topic == sample.LAST_OF_PAIR:
                yield read_stereo(StereoMessages(*(at[topic] for topic in sample.TOPICS), 0.0))  # type: ignore


def jitter(rate: float, seconds: float) -> dict[str, float]:
    """How late pairs were sent [ms]."""
    recorded = list(record(rate))
    rclpy.init()
    node = rclpy.create_node('jitter')
    listener = subprocess.Popen([sys.executable, '-c', LISTEN])
    try:
        player = Player(node, sample.TOPICS.items(), qos_profile_sensor_data, clock=True)
        end = time.monotonic() + 60
        while not player.heard():
            if time.monotonic() > end:
                raise SystemExit('nobody listened within 60 s')
            time.sleep(0.05)
        player.play(partial(again_and_again, recorded, rate, seconds))
    finally:
        listener.kill()
        listener.wait()
        node.destroy_node()
        rclpy.try_shutdown()
    late = 1e3 * np.array(player.lateness)
    return {'rate': rate, 'pairs': len(late), 'late_ms_p50': float(np.quantile(late, 0.5)),
            'late_ms_p99': float(np.quantile(late, 0.99)), 'late_ms_max': float(late.max()),
            'goal_p99': GOAL_MS}


if __name__ == '__main__':
    main()
