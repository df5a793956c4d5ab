"""
Whether the node keeps its budget: `python -m benchmarks.node_latency --json FILE`.

A stereo topic of 1242x375 at 15 Hz goes through real DDS into stereo_node, which is a process of its
own, with every usual output subscribed; for each budget once on a quiet machine and once with two
busy processes beside it. Latency is the node's: from the last message of a set to the last output.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from depth_nodes.dds_profile import keep_apart, use_dds_profile

keep_apart()
use_dds_profile()  # before rclpy is loaded

from rclpy.serialization import serialize_message  # noqa: E402

from benchmarks.timing import machine  # noqa: E402
from depth_models.frames import Camera, StereoCamera  # noqa: E402
from depth_nodes.replay import sample  # noqa: E402
from depth_nodes.replay.bags import Recorded  # noqa: E402
from depth_nodes.replay.kinds import ros_arguments  # noqa: E402
from depth_nodes.replay.play import restamped  # noqa: E402
from depth_nodes.replay.session import Run, Setup, replay  # noqa: E402

BUDGETS = (25.0, 40.0, 60.0, 100.0)  # ms
WIDTH, HEIGHT = 1242, 375
CAMERA = StereoCamera(Camera(WIDTH, HEIGHT, fx=720.0, fy=720.0, cx=620.5, cy=187.0),
                      baseline=0.1, cx_right=620.5)
BUSY_PROCESSES = 2
WINDOWS = 30  # different frames; they come again with new stamps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--json', type=Path, help='file for the figures')
    parser.add_argument('--seconds', type=float, default=20.0, help='of each budget')
    parser.add_argument('--rate', type=float, default=15.0, help='pairs a second')
    parser.add_argument('--budgets', type=float, nargs='+', default=BUDGETS, help='ms')
    parser.add_argument('--weights', default='auto', help='auto, shipped name or .safetensors file')
    parser.add_argument('--soak', action='store_true',
                        help='one long quiet run of the last budget, for the memory')
    options = parser.parse_args()

    recorded = list(record(options.rate))
    runs = []
    conditions = [(options.budgets[-1], False)] if options.soak else [
        (budget, loaded) for loaded in (False, True) for budget in options.budgets]
    print(machine())
    for budget, loaded in conditions:
        with ExitStack() as stack:
            for _ in range(BUSY_PROCESSES if loaded else 0):
                stack.callback(end, subprocess.Popen([sys.executable, '-c', 'while True: pass']))
            setup = Setup('stereo', sample.TOPICS, counted=sample.LAST_OF_PAIR, namespace='/stereo',
                          arguments=ros_arguments({'latency_budget_ms': budget, 'weights': options.weights}))
            run = replay(setup, partial(again_and_again, recorded, options.rate, options.seconds),
                         recorded[:len(sample.TOPICS)])
        figures = {'budget_ms': budget, 'loaded': loaded, **summarize(run)}
        runs.append(figures)
        print(json.dumps(figures), flush=True)
    if options.json:
        made = {'machine': machine(), 'weights': options.weights, 'runs': runs}
        options.json.write_text(json.dumps(made, indent=2) + '\n')


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def record(rate: float) -> Iterator[Recorded]:
    samples = Path(__file__).parents[1] / 'samples'
    for topic, time_ns, message in sample.recording(
            samples, frames=WINDOWS, rate=rate, camera=CAMERA, scale=1.0):
        if topic != sample.TRUTH:
            yield Recorded(topic, time_ns, sample.TOPICS[topic], serialize_message(message))


def again_and_again(recorded: list[Recorded], rate: float, seconds: float) -> Iterator[Recorded]:
    """The recording in a loop, with stamps that go on."""
    start, topics = recorded[0].time_ns, len(sample.TOPICS)
    for number in range(round(rate * seconds)):
        time_ns = start + round(number * 1e9 / rate)
        first = number % WINDOWS * topics
        for message in islice(recorded, first, first + topics):
            yield message._replace(time_ns=time_ns, data=restamped(message.data, time_ns))


def summarize(run: Run) -> dict[str, Any]:
    """Shares lie in 0..1; times are in ms."""
    frames = run.statistics
    if not frames:
        return {'frames_in': run.sent, 'frames_out': 0, 'said': sorted(run.complaints)}
    total = np.array([float(frame['total_ms']) for frame in frames])
    stages = [[float(frame.get(f'stage_{k}_ms', 'nan')) for k in range(1, 5)] for frame in frames]
    model = np.nansum(stages, axis=1) + [float(frame['finish_ms']) for frame in frames]
    (_, before), (_, after) = run.usage[0], run.usage[-1]
    # memory once everything is allocated, against time
    seconds, resident = np.array([(t, u.resident_mb) for t, u in run.usage[len(run.usage) // 4:]]).T
    return {
        'frames_in': run.sent, 'frames_out': len(run.heard['disparity']),
        'within_budget': float(np.mean([frame['budget_kept'] == 'True' for frame in frames])),
        'latency_ms_p50': float(np.quantile(total, 0.5)),
        'latency_ms_p99': float(np.quantile(total, 0.99)), 'latency_ms_max': float(total.max()),
        'stage_mean': float(np.mean([int(frame['stage']) for frame in frames])),
        'scale_mean': float(np.mean([float(frame['scale']) for frame in frames])),
        'overhead_ms_p50': float(np.median(total - model)),
        'model_ms_p50': float(np.median(model)),
        'cpu_ms_a_frame': 1e3 * (after.cpu_seconds - before.cpu_seconds) / len(frames),
        'resident_mb_start': before.resident_mb, 'resident_mb_end': after.resident_mb,
        'memory_mb_a_minute': 60 * float(np.polyfit(seconds, resident, 1)[0]),
        'parameter_ms_max': 1e3 * max(run.parameter_seconds, default=float('nan')),
        'said': sorted(run.complaints)}


if __name__ == '__main__':
    main()
