"""
What a low-resolution depth sensor would have given of a known depth map.

`low_res_of` is all of it: cells of f x f px are averaged, then what such sensors do wrong is added, in the
order in which it arises: `bled` at edges, `noised`, `quantized`, `punctured`. Every strength is in parts of
the map's own median, so that a map may have any unit, m or px of disparity alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Map

KNOWN_SHARE = 0.5  # of the pixels of a cell: with fewer its mean is that of another place
EDGE_RATIO = 1.1  # of the depths around a cell: under it a surface is only slanted, and does not bleed
SMALLEST = 0.1  # of a depth: noise leaves as much of it, nothing is measured behind the camera
SINGLE_HOLES = 0.5  # of the missing cells: these lie alone, the others in blobs
PATCH = 1.5  # cells, sigma of the blur that turns noise into patches, those of holes and of bleeding


@dataclass(frozen=True)
class Degradation:
    """What is wrong with a low-resolution map, all 0 for nothing; `median` is the map's own."""

    gaussian: float = 0.0  # sigma of noise that is the same everywhere, in parts of the median
    quadratic: float = 0.0  # noise of sigma `quadratic` d^2 / median: what is triangulated
    step: float = 0.0  # of quantization, in parts of the median
    inverse_steps: bool = False  # even steps of inverse depth, as of disparity; at the median of that size
    holes: float = 0.0  # share of the cells that are missing
    bleeding: float = 0.0  # 0..1: how far cells at depth edges may go over to the other surface

    def __post_init__(self) -> None:
        for name in ('gaussian', 'quadratic', 'step'):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f'{name} must be 0 or more and finite, got {getattr(self, name)}')
        for name in ('holes', 'bleeding'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} must lie in 0 to 1, got {getattr(self, name)}')


CLEAN = Degradation()
# The challenge on compressed depth, AIS workshop, CVPR 2024: to its winner the low-resolution map is the
# downsampled one plus noise (figurekim317.github.io/fpost/rga/depth_estimation), to those who worked on such
# data later one of few bits with dense random noise (GDNet, CVPR 2025). No size is published: a choice:
# - 5 % of even noise, fourteen times that of a structured-light camera at 2.5 m, where Khoshelham and
#   Elberink (Sensors 2012) found 1.4e-3 d^2, 0.36 %; and 1 % more that grows with the square of depth;
# - steps of 2 %: about seven bits over the depths of a frame.
NOISY = Degradation(gaussian=0.05, quadratic=0.01, step=0.02)
# And what the sensors of robots do besides: 5 % of holes, and edges that go over to the other surface by up
# to half.
SENSOR = Degradation(gaussian=0.05, quadratic=0.01, step=0.02, holes=0.05, bleeding=0.5)
PRESETS: Mapping[str, Degradation] = {  # what evaluation measures
    'clean': CLEAN, 'noisy': NOISY, 'sensor': SENSOR}


def low_res_of(rng: np.random.Generator, depth: Map, factor: int, degradation: Degradation = CLEAN) -> Map:
    """
    [H // factor, W // factor] of a map [H,W] of any unit, NaN where missing; `rng` is not used for CLEAN.

    Rows and columns that make no whole cell are left out, those at the bottom and to the right: with
    `whole_cells` of truth and image pixel edges stay where they are, as `Camera.resized` has it.
    """
    found = cell_means(depth, factor)
    known = np.isfinite(found)
    if degradation == CLEAN or not known.any():
        return found
    median = float(np.median(found[known]))
    found = bled(rng, found, degradation.bleeding)
    found = noised(rng, found, median, degradation)
    found = quantized(found, median * degradation.step if not degradation.inverse_steps
                      else degradation.step / median, inverse=degradation.inverse_steps)
    return punctured(rng, found, degradation.holes)


def whole_cells(values: NDArray, factor: int) -> NDArray:
    """The part [factor h, factor w, ...] of an image or a map [H,W,...] that cells cover; not copied."""
    height, width = values.shape[:2]
    if not 1 <= factor <= min(height, width):
        raise ValueError(f'factor must lie in 1 to the smaller side of {width}x{height} px, got {factor}')
    return values[:height // factor * factor, :width // factor * factor]


def cell_means(depth: Map, factor: int) -> Map:
    """
    [H // factor, W // factor] means of the known pixels of every cell, NaN where under half are known.

    A mean, because a pixel of a sensor gathers what falls on its area, and lies in the middle of it: at
    an edge it says something in between. Bicubic downsampling looks sharper, but swings over the
    surfaces on both sides of an edge, which no sensor does; every n-th pixel is displaced by half a cell.
    """
    inside = whole_cells(depth, factor)
    known = np.isfinite(inside) & (inside > 0)
    cells = (inside.shape[0] // factor, factor, inside.shape[1] // factor, factor)
    number = known.reshape(cells).sum((1, 3))
    total = np.where(known, inside, np.float32(0)).reshape(cells).sum((1, 3), dtype=np.float64)
    enough = number >= KNOWN_SHARE * factor * factor
    return np.where(enough, total / np.maximum(number, 1), np.nan).astype(np.float32)


def bled(rng: np.random.Generator, low_res: Map, strength: float) -> Map:
    """
    Cells at depth edges go towards the nearest or the farthest of their neighbours, by 0..strength.

    Flying pixels of time of flight, fattened edges of block matching. Which side wins goes by patches,
    not cell by cell: an edge moves, and does not only fray.
    """
    if strength == 0:
        return low_res
    known = np.isfinite(low_res)
    near, far = (np.asarray(grow(np.where(known, low_res, np.float32(other)), np.ones((3, 3), np.uint8)))
                 for grow, other in ((cv2.erode, np.inf), (cv2.dilate, 0)))
    at_edge = known & (far / EDGE_RATIO > near)
    other = np.where(_patches(rng, low_res.shape) > 0, far, near)
    share = np.float32(strength) * rng.random(low_res.shape, np.float32)
    with np.errstate(invalid='ignore'):  # inf * 0 where nothing is known
        return np.where(at_edge, low_res + share * (other - low_res), low_res)


def noised(rng: np.random.Generator, low_res: Map, median: float, degradation: Degradation) -> Map:
    """With independent normal noise, of variance (gaussian median)^2 + (quadratic d^2 / median)^2."""
    if degradation.gaussian == degradation.quadratic == 0:
        return low_res
    sigma = np.hypot(degradation.gaussian * median, degradation.quadratic / median * low_res ** 2)
    found = low_res + sigma * rng.standard_normal(low_res.shape, np.float32)
    return np.maximum(found, SMALLEST * low_res).astype(np.float32)


def quantized(low_res: Map, step: float, *, inverse: bool) -> Map:
    """To the nearest whole number of steps, 1 at least. step: in the map's unit, or `inverse` to it."""
    if step == 0:
        return low_res
    values = 1 / low_res if inverse else low_res
    found = np.maximum(np.rint(values / step), 1) * step
    return (1 / found if inverse else found).astype(np.float32)


def punctured(rng: np.random.Generator, low_res: Map, share: float) -> Map:
    """Without a share of the cells, expected, half of which lie alone and half in blobs."""
    if share == 0:
        return low_res
    single = SINGLE_HOLES * share
    # of what is left, so that both together are the share
    blobs = (share - single) / (1 - single)
    smooth = _patches(rng, low_res.shape)
    missing = (rng.random(low_res.shape) < single) | (smooth <= np.quantile(smooth, blobs))
    return np.where(missing, np.float32(np.nan), low_res)


def _patches(rng: np.random.Generator, size: tuple[int, ...]) -> Map:
    """[H,W] noise about 0, alike within a few cells."""
    return np.asarray(cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), PATCH), np.float32)
