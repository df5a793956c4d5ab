"""Generated stereo pairs a second on one core: `python -m benchmarks.generated_data`."""

import argparse
import time

import cv2
import numpy as np

from benchmarks.timing import machine, processor_ms
from depth_models.data.layered_scenes import StereoStream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0])
    parser.add_argument('--size', type=int, nargs=2, default=(256, 512),
                        metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--pairs', type=int, default=200)
    options = parser.parse_args()

    cv2.setNumThreads(1)
    print(machine())
    stream = StereoStream(seed=1, size=tuple(options.size))
    started = time.perf_counter()
    next(stream)
    print(f'first pair, with the texture atlas: {time.perf_counter() - started:.2f} s')
    spent = processor_ms(lambda: next(stream), options.pairs)
    median, slow = np.quantile(spent, (0.5, 0.99))
    print(f'{options.size[1]}x{options.size[0]} px: {1e3 / spent.mean():.1f} pairs a second of '
          f'processor time; median {median:.1f} ms, 99th percentile {slow:.1f} ms')


if __name__ == '__main__':
    main()
