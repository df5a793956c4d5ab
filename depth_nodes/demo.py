"""
The main job in one command: a stereo recording goes through real DDS into the node, and comes out
as depth with a measured error. `python -m depth_nodes.demo`, or `make demo`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
FRAMES, RATE = 75, 15.0  # of the recording; Hz


def main() -> None:
    parser = argparse.ArgumentParser(description='Replay a stereo recording into stereo_node.')
    parser.add_argument('--out', type=Path, default=Path('out/demo'), help='folder of the results')
    parser.add_argument('--stage', type=int, default=0, help='last stage; 0: by the latency budget')
    parser.add_argument('--latency-budget-ms', type=float, default=200.0)
    arguments = parser.parse_args()

    set_up_environment()
    # after the environment is set, because it counts when rclpy is loaded
    from depth_nodes.replay import bags, sample

    bag = arguments.out / 'aloe_pan'
    shutil.rmtree(bag, ignore_errors=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f'writing the recording {bag}')
    bags.write(bag, sample.recording(ROOT / 'samples', frames=FRAMES, rate=RATE))
    recorded = list(bags.read(bag))
    parameters = {'stage': arguments.stage, 'latency_budget_ms': arguments.latency_budget_ms}
    run = replay([message for message in recorded if message.topic != sample.TRUTH], parameters)
    truth = {message.time_ns: message for message in recorded if message.topic == sample.TRUTH}
    summary = summarize(run, truth)
    (arguments.out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    print(table(summary))
    for path in draw(run, truth, recorded, arguments.out):
        print(f'wrote {path}')
    print(f'wrote {arguments.out / "summary.json"}')


def set_up_environment() -> None:
    """A graph of our own on this machine, with room for images in shared memory."""
    from depth_nodes.dds_profile import stay_on_this_machine, use_dds_profile

    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 101))
    stay_on_this_machine()
    use_dds_profile()


class Run:
    """What the node published while the recording was played, by stamp [ns]."""

    def __init__(self) -> None:
        self.sent = 0  # pairs
        self.disparity: dict[int, Any] = {}
        self.confidence: dict[int, Any] = {}
        self.depth: dict[int, Any] = {}
        self.camera_info: dict[int, Any] = {}
        self.points: dict[int, Any] = {}
        self.statistics: list[dict[str, str]] = []


def replay(messages: list, parameters: dict[str, Any]) -> Run:
    """Start stereo_node as its own process, play the messages to it, collect what it publishes."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2
    from stereo_msgs.msg import DisparityImage
    from tqdm import tqdm

    from depth_nodes.replay.play import Player
    from depth_nodes.replay.sample import TOPICS

    run = Run()
    rclpy.init()
    node = rclpy.create_node('demo')
    for topic, kind, into in (
            ('disparity', DisparityImage, run.disparity), ('confidence', Image, run.confidence),
            ('depth/image_rect', Image, run.depth), ('points', PointCloud2, run.points),
            ('depth/camera_info', CameraInfo, run.camera_info)):
        node.create_subscription(
            kind, f'/stereo/{topic}',
            lambda message, into=into: into.update({stamp_ns(message.header): message}), 10)
    node.create_subscription(
        DiagnosticArray, '/stereo/stereo_node/statistics',
        lambda message: run.statistics.append({v.key: v.value for v in message.status[0].values}), 10)
    player = Player(node, TOPICS.items(), qos_profile_sensor_data)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with spinning(executor), stereo_node(parameters) as process:
            wait(lambda: player.heard() and node.count_publishers('/stereo/disparity') > 0,
                 process, seconds=60)
            meet(player, messages, run, process)
            pairs = sum(message.topic == '/stereo/left/image_rect' for message in messages)
            with tqdm(total=pairs, unit='pair', desc='replaying', file=sys.stdout) as bar:
                def sent(message: Any) -> None:
                    if message.topic == '/stereo/right/image_rect':  # the last of a pair
                        run.sent += 1
                        bar.update()
                player.play(messages, on_sent=sent)
            settle(lambda: len(run.disparity), seconds=3.0)
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


def meet(player: Any, messages: list, run: Run, process: subprocess.Popen) -> None:
    """Send the first pair until it is answered, then forget the answers.

    What a best-effort publisher sends before both sides have found each other is lost.
    """
    first = [message for message in messages if message.time_ns == messages[0].time_ns]

    def answered() -> bool:
        player.play(first)
        settle(lambda: len(run.statistics), seconds=3.0)
        return bool(run.disparity)

    wait(answered, process, seconds=60)
    for heard in (run.disparity, run.confidence, run.depth, run.camera_info, run.points,
                  run.statistics):
        heard.clear()


def settle(count: Callable[[], int], *, seconds: float) -> None:
    """Return once nothing came for half a second, or after `seconds`."""
    end, before, quiet = time.monotonic() + seconds, count(), 0.0
    while time.monotonic() < end and quiet < 0.5:
        time.sleep(0.1)
        now = count()
        before, quiet = now, (quiet + 0.1 if now == before else 0.0)


def stamp_ns(header: Any) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def summarize(run: Run, truth: dict[int, Any]) -> dict[str, float]:
    """The figures of the run. Shares lie in 0..1, errors are means over frames of all known pixels."""
    from depth_models.evaluation import metrics
    from depth_nodes import conversions

    if not run.disparity or not run.statistics:
        raise SystemExit('the node answered no frame')
    figures: dict[str, list[float]] = {'density': [], 'epe': [], 'bad2': []}
    for when, message in run.disparity.items():
        pair = {'estimate': conversions.read_disparity(message, 'disparity'),
                'target': conversions.read_map(truth[when].message(), 'ground truth')}
        known = np.isfinite(pair['target'])
        figures['density'].append(metrics.density(**pair, valid=known))
        figures['epe'].append(metrics.epe(**pair, valid=known))
        figures['bad2'].append(metrics.bad(**pair, valid=known, threshold=2.0))
    latency = [float(values['total_ms']) for values in run.statistics]
    return {
        'frames_in': run.sent, 'frames_out': len(run.disparity),
        'dropped': run.sent - len(run.disparity),
        'latency_ms_p50': round(float(np.percentile(latency, 50)), 2),
        'latency_ms_p99': round(float(np.percentile(latency, 99)), 2),
        'stage_mean': round(float(np.mean([int(v['stage']) for v in run.statistics])), 3),
        'density': round(float(np.mean(figures['density'])), 4),
        'epe_px': round(float(np.mean(figures['epe'])), 3),
        'bad2': round(float(np.mean(figures['bad2'])), 4)}


def table(summary: dict[str, float]) -> str:
    rows = (
        ('pairs sent', f'{summary["frames_in"]}'),
        ('disparities received', f'{summary["frames_out"]}'),
        ('pairs without an answer', f'{summary["dropped"]}'),
        ('latency, median', f'{summary["latency_ms_p50"]:.1f} ms'),
        ('latency, 99th percentile', f'{summary["latency_ms_p99"]:.1f} ms'),
        ('stage reached, mean of 1..4', f'{summary["stage_mean"]:.2f}'),
        ('density', f'{100 * summary["density"]:.1f} %'),
        ('end-point error', f'{summary["epe_px"]:.2f} px'),
        ('pixels off by more than 2 px', f'{100 * summary["bad2"]:.1f} %'))
    width = max(len(name) for name, _ in rows)
    return '\n'.join(f'  {name:<{width}}  {value:>10}' for name, value in rows)


def draw(run: Run, truth: dict[int, Any], recorded: list, out: Path) -> list[Path]:
    """Pictures of the last frame that was answered on every topic; the paths written."""
    from depth_models.evaluation import pictures
    from depth_nodes import conversions

    complete = set(run.disparity) & set(run.confidence) & set(run.depth) & set(run.points)
    if not complete:
        raise SystemExit('no frame was answered on every topic')
    when = max(complete)
    left = conversions.read_image(next(
        m for m in recorded
        if m.time_ns == when and m.topic == '/stereo/left/image_rect').message(), 'left')
    disparity = conversions.read_disparity(run.disparity[when], 'disparity')
    true_disparity = conversions.read_map(truth[when].message(), 'ground truth')
    high = float(np.nanmax(true_disparity))
    cloud = run.points[when]
    points = np.frombuffer(cloud.data, np.float32).reshape(cloud.height, cloud.width, 4)
    panels = {
        'left': pictures.photo(left),
        'disparity': pictures.disparity_panel(disparity, high=high),
        'truth': pictures.disparity_panel(true_disparity, high=high, title='true disparity'),
        'depth': pictures.depth_panel(conversions.read_map(run.depth[when], 'depth')),
        'confidence': pictures.confidence_panel(
            conversions.read_map(run.confidence[when], 'confidence')),
        'error': pictures.error_panel(estimate=disparity, target=true_disparity),
        'points': pictures.cloud_panel(points, left)}
    paths = []
    for name, panel in panels.items():
        paths.append(out / f'{name}.png')
        pictures.save(paths[-1], panel.picture)
    shown = [panels[name] for name in
             ('left', 'disparity', 'depth', 'error', 'confidence', 'points')]
    paths.append(out / 'sheet.png')
    pictures.save(paths[-1], pictures.sheet(
        'depth_nodes: stereo_node on the Aloe pair', shown,
        note='Middlebury 2006, Scharstein and Pal; the camera of the depth is assumed'))
    return paths


if __name__ == '__main__':
    main()
