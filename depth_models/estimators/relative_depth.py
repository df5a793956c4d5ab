"""Relative depth for guided super-resolution: what a mono network says of the image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.estimators.depth_anything import NAMES, DepthAnything
from depth_models.estimators.mono import ImageEstimator, MonoEstimator
from depth_models.estimators.prepared import Size
from depth_models.frames import Image, Map

MONO_UNET = 'mono_unet'
SOURCES = (MONO_UNET, *NAMES)  # those of Depth Anything need the optional package `transformers`
NEAREST = 1e-3  # m, or whatever unit a network has; nothing is divided by less


class RelativeDepth:
    """Inverse depth but for a scale and a shift, from one image: large is near.

    >>> relative = RelativeDepth.from_pretrained('mono_unet')
    >>> upscaler.compute(low_res, image, relative.compute(image))
    """

    def __init__(self, estimator: ImageEstimator) -> None:
        self._estimator = estimator

    @classmethod
    def from_pretrained(cls, source: str = MONO_UNET, **options: Any) -> 'RelativeDepth':
        """source: one of SOURCES, a .safetensors file of a mono network, or a folder of Depth Anything.

        options: see `PreparedEstimator`. Raises ImportError, OSError or ValueError, in one sentence.
        """
        if source in NAMES or Path(source).is_dir():
            return cls(DepthAnything.from_pretrained(source, **options))
        return cls(MonoEstimator.from_pretrained(source, **options))

    @property
    def source(self) -> str:
        """The kind of the network."""
        return self._estimator.describe()['model']

    def compute(self, image: Image) -> Map:
        """float32 [H,W] of an image, uint8 [H,W,3] RGB or [H,W] grey."""
        depth = self._estimator.compute(image).depth
        return np.reciprocal(np.maximum(depth, np.float32(NEAREST)))

    def warm_up(self) -> None:
        """As of `PreparedEstimator`."""
        self._estimator.warm_up()

    def make_ready(self, size: Size, scales: Sequence[float] = (1.0,)) -> bool:
        """As of `PreparedEstimator`; size: height and width of the image, whatever follows."""
        return self._estimator.make_ready(size[:2], scales)

    def cost(self, size: Size) -> float:
        """What it will hardly exceed now [s]; size: as of `make_ready`."""
        return self._estimator.cost(size[:2], stage=self._estimator.stages)
