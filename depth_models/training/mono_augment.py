"""
One image with its depth, brought to the size of a training and made more of.

Depth stays what it is, in metres. Resizing and cropping make it the image of another camera, and no
network here is told which: they learn the scale that goes with the views of their training.
"""

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data.samples import DepthSample
from depth_models.frames import Image
from depth_models.training.mono_config import MonoAugmentConfig


def covering(sample: DepthSample, size: tuple[int, int]) -> DepthSample:
    """The whole view, as small as covers `size` = (height, width), neither stretched nor squeezed."""
    height, width = sample.depth.shape
    scale = max(size[0] / height, size[1] / width)
    new = (max(round(height * scale), size[0]), max(round(width * scale), size[1]))
    if new == (height, width):
        return sample.changed(_as_it_is, _as_it_is)

    def resized(array: NDArray[Any], how: int) -> NDArray[Any]:
        return np.asarray(cv2.resize(array, new[::-1], interpolation=how))

    # the nearest value: between two surfaces no mean of theirs is true
    return sample.changed(lambda image: resized(image, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR),
                          lambda depth: resized(depth, cv2.INTER_NEAREST_EXACT))


def augmented(rng: np.random.Generator, sample: DepthSample, config: MonoAugmentConfig) -> DepthSample:
    """Flipped left to right or not, and turned about its middle."""
    if rng.random() < config.horizontal_flip:
        sample = sample.changed(_flipped, _flipped)
    if config.light:
        sample = sample.changed(lambda image: relit(rng, image, config), _as_it_is)
    degrees = rng.uniform(-1.0, 1.0) * config.largest_rotation
    return sample if degrees == 0 else turned(sample, degrees)


def relit(rng: np.random.Generator, image: Image, config: MonoAugmentConfig) -> Image:
    """Another exposure, gamma, white balance, saturation and noise: `light`, `colours` and `gamma`."""
    strength = config.light
    levels = np.linspace(0, 1, 256)
    gain = np.exp(strength * (rng.normal(0, 0.3) + rng.normal(0, 0.1, 3)))  # exposure, white balance
    gamma = config.gamma * np.exp(strength * rng.normal(0, 0.3))
    table = np.clip(255 * gain * levels[:, None] ** gamma, 0, 255).astype(np.uint8)
    lit = np.asarray(cv2.LUT(image, table[:, None]))
    share = rng.uniform(1 - strength, config.colours)  # of the colours; the rest is grey
    grey = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    lit = np.asarray(cv2.addWeighted(lit, share, grey, 1 - share, 0))
    noise = rng.normal(0, 1, lit.shape).astype(np.float32) * np.float32(strength * rng.uniform(0, 8))
    return np.clip(lit + noise, 0, 255).astype(np.uint8)


def turned(sample: DepthSample, degrees: float) -> DepthSample:
    """Counterclockwise about the middle. Depth along the optical axis stays; the corners have none."""
    height, width = sample.depth.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return sample.changed(
        lambda image: cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR,
                                     borderMode=cv2.BORDER_REFLECT_101),
        lambda depth: np.asarray(cv2.warpAffine(
            depth, matrix, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT,
            borderValue=float('nan')), np.float32))


class Displacement(Protocol):
    """How often an image lies beside its depth, and how far."""

    @property
    def displaced(self) -> float:
        """Share of the views."""

    @property
    def most_displacement(self) -> float:
        """px"""


def displaced(rng: np.random.Generator, image: Image, config: Displacement) -> Image:
    """The image moved by a few px against depth, or not: few RGB-D cameras are registered exactly."""
    if rng.random() >= config.displaced:
        return image
    right, down = rng.uniform(-config.most_displacement, config.most_displacement, 2)
    matrix = np.array([[1, 0, right], [0, 1, down]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT_101)


def cropped(rng: np.random.Generator, sample: DepthSample, size: tuple[int, int]) -> DepthSample:
    """A window of `size` = (height, width), which the view covers, at a random place."""
    top, left = (int(rng.integers(have - need + 1)) for have, need in zip(sample.depth.shape, size))
    window = np.s_[top:top + size[0], left:left + size[1]]
    return sample.changed(lambda image: image[window], lambda depth: depth[window])


def _as_it_is(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _flipped(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[:, ::-1])
