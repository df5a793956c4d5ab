"""
The main job in one command: a stereo recording goes through real DDS into the node, and comes out
as depth with a measured error. `python -m depth_nodes.demo`, or `make demo`.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

if TYPE_CHECKING:  # they import rclpy, which must wait for the environment
    from depth_nodes.replay.session import Run
    from depth_nodes.replay.spool import Spool

ROOT = Path(__file__).parents[1]
FRAMES, RATE = 75, 15.0  # of the recording; Hz


def main() -> None:
    parser = argparse.ArgumentParser(description='Replay a stereo recording into stereo_node.')
    parser.add_argument('--out', type=Path, default=Path('out/demo'), help='folder of the results')
    parser.add_argument('--stage', type=int, default=0, help='last stage; 0: by the latency budget')
    parser.add_argument('--latency-budget-ms', type=float, default=200.0)
    parser.add_argument('--weights', default='auto', help='auto, anynet, anynet_wide, or a .safetensors file')
    arguments = parser.parse_args()

    set_up_environment()
    # after the environment is set, because it counts when rclpy is loaded
    from depth_nodes.replay import bags, sample
    from depth_nodes.replay.kinds import ros_arguments
    from depth_nodes.replay.session import OUTPUTS, Setup, replay
    from depth_nodes.replay.spool import Spool

    bag = arguments.out / 'aloe_pan'
    shutil.rmtree(bag, ignore_errors=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f'writing the recording {bag}')
    bags.write(bag, sample.recording(ROOT / 'samples', frames=FRAMES, rate=RATE))
    recorded = list(bags.read(bag))
    parameters = {'stage': arguments.stage, 'latency_budget_ms': arguments.latency_budget_ms,
                  'weights': arguments.weights}
    played = [message for message in recorded if message.topic != sample.TRUTH]
    setup = Setup('stereo', sample.TOPICS, counted=sample.LAST_OF_PAIR, namespace='/stereo',
                  arguments=ros_arguments(parameters))
    with Spool() as heard:
        def hear(topic: str, stamp: int, time_ns: int, data: bytes) -> None:
            heard.add(topic, stamp, time_ns, OUTPUTS[topic], data)

        try:
            with tqdm(total=FRAMES, unit='pair', desc='replaying', file=sys.stdout) as bar:
                run = replay(setup, lambda: iter(played), played[:len(sample.TOPICS)], hear=hear,
                             forget=heard.forget, on_sent=bar.update)
        except ChildProcessError as error:
            sys.exit(str(error))
        truth = {message.time_ns: message for message in recorded if message.topic == sample.TRUTH}
        summary = summarize(run, heard, truth)
        (arguments.out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
        print(table(summary))
        for path in draw(run, heard, truth, recorded, arguments.out):
            print(f'wrote {path}')
    print(f'wrote {arguments.out / "summary.json"}')


def set_up_environment() -> None:
    """A graph of our own on this machine, with room for images in shared memory."""
    from depth_nodes.dds_profile import keep_apart, use_dds_profile

    keep_apart()
    use_dds_profile()


def summarize(run: 'Run', heard: 'Spool', truth: dict[int, Any]) -> dict[str, float]:
    """The figures of the run. Shares lie in 0..1, errors are means over frames of all known pixels."""
    from depth_models.evaluation import metrics
    from depth_nodes import conversions

    if not run.heard['disparity'] or not run.statistics:
        raise SystemExit('the node answered no frame')
    figures: dict[str, list[float]] = {'density': [], 'epe': [], 'bad2': []}
    for when in run.heard['disparity']:
        pair = {'estimate': conversions.read_disparity(heard.get('disparity', when), 'disparity'),
                'target': conversions.read_map(truth[when].message(), 'ground truth')}
        known = np.isfinite(pair['target'])
        figures['density'].append(metrics.density(**pair, valid=known))
        figures['epe'].append(metrics.epe(**pair, valid=known))
        figures['bad2'].append(metrics.bad(**pair, valid=known, threshold=2.0))
    latency = [float(values['total_ms']) for values in run.statistics]
    return {
        'frames_in': run.sent, 'frames_out': len(run.heard['disparity']),
        'dropped': run.sent - len(run.heard['disparity']),
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


def draw(run: 'Run', heard: 'Spool', truth: dict[int, Any], recorded: list, out: Path) -> list[Path]:
    """Pictures of the last frame that was answered on every topic; the paths written."""
    from depth_models.evaluation import pictures
    from depth_nodes import conversions

    complete = set.intersection(*run.heard.values())
    if not complete:
        raise SystemExit('no frame was answered on every topic')
    when = max(complete)
    left = conversions.read_image(next(
        m for m in recorded
        if m.time_ns == when and m.topic == '/stereo/left/image_rect').message(), 'left')
    disparity = conversions.read_disparity(heard.get('disparity', when), 'disparity')
    true_disparity = conversions.read_map(truth[when].message(), 'ground truth')
    high = float(np.nanmax(true_disparity))
    cloud = heard.get('points', when)
    points = np.frombuffer(cloud.data, np.float32).reshape(cloud.height, cloud.width, 4)
    panels = {
        'left': pictures.photo(left),
        'disparity': pictures.disparity_panel(disparity, high=high),
        'truth': pictures.disparity_panel(true_disparity, high=high, title='true disparity'),
        'depth': pictures.depth_panel(conversions.read_map(heard.get('depth/image_rect', when), 'depth')),
        'confidence': pictures.confidence_panel(
            conversions.read_map(heard.get('confidence', when), 'confidence')),
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
