"""Depth and confidence from one image: the library's face of the mono networks."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from depth_models.estimators.prepared import (
    FINISH,
    PreparedEstimator,
    Size,
    at_full_size,
    check_stage,
    fill,
    load,
    rounded_up,
    scaled,
    sigmoid,
)
from depth_models.frames import Image, Map, MonoEstimate, MonoFrame
from depth_models.networks.graph import Graph
from depth_models.networks.mono_graphs import IMAGE
from depth_models.networks.mono_networks import KINDS, kind_of

SHORTER_SIDE = 'shorter_side'  # in the notes of a weight file: px, of the images of its training


class ImageEstimator(PreparedEstimator):
    """Estimates depth from one image; what its network says becomes depth in who derives from it.

    Not safe for use by several threads at once: give each its own.
    """

    def __init__(self, kind: str, graphs: Sequence[Graph], *, multiple: int, shorter_side: int,
                 metric: bool, **options: Any) -> None:
        """graphs: number k gives 'depth_k', [1,1,H,W]. multiple: px, of the sides of their input.

        shorter_side: px, to which that of an image is brought for the network, which knows things by
        the size that they had in its training; 0: images stay as they are. metric: depth is in m.
        options: engine, precision, device, num_threads, clock: see `PreparedEstimator`.
        """
        if shorter_side < 0:
            raise ValueError(f'shorter_side must be 0 or more px, got {shorter_side}')
        super().__init__(kind, **options)
        self.metric, self.stages = metric, len(graphs)
        self._stages, self._multiple, self._shorter_side = list(graphs), multiple, shorter_side

    def compute(self, image: Image, *, stage: int = 0, deadline: float | None = None,
                scale: float = 1.0) -> MonoEstimate:
        """Depth of an image: uint8 [H,W,3] RGB or [H,W] grey, any size.

        stage: the last one to run, from 1 on; 0: as far as the deadline allows (all without one).
        deadline: on the estimator's clock; stage 1 always runs. A fixed stage ignores it.
        scale: of the image that the network sees, 0..1; the estimate has the size of `image` anyway.

        Raises ValueError when the image is none or `stage` is out of range.
        """
        check_stage(stage, self.stages)
        MonoFrame(image)  # says what does not fit
        size = image.shape[0], image.shape[1]
        prepared, laps = self._start(size, scale)
        fill(prepared.inputs[IMAGE][0], image, prepared.grid)
        laps.took('preparation')
        reached, maps = next((number, maps) for number, maps, last in self._run(
            prepared, laps, stage=stage, deadline=deadline) if last)

        def full(name: str) -> Map:
            return at_full_size(maps(f'{name}_{reached}'), prepared.grid, prepared.grid, size)

        depth = self._depth(full('depth'))
        confidence = (sigmoid(full('confidence')) if f'confidence_{reached}' in self._outputs
                      else np.full(size, np.nan, np.float32))
        laps.took(FINISH, FINISH)
        return MonoEstimate(depth=depth, confidence=confidence, metric=self.metric, stage=reached,
                            scale=scale, network=self._kind, seconds=laps.seconds)

    @abstractmethod
    def _depth(self, output: Map) -> Map:
        """Depth from a stage's 'depth_k', brought to the size of the image."""

    @property
    def _outputs(self) -> set[str]:
        return {name for graph in self._stages for name in graph.outputs}

    def _key(self, size: Size, scale: float) -> tuple[int, ...]:
        height, width = scaled(size, scale * (self._shorter_side / min(size) if self._shorter_side else 1.0))
        return self._side(height), self._side(width)

    def _side(self, wanted: int) -> int:
        """The length [px] that a side takes. Stretched a little, because padding is taken for things."""
        return rounded_up(wanted, self._multiple)

    def _graphs(self, key: tuple[int, ...]) -> list[Graph]:
        return self._stages

    def _inputs(self, key: tuple[int, ...]) -> Mapping[str, NDArray[np.uint8]]:
        return {IMAGE: np.full((1, *key, 3), 127, np.uint8)}

    def _rehearse(self, size: Size, scale: float) -> None:
        self.compute(np.full(size, 127, np.uint8), scale=scale)


class MonoEstimator(ImageEstimator):
    """Depth in m, as far as one image tells it, with its confidence.

    >>> estimator = MonoEstimator.from_pretrained('mono_unet')
    >>> estimate = estimator.compute(image)  # uint8 [H,W,3] RGB or [H,W], any size
    >>> estimate.depth, estimate.confidence  # float32 [H,W]

    The mono U-Net has one stage; coarse to fine has two.
    """

    def __init__(self, network: nn.Module, *, shorter_side: int = 0, **options: Any) -> None:
        """network: one of `depth_models.networks.mono_networks`. Options: see `ImageEstimator`."""
        kind = kind_of(network)
        super().__init__(kind, KINDS[kind].graphs(network.eval()), multiple=KINDS[kind].multiple,
                         shorter_side=shorter_side, metric=True, **options)
        self.max_depth = float(network.config.max_depth)  # type: ignore[arg-type, union-attr]  # m

    @classmethod
    def from_pretrained(cls, name_or_path: str = 'mono_unet', **options: Any) -> 'MonoEstimator':
        """With shipped weights ('mono_unet', 'coarse_to_fine') or those of a .safetensors file.

        options: as of the constructor; `shorter_side` is by default what the file's notes say.
        Raises FileNotFoundError or ValueError, in one sentence.
        """
        network, notes = load(name_or_path, KINDS)
        return cls(network, **{SHORTER_SIDE: int(notes.get(SHORTER_SIDE, 0)), **options})

    def describe(self) -> dict[str, str]:
        """What runs, for people: network, engine and why this one, device, precision, range."""
        return {**super().describe(), 'max_depth_m': f'{self.max_depth:g}'}

    def _depth(self, output: Map) -> Map:
        return output * np.float32(self.max_depth)
