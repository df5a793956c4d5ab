"""What `depth-nodes export` does: the stages of a stereo network as ONNX files for other programs."""

import argparse
import json
from pathlib import Path

import torch

from depth_models.engines.export import to_onnx
from depth_models.estimators.stereo import load_network
from depth_models.networks.anynet_graphs import IMAGES, LEFT
from depth_models.networks.stereo_networks import KINDS, kind_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `depth-nodes export`."""
    parser.add_argument('out', type=Path, help='folder for the files; made if it is not there')
    parser.add_argument('--weights', default='anynet_wide', help='shipped name or .safetensors file')
    parser.add_argument('--width', type=int, default=1248, help='px, a multiple of 16, of 32 for anynet_wide')
    parser.add_argument('--height', type=int, default=384, help='px, the same')
    parser.add_argument('--max-disparity', type=int, default=192, help='px, the same')


def run(options: argparse.Namespace) -> None:
    """Write stage_1.onnx to stage_4.onnx, and graphs.json, which says what goes in and comes out."""
    network = load_network(options.weights)
    kind = KINDS[kind_of(network)]
    for name in ('width', 'height', 'max_disparity'):
        if getattr(options, name) < kind.multiple or getattr(options, name) % kind.multiple:
            raise ValueError(f'{name} must be a positive multiple of {kind.multiple} px, '
                             f'got {getattr(options, name)}')
    graphs = kind.graphs(network, options.max_disparity)
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
