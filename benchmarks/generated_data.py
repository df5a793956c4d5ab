"""Generated stereo pairs a second on one core, by kind: `python -m benchmarks.generated_data`."""

import argparse
import time
from itertools import count

import cv2
import numpy as np

from benchmarks.timing import machine, processor_ms
from depth_models.data.generate import GeneratedStereo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0])
    parser.add_argument('--size', type=int, nargs=2, default=(256, 512),
                        metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--pairs', type=int, default=100)
    options = parser.parse_args()

    cv2.setNumThreads(1)
    print(machine())
    for scenes in ('layered', 'world'):
        pairs = GeneratedStereo(10_000, size=tuple(options.size), scenes=scenes)
        started = time.perf_counter()
        pairs[0]
        first = time.perf_counter() - started  # with what all pairs share: the texture atlas
        numbers = count(1)
        spent = processor_ms(lambda: pairs[next(numbers)], options.pairs)  # noqa: B023
        median, slow = np.quantile(spent, (0.5, 0.99))
        print(f'{scenes}, {options.size[1]}x{options.size[0]} px: {1e3 / spent.mean():.1f} pairs a second '
              f'of processor time; median {median:.1f} ms, 99th percentile {slow:.1f} ms; '
              f'the first one {first:.2f} s')


if __name__ == '__main__':
    main()
