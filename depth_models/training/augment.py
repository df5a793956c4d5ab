"""More of a real pair: a crop, a stretch, a flip, other cameras. Disparity stays true throughout."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data.camera_effects import photograph
from depth_models.data.samples import StereoSample
from depth_models.training.config import AugmentConfig

Change = Callable[[NDArray[Any]], NDArray[Any]]  # what moves pixels and leaves them as they are


def augmented(rng: np.random.Generator, sample: StereoSample, config: AugmentConfig) -> StereoSample:
    """The pair as other cameras might have seen it; its camera numbers no longer hold."""
    sample = stretched(sample, float(np.exp(
        rng.uniform(-1.0, 1.0) * np.log(config.largest_scale))))
    if rng.random() < config.vertical_flip:  # rows still match, and left stays left
        sample = _each(sample, lambda array: array[::-1])
    if rng.random() < config.camera_effects:
        left, right = photograph(rng, sample.left.astype(np.float32), sample.right.astype(np.float32))
        sample = StereoSample(left, right, sample.disparity, sample.visible)
    return sample


def stretched(sample: StereoSample, scale: float) -> StereoSample:
    """The pair made `scale` times as wide, and its disparity with it."""
    height, width = sample.disparity.shape
    new = (max(round(width * scale), 1), height)
    if new[0] == width:
        return StereoSample(sample.left, sample.right, sample.disparity, sample.visible)
    how = cv2.INTER_AREA if new[0] < width else cv2.INTER_LINEAR
    left, right = (cv2.resize(image, new, interpolation=how) for image in (sample.left, sample.right))
    # the nearest value: between two surfaces no mean of theirs is true
    disparity = cv2.resize(sample.disparity, new, interpolation=cv2.INTER_NEAREST)
    visible = sample.visible
    if visible is not None:
        visible = cv2.resize(visible.astype(np.uint8), new, interpolation=cv2.INTER_NEAREST) > 0
    return StereoSample(left, right, disparity * np.float32(new[0] / width), visible)


def cropped(rng: np.random.Generator, sample: StereoSample, size: tuple[int, int]) -> StereoSample:
    """A window of `size` = (height, width) at a random place, the same in both views.

    What a smaller image lacks is filled with its last row and column, of unknown disparity.
    """
    height, width = sample.disparity.shape
    lacks = [max(need - have, 0) for need, have in zip(size, (height, width))]
    top = int(rng.integers(0, max(height - size[0], 0) + 1))
    left = int(rng.integers(0, max(width - size[1], 0) + 1))
    window = np.s_[top:top + size[0], left:left + size[1]]
    sample = _each(sample, lambda array: array[window])
    if not any(lacks):
        return sample
    rows_columns = ((0, lacks[0]), (0, lacks[1]))
    left_image, right_image = (np.pad(image, (*rows_columns, (0, 0)), mode='edge')
                               for image in (sample.left, sample.right))
    visible = sample.visible
    if visible is not None:
        visible = np.pad(visible, rows_columns)
    disparity = np.pad(sample.disparity, rows_columns, constant_values=np.nan)
    return StereoSample(left_image, right_image, disparity, visible)


def _each(sample: StereoSample, change: Change) -> StereoSample:
    visible = None if sample.visible is None else change(sample.visible)
    return StereoSample(change(sample.left), change(sample.right), change(sample.disparity), visible)
