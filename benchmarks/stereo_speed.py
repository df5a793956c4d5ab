"""
Every engine and stage beside OpenCV's matchers: `python -m benchmarks.stereo_speed --json FILE`.

One process, one real pair, all of them in turn again and again, so that what else the machine does
hits all alike; medians over the turns, and their ratios. A stage's time runs from two uint8 images
to a float disparity and a confidence of full size, resizing and padding included. OpenCV's matchers
get grey images, with which they are fastest, and their time ends with their fixed-point disparity.

The arithmetic limit is what the network's multiplications and additions would take at the rate of
the matrix product of this machine, measured in the same turns.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import machine
from depth_models.engines import choose
from depth_models.estimators.stereo import StereoMatcher, load_network
from depth_models.evaluation.classical import block_matcher, semi_global_matcher
from depth_models.networks.stereo_networks import STAGES

SIZES = ((375, 1242), (480, 640))  # (height, width)
SEARCHED = 192  # px
SAMPLES = Path(__file__).parents[1] / 'samples'
MATRIX = 1536  # rows and columns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--json', type=Path, help='file for the figures')
    parser.add_argument('--turns', type=int, default=25)
    parser.add_argument('--threads', type=int, default=0, help='of all of them; 0: all cores')
    options = parser.parse_args()

    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    print(f'{machine()}, {threads} threads')
    results = {f'{width}x{height}': measure((height, width), options.turns, threads)
               for height, width in SIZES}
    figures = {'machine': machine(), 'threads': threads, 'sizes': results,
               **ratios(results[f'{SIZES[0][1]}x{SIZES[0][0]}'])}
    for key, value in figures.items():
        if key.startswith('ratio'):
            print(f'{key:32} {value:.3f}')
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + '\n')


def measure(size: tuple[int, int], turns: int, threads: int) -> dict[str, float]:
    """Milliseconds of everything at one size, and the arithmetic of the network [GFLOP]."""
    left, right = pair(size)
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (left, right)]
    peers = {'bm': block_matcher(SEARCHED), 'sgbm': semi_global_matcher(SEARCHED),
             'sgbm_3way': semi_global_matcher(SEARCHED, cv2.STEREO_SGBM_MODE_SGBM_3WAY)}
    matchers = engines(threads)
    spent: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        started = perf_counter()
        work()
        spent.setdefault(name, []).append((perf_counter() - started) * 1e3)

    a = torch.rand(MATRIX, MATRIX)
    for _ in range(turns):
        timed('matrix', lambda: a @ a)
        for name, peer in peers.items():
            timed(name, lambda peer=peer: peer.compute(*grey))  # type: ignore[misc]
        for name, matcher in matchers.items():
            for stage in range(1, STAGES + 1):
                timed(f'{name}_stage{stage}', lambda m=matcher, s=stage: m.compute(  # type: ignore[misc]
                    left, right, stage=s))
    figures = {name: float(np.median(values[1:])) for name, values in spent.items()}  # 1: warm-up
    rate = 2 * MATRIX ** 3 / (min(spent['matrix']) * 1e-3)
    operations = arithmetic(size)
    print(f'\n{size[1]}x{size[0]}, {SEARCHED} px: {operations / 1e9:.2f} GFLOP, matrix product '
          f'{rate / 1e9:.0f} GFLOP/s')
    for name, value in figures.items():
        print(f'  {name:28} {value:8.2f} ms')
    return {**figures, 'gflop': operations / 1e9, 'flop_limit': operations / rate * 1e3}


def engines(threads: int) -> dict[str, StereoMatcher]:
    """A matcher for each engine that is installed; 'auto' is the one that users get.

    'wide' is the wide network by the same engine; all others run the one of the paper's size.
    """
    network = load_network('anynet')
    print(f'auto is {choose()[0].name}: {choose()[1]}')
    made = {'auto': StereoMatcher(network, num_threads=threads),
            'wide': StereoMatcher(load_network('anynet_wide'), num_threads=threads)}
    for name, precision in (('torch', 'fp32'), ('openvino', 'fp32'), ('openvino', 'bf16'),
                            ('onnxruntime', 'fp32')):
        try:
            made[f'{name}_{precision}'] = StereoMatcher(
                network, engine=name, precision=precision, device='cpu', num_threads=threads)
        except ValueError as error:
            print(f'left out: {error}')
    return made


def pair(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The sample pair, scaled to the width and cropped to the height."""
    height, width = size
    images = []
    for name in ('aloeL.jpg', 'aloeR.jpg'):
        read = cv2.imread(str(SAMPLES / name))
        if read is None:
            raise FileNotFoundError(f'no sample picture at {SAMPLES / name}')
        image = np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB))
        scale = max(width / image.shape[1], height / image.shape[0])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        images.append(np.ascontiguousarray(image[:height, :width]))
    return images[0], images[1]


def arithmetic(size: tuple[int, int]) -> int:
    """Multiplications and additions of all stages."""
    padded = [-(-n // 16) * 16 for n in size]
    image = torch.zeros(1, *padded, 3)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        load_network('anynet').eval()(image, image, SEARCHED)
    return counter.get_total_flops()


def ratios(ms: dict[str, float]) -> dict[str, float]:
    """What the automatic engine takes, over what others take."""
    made = {f'ratio_stage{stage}_over_sgbm3way': ms[f'auto_stage{stage}'] / ms['sgbm_3way']
            for stage in range(1, STAGES + 1)}
    last = ms[f'auto_stage{STAGES}']
    return {**made, 'ratio_stage4_over_sgbm': last / ms['sgbm'],
            **{f'ratio_wide_stage{stage}_over_sgbm': ms[f'wide_stage{stage}'] / ms['sgbm']
               for stage in range(1, STAGES + 1)},
            'ratio_stage4_over_eager': last / ms['torch_fp32_stage4'],
            'ratio_stage4_over_flop_limit': last / ms['flop_limit']}


if __name__ == '__main__':
    main()
