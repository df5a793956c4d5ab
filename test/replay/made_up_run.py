"""
A run that never was, for tests of the pages: the dictionary that a replay makes, with plausible numbers.

A street with boxes is seen by a camera; errors grow with distance and remember the last frame, latency has
spikes, frames are dropped in bursts.
"""

import base64
from itertools import pairwise

import cv2
import numpy as np

from depth_models.evaluation import pictures
from depth_nodes.replay.report import packed_cloud

HEIGHT, WIDTH, FOCAL = 192, 640, 400.0
START = 1_700_000_000_123_456_789  # ns, over what a double holds exactly
UNITS = {'abs_rel': '1: mean of |d - d*| / d*', 'rmse': 'm: root of the mean of (d - d*)^2',
         'mae': 'm: mean of |d - d*|',
         'd1': '0..1: share of the pixels where the ratio of d and d* is under 1.25',
         'density': '0..1: share of the judged pixels that have an estimate',
         'photometric': 'grey levels: mean difference of the left image and the warped right one',
         'flicker': '1: relative change of depth where the image did not change'}


def run(frames=300, *, seed=1, scene_seed=5, truth=True, better=1.0, slower=0.0, drops=True, realtime=True,
        seen=True):
    """better: factor of the errors; slower: ms on top of the latency; seen: with pictures and cloud."""
    scene, rng = np.random.default_rng(scene_seed), np.random.default_rng(seed)
    t = np.arange(frames) / 30
    hard = 1 + 0.4 * np.sin(t / 4) + 0.15 * remembered(scene, frames) + 1.5 * (np.abs(t - t[-1] * 0.7) < 0.8)
    own = better * np.clip(hard * (1 + 0.05 * remembered(rng, frames)), 0.2, None)
    latency = 38 + slower + 4 * np.abs(remembered(rng, frames)) + rng.exponential(2, frames)
    latency[rng.random(frames) < 0.01] += 45
    dropped = (remembered(rng, frames, 0.8) > 3.2) if drops else np.zeros(frames, bool)
    stage = np.clip(4 - (latency > 48) - (latency > 60), 1, 4)
    figures = {'abs_rel': 0.06 * own, 'rmse': 1.9 * own ** 0.8, 'mae': 0.8 * own, 'd1': 1 - 0.05 * own,
               'density': np.clip(0.98 - 0.01 * own, 0, 1)} if truth else {}
    checks = {'photometric': 7 + 2 * own, 'flicker': 0.01 * own}
    frame = street(scene)

    def of_frames(values):
        return [None if lost else float(value) for value, lost in zip(values, dropped)]

    series = {'t': t.tolist(), 'stamp_ns': [START + round(at * 1e9) for at in t],
              'latency_ms': of_frames(latency), 'stage': of_frames(stage),
              'dropped': dropped.astype(int).tolist(),
              'figures': {name: of_frames(values) for name, values in figures.items()},
              'self_checks': {name: of_frames(values) for name, values in checks.items()}}
    answered = ~dropped
    edges = np.geomspace(2, 80, 15)
    share = np.arange(100) / 100
    order = np.argsort(own)
    kind = 'realtime' if realtime else 'every-frame'
    return {
        'about': {'command': f'depth-nodes replay street.mcap --node stereo --{kind} --report out/street',
                  'bag': '/data/street.mcap', 'kind': 'rosbag2 mcap', 'node': 'stereo_node', 'mode': kind,
                  'topics': {f'{side}/{name}': f'/camera/{side}/{name}' for side in ('left', 'right')
                             for name in ('image_rect', 'camera_info')},
                  'truth': 'points /velodyne_points, projected' if truth else None,
                  'notes': ['left/image_rect is /camera/left/image_rect: the only rectified left image.',
                            'Left and right stamps differ by up to 1.2 ms: pairs within 5 ms were matched.',
                            'The file ends early: 3 messages after 66.2 s could not be read.'],
                  'estimator': {'model': 'anynet_wide or anynet', 'engine': 'OpenVINO 2026.4 (auto: x86)',
                                'device': 'cpu', 'precision': 'bf16'},
                  'system': {'cpu': 'AMD EPYC', 'cores': 2, 'ram_gb': 24.0, 'os': 'Linux 6.1',
                             'python': '3.11.2', 'versions': {'torch': '2.13.0', 'numpy': '2.2.6'},
                             'load': 0.42}},
        'summary': {'frames': frames, 'answered': int(answered.sum()), 'dropped': int(dropped.sum()),
                    'seconds': float(t[-1]), 'fps': float(answered.sum() / max(t[-1], 1)),
                    'latency_ms': {name: float(np.quantile(latency[answered], share)) for name, share in (
                        ('p50', 0.5), ('p95', 0.95), ('p99', 0.99), ('max', 1.0))},
                    'figures': {name: float(values[answered].mean()) for name, values in figures.items()},
                    'self_checks': {name: float(values[answered].mean()) for name, values in checks.items()},
                    'deadline_missed_share': 0.012},
        'series': series,
        'distance': [{'near': float(near), 'far': float(far), 'share': float(3 / (index + 10)),
                      'mean_abs': float(better * 0.004 * (near * far) ** 0.9),
                      'abs_rel': float(better * 0.004 * (near * far) ** 0.4)}
                     for index, (near, far) in enumerate(pairwise(edges))] if truth else [],
        'sparsification': {'share': share.tolist(),
                           'error': (better * (0.25 + 0.55 * (1 - share) ** 1.7)).tolist(),
                           'oracle': (better * 0.8 * (1 - share) ** 2.4).tolist(), 'ause': 0.187 * better}
        if truth else None,
        'unit': 'm', 'units': UNITS,
        'pictures': {'by': 'abs_rel' if truth else 'photometric',
                     **{kind: [{'stamp_ns': series['stamp_ns'][index], 'jpeg': picture(frame, own[index]),
                                'figure': float(0.06 * own[index])} for index in indices]
                        for kind, indices in (('best', order[:3]), ('worst', order[:-4:-1]))}}
        if seen else {},
        'cloud': cloud(frame) if seen else None}


def unanswered(frames):
    """A run without truth of which no frame was answered."""
    made = run(frames, truth=False, seen=False)
    nothing = [None] * frames
    made['series'] |= {'latency_ms': nothing, 'stage': nothing, 'dropped': [1] * frames, 'self_checks': {}}
    made['summary'] |= {'answered': 0, 'dropped': frames, 'fps': None, 'self_checks': {},
                        'latency_ms': dict.fromkeys(('p50', 'p95', 'p99', 'max')),
                        'deadline_missed_share': None}
    return made


def remembered(rng, count, memory=0.9):
    values = rng.normal(size=count)
    for index in range(1, count):
        values[index] += memory * values[index - 1]
    return values


def street(rng):
    """Depth [m] and image of a street between two walls, with boxes on it."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (u - WIDTH / 2 + 0.5) / FOCAL, (v - HEIGHT / 2 + 0.5) / FOCAL
    with np.errstate(divide='ignore'):
        ground, walls = np.where(y > 0, 1.6 / y, np.inf), 7 / np.abs(x)
    walls = np.where(y * walls < -5, np.inf, walls)
    depth = np.minimum(ground, walls)
    kind = np.where(ground <= walls, 0, 1)
    for _ in range(14):
        z, centre, half, tall = rng.uniform((5, -5, 0.3, 0.8), (30, 5, 1, 2.2))
        inside = (np.abs(x * z - centre) < half) & (y * z < 1.6) & (y * z > 1.6 - tall) & (z < depth)
        depth, kind = np.where(inside, z, depth), np.where(inside, 2 + int(10 * z) % 4, kind)
    depth = np.where(depth < 60, depth, np.nan)
    paints = np.array([(105, 104, 100), (150, 128, 104), (178, 66, 50), (58, 96, 160), (196, 160, 60),
                       (70, 120, 80)])
    pattern = (np.floor(np.nan_to_num(x * depth * 1.5)) + np.floor(np.nan_to_num(y * depth * 1.5))
               + np.floor(np.nan_to_num(depth * 0.7))) % 2
    image = paints[kind] * (0.85 + 0.25 * pattern[..., None]) + rng.normal(0, 5, (HEIGHT, WIDTH, 1))
    image = np.where(np.isfinite(depth)[..., None], image, (168, 196, 226))
    return depth.astype(np.float32), np.clip(image, 0, 255).astype(np.uint8)


def picture(frame, error):
    """Image, depth and error side by side, as base64 of a JPEG."""
    depth, image = frame
    wrong = depth * (1 + 0.06 * error * np.sin(depth))
    sheet = np.vstack([image, pictures.depth_panel(wrong).picture,
                       pictures.error_panel(estimate=300 / wrong, target=300 / depth).picture])
    done, data = cv2.imencode('.jpg', sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return base64.b64encode(data.tobytes()).decode()


def cloud(frame):
    depth, image = frame
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack([u - WIDTH / 2 + 0.5, v - HEIGHT / 2 + 0.5, np.full(u.shape, FOCAL)], axis=-1) / FOCAL
    return packed_cloud((rays * depth[..., None]).reshape(-1, 3), image.reshape(-1, 3))
