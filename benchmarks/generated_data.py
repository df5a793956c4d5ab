"""Generated stereo pairs a second on one core: `python benchmarks/generated_data.py`."""

import argparse
import platform
import time

import cv2
import numpy as np

from depth_models.data.layered_scenes import StereoStream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0])
    parser.add_argument('--size', type=int, nargs=2, default=(256, 512),
                        metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--pairs', type=int, default=200)
    options = parser.parse_args()

    cv2.setNumThreads(1)
    stream = StereoStream(seed=1, size=tuple(options.size))
    started = time.perf_counter()
    next(stream)
    print(f'first pair, with the texture atlas: {time.perf_counter() - started:.2f} s')
    seconds = []
    for _ in range(options.pairs):
        # of this process, so that what else runs on the machine counts less
        started = time.process_time()
        next(stream)
        seconds.append(time.process_time() - started)
    median, slow = np.quantile(seconds, (0.5, 0.99)) * 1e3
    print(f'{options.size[1]}x{options.size[0]} px: {1 / np.mean(seconds):.1f} pairs a second of '
          f'processor time; median {median:.1f} ms, 99th percentile {slow:.1f} ms '
          f'({platform.machine()}, OpenCV {cv2.__version__}, numpy {np.__version__})')


if __name__ == '__main__':
    main()
