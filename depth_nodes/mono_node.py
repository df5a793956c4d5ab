"""Mono node: one camera in; depth, points, confidence out. Its network: the U-Net, or Depth Anything V2."""

from dataclasses import dataclass
from functools import partial

from depth_models.estimators.depth_anything import NAMES, DepthAnything
from depth_models.estimators.mono import ImageEstimator
from depth_nodes.image_node import ImageNode, ImageParams, mono_estimator
from depth_nodes.lifecycle import run
from depth_nodes.parameters import param

MONO_UNET = 'mono_unet'


@dataclass(frozen=True)
class MonoParams(ImageParams):
    """Every parameter of the mono node; config/mono.yaml and the README follow it."""

    model: str = param(
        MONO_UNET, 'The network; depth_anything_v2_... need the package transformers.',
        choices=(MONO_UNET, *NAMES))
    weights: str = param(
        '', 'Other weights than those of that name: the path of a .safetensors file; of '
        'depth_anything_v2_... a folder, or owner/name of the Hugging Face hub.')
    shorter_side: int = param(
        0, 'The shorter side of images is brought to this for the network [px]; 0: to that of its training.',
        low=0, high=4096)


def load(params: MonoParams) -> ImageEstimator:
    options = params.engine_options()
    if params.shorter_side:
        options['shorter_side'] = params.shorter_side
    weights = params.weights or params.model
    if params.model == MONO_UNET:
        return mono_estimator(MONO_UNET, weights, **options)
    return DepthAnything.from_pretrained(weights, **options)


make_node = partial(ImageNode, 'mono_node', MonoParams, load)


def main() -> None:
    run(make_node)


if __name__ == '__main__':
    main()
