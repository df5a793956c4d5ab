"""`depth-nodes <command>`: what the library does without ROS and without a line of Python."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from depth_models.engines.export import to_onnx
from depth_models.estimators.stereo import load_anynet
from depth_models.networks.anynet import COARSEST
from depth_models.networks.anynet_graphs import IMAGES, LEFT, stage_graphs


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='depth-nodes', description='Depth from cameras, without ROS.')
    commands = parser.add_subparsers(dest='command', required=True)
    export = commands.add_parser(
        'export', help='write the stages of a network as ONNX files',
        description='Write the stages of AnyNet as ONNX files, and graphs.json, which says what goes '
                    'in and what comes out.')
    export.add_argument('out', type=Path, help='folder for the files; made if it is not there')
    export.add_argument('--weights', default='anynet', help='shipped name or .safetensors file')
    export.add_argument('--width', type=int, default=1248, help='px, a multiple of 16')
    export.add_argument('--height', type=int, default=384, help='px, a multiple of 16')
    export.add_argument('--max-disparity', type=int, default=192, help='px, a multiple of 16')
    chosen = parser.parse_args(arguments)
    commands_: dict[str, Callable[[argparse.Namespace], None]] = {'export': export_stages}
    try:
        commands_[chosen.command](chosen)
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f'depth-nodes {chosen.command}: {error}')


def export_stages(options: argparse.Namespace) -> None:
    """Write stage_1.onnx to stage_4.onnx and graphs.json."""
    for name in ('width', 'height', 'max_disparity'):
        if getattr(options, name) < COARSEST or getattr(options, name) % COARSEST:
            raise ValueError(f'{name} must be a positive multiple of {COARSEST} px, '
                             f'got {getattr(options, name)}')
    network = load_anynet(options.weights)
    graphs = stage_graphs(network, options.max_disparity)
    images = torch.zeros(2, options.height, options.width, 3, dtype=torch.uint8)
    files = to_onnx(graphs, {IMAGES: images, LEFT: images[:1]})
    options.out.mkdir(parents=True, exist_ok=True)
    for graph, data in zip(graphs, files, strict=True):
        (options.out / f'{graph.name}.onnx').write_bytes(data)
        print(f'wrote {options.out / graph.name}.onnx')
    described = {
        IMAGES: f'uint8 [2,{options.height},{options.width},3] RGB: left, right',
        LEFT: f'uint8 [1,{options.height},{options.width},3]: the first of them',
        'disparity_k': 'float32 [1,1,h,w], in columns of its own grid: times width / w it is in px '
                       'of the image',
        'confidence_k': 'float32 [1,1,h,w]: the sigmoid of it, resized, is a probability',
        'max_disparity': options.max_disparity,
        'graphs': [{'file': f'{graph.name}.onnx', 'inputs': graph.inputs, 'outputs': graph.outputs}
                   for graph in graphs]}
    (options.out / 'graphs.json').write_text(json.dumps(described, indent=2) + '\n')
    print(f'wrote {options.out / "graphs.json"}')


if __name__ == '__main__':
    main()
