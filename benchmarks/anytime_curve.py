"""
Error against latency, a picture: `python -m benchmarks.anytime_curve --speed A --accuracy B OUT.png`.

A is the JSON of benchmarks.stereo_speed, B that of `depth-nodes evaluate stereo`. Needs matplotlib.
"""

import argparse
import json
from pathlib import Path

from depth_models.networks.stereo_networks import STAGES

OPENCV = {'BM': 'bm', 'SGBM': 'sgbm', 'SGBM 3-way': 'sgbm_3way'}  # name here: name in A and B
# weights: name before the stages in A, in B, and the colour
NETWORKS = {'anynet': ('auto_', 'anynet_', '#d1495b'), 'anynet_wide': ('wide_', '', '#66a182')}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--speed', type=Path, required=True, help='of benchmarks.stereo_speed')
    parser.add_argument('--accuracy', type=Path, required=True, help='of depth-nodes evaluate stereo')
    parser.add_argument('--size', default='1242x375')
    parser.add_argument('out', type=Path)
    options = parser.parse_args()
    try:
        from matplotlib import pyplot
    except ImportError:
        parser.exit(1, 'needs matplotlib: pip install matplotlib\n')

    speed = json.loads(options.speed.read_text())
    ms = speed['sizes'][options.size]
    bad2 = {method: figures['bad2'] for method, figures in
            json.loads(options.accuracy.read_text())['mean'].items()}
    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), dpi=120)
    for weights, (in_speed, in_accuracy, colour) in NETWORKS.items():
        stages = [(ms[f'{in_speed}stage{k}'], bad2[f'{in_accuracy}stage{k}'])
                  for k in range(1, STAGES + 1)]
        axes.plot(*zip(*stages), 'o-', color=colour, label=f'{weights}, stages 1 to 4')
        for number, at in enumerate(stages, start=1):
            axes.annotate(str(number), at, textcoords='offset points', xytext=(6, 5), color=colour)
    for name, key in OPENCV.items():
        axes.plot(ms[key], bad2[key], 's', color='#30638e')
        axes.annotate(name, (ms[key], bad2[key]), textcoords='offset points', xytext=(0, -14),
                      ha='center', color='#30638e')
    axes.margins(0.12)
    axes.set(xlabel=f'latency at {options.size}, {speed["threads"]} threads [ms]', xlim=(0, None),
             ylabel='pixels off by more than 2 px [%]', ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out)
    print(f'wrote {options.out}')


if __name__ == '__main__':
    main()
