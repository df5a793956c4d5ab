"""Coarse-to-fine node: one camera in; depth, points, confidence out, of the coarse or the fine network."""

from dataclasses import dataclass
from functools import partial

from depth_models.estimators.mono import MonoEstimator
from depth_nodes.image_node import ImageNode, ImageParams, mono_estimator
from depth_nodes.lifecycle import run
from depth_nodes.parameters import param

COARSE_TO_FINE, STAGES = 'coarse_to_fine', 2


@dataclass(frozen=True)
class CoarseToFineParams(ImageParams):
    """Every parameter of the coarse-to-fine node; config/coarse_to_fine.yaml and the README follow it."""

    weights: str = param(COARSE_TO_FINE, 'Shipped weights by name (coarse_to_fine), or the path of a '
                         '.safetensors file.')
    stage: int = param(
        0, 'Last network to run: 1 coarse, 2 fine; 0: fine where the latency budget allows.',
        low=0, high=STAGES, live=True)


def load(params: CoarseToFineParams) -> MonoEstimator:
    return mono_estimator(COARSE_TO_FINE, params.weights, **params.engine_options())


make_node = partial(ImageNode, 'coarse_to_fine_node', CoarseToFineParams, load)


def main() -> None:
    run(make_node)


if __name__ == '__main__':
    main()
