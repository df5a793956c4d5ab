"""
Depth super-resolution beside an SRGAN: `python -m benchmarks.super_resolution_speed --json FILE`.

One process, 160x120 to 640x480, everything in turn again and again, so that what else the machine does
hits all alike; medians over the turns. A time runs from a low-resolution map to a depth map of full size,
with confidence where there is one; `guided` has its relative depth given, `guided_mono_unet` makes it of
the image. `srgan` is a generator of the size of SRGAN's (`benchmarks.srgan_generator`) by the same engines,
from array to array, with nothing else of what its users would pay. `bicubic` is OpenCV's.

`ratio_srgan_over_depth_only` tells how many times as fast ours is, in the same run and with the automatic
engine. Weights are random but those of the mono network: no network takes another way for what it has
learned.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import srgan_generator
from benchmarks.timing import machine
from depth_models.engines import Model, choose
from depth_models.engines.export import to_onnx
from depth_models.estimators.relative_depth import MONO_UNET, RelativeDepth
from depth_models.estimators.super_resolution import DepthUpscaler
from depth_models.frames import Image, Map
from depth_models.networks.depth_gan import DepthGAN, DepthGANConfig
from depth_models.networks.guided_super_resolution import GuidedConfig, GuidedSuperResolution

FACTOR = 4
SIZE = (480, 640)  # (height, width) of what comes out
# of the shipped guided network
SMALL = GuidedConfig(patch=4, widths=(32, 48, 64, 96, 128), encoder=(1, 1, 1, 1), middle=2,
                     decoder=(1, 1, 1, 1))
ENGINES = ('auto', 'torch')

Work = dict[str, Callable[[], object]]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--json', type=Path, help='file for the figures')
    parser.add_argument('--turns', type=int, default=15)
    parser.add_argument('--threads', type=int, default=0, help='of all that have some; 0: all cores')
    options = parser.parse_args(arguments)
    if options.turns < 2:
        parser.error(f'--turns must be 2 or more, the first one is warm-up, got {options.turns}')

    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    print(f'{machine()}, {threads} threads')
    ms = measure(threads, options.turns)
    ratios = ratios_of(ms)
    rates = {name: 1e3 / spent for name, spent in ms.items()}
    sizes = {name: size_of(network, inputs) for name, (network, inputs) in networks().items()}
    for name, spent in ms.items():
        print(f'  {name:28} {spent:9.2f} ms {rates[name]:9.1f} frames a second')
    for name, ratio in ratios.items():
        print(f'  {name:44} {ratio:9.2f}')
    for name, size in sizes.items():
        print(f'  {name:28} {size["parameters"]:>10,.0f} parameters {size["gmac"]:8.2f} GMAC')
    if options.json:
        options.json.write_text(json.dumps({
            'machine': machine(), 'threads': threads, 'size': f'{SIZE[1]}x{SIZE[0]}', 'factor': FACTOR,
            'ms': ms, 'frames_a_second': rates, 'ratios': ratios, 'networks': sizes}, indent=2) + '\n')


def ratios_of(ms: dict[str, float]) -> dict[str, float]:
    return {**{f'ratio_srgan_over_{ours}{end}': ms[f'srgan_{engine}'] / ms[f'{ours}_{engine}']
               for engine, end in zip(ENGINES, ('', '_torch')) for ours in ('depth_only', 'guided')},
            'ratio_torch_over_auto': ms['depth_only_torch'] / ms['depth_only_auto'],
            'ratio_depth_only_over_bicubic': ms['depth_only_auto'] / ms['bicubic']}


def measure(threads: int, turns: int) -> dict[str, float]:
    """Median milliseconds of everything."""
    low_res, image = scene()
    work = {**ours(threads, low_res, image), **srgan(threads),
            'bicubic': lambda: cv2.resize(low_res, SIZE[::-1], interpolation=cv2.INTER_CUBIC)}
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(turns):
        for name, once in work.items():
            started = perf_counter()
            once()
            spent[name].append((perf_counter() - started) * 1e3)
    return {name: float(np.median(values[1:])) for name, values in spent.items()}  # 1: warm-up


def ours(threads: int, low_res: Map, image: Image) -> Work:
    """Both networks by the engine that users get, and by eager torch."""
    work: Work = {}
    both = [network for network, _ in networks().values()]
    for engine in ENGINES:
        plain, guided = (DepthUpscaler(network, engine=engine, num_threads=threads) for network in both[:2])
        mono = RelativeDepth.from_pretrained(MONO_UNET, engine=engine, num_threads=threads)
        for estimator in (plain, guided):
            estimator.make_ready((*SIZE, *low_res.shape))
        relative = mono.compute(image)
        print(f'{engine:8} {plain.describe()["engine"]}, {plain.describe()["precision"]}')
        work |= {
            f'depth_only_{engine}': lambda e=plain: e.compute(low_res),  # type: ignore[misc]
            f'guided_{engine}': lambda e=guided, r=relative: e.compute(low_res, image, r),  # type: ignore[misc]
            f'guided_mono_unet_{engine}': lambda e=guided, m=mono: (  # type: ignore[misc]
                e.compute(low_res, image, m.compute(image)))}
    return work


def srgan(threads: int) -> Work:
    """The generator by the same engines."""
    network, (image,) = networks()['srgan']
    assert isinstance(network, srgan_generator.SrganGenerator)
    graphs, work = srgan_generator.graphs(network), Work()
    inputs = {srgan_generator.IMAGE: image.numpy()}
    for engine in ENGINES:
        chosen = choose(engine, num_threads=threads)[0]
        files = to_onnx(graphs, {srgan_generator.IMAGE: image}) if chosen.needs_onnx else [b'']
        model = Model(chosen, graphs, files)
        work[f'srgan_{engine}'] = lambda m=model: [  # type: ignore[misc]
            maps(srgan_generator.LARGER) for maps in m.run(inputs)]
    return work


def networks() -> dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]]:
    """Networks with random weights, and what goes in."""
    torch.manual_seed(0)
    low, (height, width) = (1, 1, SIZE[0] // FACTOR, SIZE[1] // FACTOR), SIZE
    guide = torch.zeros(1, height, width, 3), torch.rand(1, 1, height, width)
    return {'depth_only': (DepthGAN(DepthGANConfig(FACTOR)).eval(), (torch.full(low, 2.0),)),
            'guided': (GuidedSuperResolution(SMALL).eval(), (torch.full(low, 2.0), *guide)),
            'srgan': (srgan_generator.SrganGenerator().eval(), (torch.rand(1, 3, *low[2:]),))}


def size_of(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, float]:
    """Parameters, and multiplications with additions [10^9] of the convolutions of one frame."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return {'parameters': sum(parameter.numel() for parameter in network.parameters()),
            'gmac': counter.get_total_flops() / 2e9}


def scene() -> tuple[Map, Image]:
    """A floor with boxes on it, 1 to 8 m away, and an image of noise; no time depends on what they are."""
    rng = np.random.default_rng(5)
    height, width = SIZE[0] // FACTOR, SIZE[1] // FACTOR
    depth = np.repeat(np.linspace(8, 1.5, height, dtype=np.float32)[:, None], width, axis=1)
    for _ in range(12):
        top, left = int(rng.integers(0, height // 2)), int(rng.integers(0, width // 2))
        depth[top:top + height // 6, left:left + width // 6] = rng.uniform(1, 4)
    return depth, rng.integers(0, 256, (*SIZE, 3), np.uint8)


if __name__ == '__main__':
    main()
