"""
Networks of one camera beside their baseline: `python -m benchmarks.mono_speed --json FILE`.

One process, 640x480, every network by every engine in turn again and again, so that what else the
machine does hits all alike; medians over the turns. A time runs from a uint8 image to depth (and
confidence, which the baseline has not) of full size; `fine` is the second step alone.

`ratio_A_over_B` tells how many times as fast A is as B, in the same run and by the same engine:
the report's own figure for U-Net over baseline, on a GPU, is 5.8. Weights are random: no network
takes another way for what it sees.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.baseline_unet import BaselineUNet
from benchmarks.timing import machine
from depth_models.engines import Model, choose
from depth_models.engines.engine import Engine
from depth_models.engines.export import to_onnx
from depth_models.networks.coarse_to_fine import CoarseToFine, CoarseToFineConfig
from depth_models.networks.graph import Graph
from depth_models.networks.mono_graphs import IMAGE, coarse_to_fine_graphs, unet_graphs
from depth_models.networks.mono_unet import MonoUNet, MonoUNetConfig

SIZE = (480, 640)  # (height, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--json', type=Path, help='file for the figures')
    parser.add_argument('--turns', type=int, default=15)
    parser.add_argument('--threads', type=int, default=0, help='0: all cores')
    options = parser.parse_args()
    if options.turns < 2:
        parser.error(f'--turns must be 2 or more, the first one is warm-up, got {options.turns}')

    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    print(f'{machine()}, {threads} threads')
    torch.manual_seed(0)
    # as they ship
    unet, both = MonoUNet(MonoUNetConfig(equalized=True)).eval(), CoarseToFine(CoarseToFineConfig(
        equalized=True, fine_window=33)).eval()
    baseline = BaselineUNet().eval()
    graphs = {'unet': unet_graphs(unet), 'baseline': [Graph('baseline', baseline, (IMAGE,), ('depth_1',))],
              'coarse_to_fine': coarse_to_fine_graphs(both)}
    networks = {'unet': unet, 'baseline': baseline, 'coarse_to_fine': both}
    # before an engine moves a network to a GPU
    arithmetic = {name: gflop(network) for name, network in networks.items()}
    parameters = {name: sum(p.numel() for p in n.parameters()) for name, n in networks.items()}
    ms = measure(graphs, engines(threads), options.turns)
    made = ratios(ms)
    for name in networks:
        print(f'{name:32} {parameters[name] / 1e6:8.3f} M parameters, {arithmetic[name]:.1f} GFLOP')
    for name, value in ms.items():
        print(f'{name:32} {value:8.2f} ms')
    for name, value in made.items():
        print(f'{name:44} {value:.2f}')
    figures = {'machine': machine(), 'threads': threads, 'size': f'{SIZE[1]}x{SIZE[0]}', 'ms': ms,
               'parameters': parameters, 'gflop': arithmetic, **made}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + '\n')


def engines(threads: int) -> dict[str, Engine]:
    """Those that are installed; 'auto' is the one that users get."""
    auto, reason = choose(num_threads=threads)
    print(f'auto is {auto.name} {auto.precision} on {auto.device}: {reason}')
    made = {'auto': auto}
    for name, precision in (('torch', 'fp32'), ('openvino', 'fp32'), ('openvino', 'bf16'),
                            ('onnxruntime', 'fp32')):
        try:
            made[f'{name}_{precision}'] = choose(
                name, precision=precision, device='cpu', num_threads=threads)[0]
        except ValueError as error:
            print(f'left out: {error}')
    return made


def measure(graphs: dict[str, list[Graph]], engines: dict[str, Engine], turns: int) -> dict[str, float]:
    """Milliseconds of each network by each engine; of coarse to fine, of each of its steps."""
    image = np.random.default_rng(5).integers(0, 256, (1, *SIZE, 3), dtype=np.uint8)
    models: dict[str, Model] = {}
    for name, steps in graphs.items():
        files = to_onnx(steps, {IMAGE: torch.from_numpy(image)})
        for title, engine in engines.items():
            models[f'{name}_{title}'] = Model(
                engine, steps, files if engine.needs_onnx else [b''] * len(steps))
    spent: dict[str, list[list[float]]] = {}
    for _ in range(turns):
        for name, model in models.items():
            spent.setdefault(name, []).append(times(model, image))
    medians = {name: np.median(values[1:], axis=0) for name, values in spent.items()}  # 1: warm-up
    ms = {}
    for name, values in medians.items():
        titles = ('coarse', 'fine') if len(values) == 2 else ('',)
        for title, value in zip(titles, values, strict=True):
            ms[name.replace('coarse_to_fine', title)] = float(value)
    return ms


def times(model: Model, image: NDArray[np.uint8]) -> list[float]:
    """Milliseconds of each step, its answer read."""
    spent, started = [], perf_counter()
    for step, tensor in enumerate(model.run({IMAGE: image}), start=1):
        tensor(f'depth_{step}')
        ended = perf_counter()
        spent.append((ended - started) * 1e3)
        started = ended
    return spent


def gflop(network: nn.Module) -> float:
    """Multiplications and additions, in 10^9."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *SIZE, 3))
    return counter.get_total_flops() / 1e9


def ratios(ms: dict[str, float]) -> dict[str, float]:
    """How many times as fast: U-Net as the baseline, the automatic engine as eager torch."""
    engines = [name.removeprefix('unet_') for name in ms if name.startswith('unet_')]
    return {
        **{f'ratio_unet_over_baseline_{engine}': ms[f'baseline_{engine}'] / ms[f'unet_{engine}']
           for engine in engines},
        **{f'ratio_auto_over_eager_{name}': ms[f'{name}_torch_fp32'] / ms[f'{name}_auto']
           for name in ('unet', 'baseline', 'coarse', 'fine')}}


if __name__ == '__main__':
    main()
