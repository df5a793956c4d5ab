"""Images on their way to the networks and back, and maps in colour."""

import cv2
import numpy as np

from depth_models.frames import Image, Map


def to_rgb(image: Image) -> Image:
    """[H,W] grey or [H,W,3] RGB -> [H,W,3] RGB; an RGB image is returned as it is."""
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image


def resized(image: Image, size: tuple[int, ...]) -> Image:
    """An image or a map brought to (height, width); it is returned as it is when it has them already."""
    if image.shape[:2] == size:
        return image
    # areas alias nothing when shrinking, and are blocks when enlarging
    larger = size[0] > image.shape[0] or size[1] > image.shape[1]
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)


def nearest(values: Map, size: tuple[int, ...]) -> Map:
    """A map brought to (height, width) with pixel edges kept in place, each pixel as the one nearest to it.

    Nothing is blended: at the edge of a thing the mean of two depths lies on neither, and what is
    unknown must not spread. It is returned as it is when it has that size already.
    """
    if values.shape == size:
        return values
    return np.asarray(cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT))


def shift_columns(image: Image, columns: int) -> Image:
    """The image moved right by `columns` (left where negative); uncovered columns repeat the edge."""
    if columns == 0:
        return image
    w = image.shape[1]
    source = np.clip(np.arange(w) - columns, 0, w - 1)
    return np.ascontiguousarray(image[:, source])


def in_colour(values: Map, low: float, high: float, colormap: int = cv2.COLORMAP_TURBO) -> Image:
    """[H,W] -> BGR uint8 [H,W,3], `low` and below at the map's start; NaN is black."""
    known = np.isfinite(values)
    scaled = np.zeros(values.shape, np.float32)
    np.subtract(values, low, out=scaled, where=known)
    scaled *= 255.0 / max(high - low, 1e-6)
    levels = np.clip(scaled, 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, colormap)
    colours[~known] = 0
    return colours


def depth_in_colour(depth: Map, near: float, far: float) -> Image:
    """Depth [m] -> BGR uint8 [H,W,3]: near red, far blue, even steps of inverse depth, NaN black.

    Inverse depth, because that is what a camera measures evenly.
    """
    with np.errstate(divide='ignore'):
        return in_colour(1.0 / depth, 1.0 / far, 1.0 / near)
