"""
Surfaces as disparity functions, and which of them each camera of a pair sees.

A surface is a function d(x, y) on the left image plane, an affine one (a plane in space, exactly)
plus sometimes a smooth bump. Left pixel (x, y) and right pixel (x - d(x, y), y) show the same point
of it; each view shows the surface of the largest disparity at every pixel.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[Any]  # float32


@dataclass(frozen=True)
class Bump:
    """A smooth change of disparity: a hill (or hollow) of elliptic base, or a wave."""

    height: float  # px of disparity
    x: float  # px, centre; a wave's phase is 0 there
    y: float
    radius_x: float  # px; infinite along a ridge; of a wave: its length over 2 pi
    radius_y: float
    wave: bool = False

    def at(self, x: Map, y: Map) -> tuple[Map, Map]:
        """The change of disparity [px] and its slope along x."""
        u, v = (x - self.x) / self.radius_x, (y - self.y) / self.radius_y
        if self.wave:
            return (self.height * np.sin(u + v),
                    (self.height / self.radius_x) * np.cos(u + v))
        inside = np.maximum(1.0 - u * u - v * v, 0.0)
        return self.height * inside * inside, (-4.0 * self.height / self.radius_x) * inside * u


@dataclass(frozen=True)
class Surface:
    """d = a x + b y + c (+ bump) over `box`, where `mask` (if any) is at least half."""

    a: float
    b: float
    c: float
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 [px] on the left plane, x1 and y1 exclusive
    mask: NDArray[np.uint8] | None = None  # [y1 - y0, x1 - x0], 0..255
    bump: Bump | None = None

    def left_columns(self, right_columns: Map, y: Map) -> Map:
        """The left column x of the point seen at a right column: x - d(x, y) = right column."""
        x = (right_columns + self.b * y + self.c) / (1.0 - self.a)
        if self.bump is not None:
            for _ in range(4):  # Newton; slopes are bounded, so x - d(x) grows strictly
                change, slope = self.bump.at(x, y)
                off = x * (1.0 - self.a) - self.b * y - self.c - change - right_columns
                x = x - off / (1.0 - self.a - slope)
        return x

    def disparity(self, x: Map, y: Map) -> Map:
        """d [px] at points of the left plane."""
        d = (self.a * x) + (self.b * y + self.c)
        return d if self.bump is None else d + self.bump.at(x, y)[0]

    def disparity_range(self) -> tuple[float, float]:
        """Bounds of d over the box [px]."""
        x0, y0, x1, y1 = self.box
        corners = [self.a * x + self.b * y + self.c for x in (x0, x1) for y in (y0, y1)]
        swing = abs(self.bump.height) if self.bump is not None else 0.0
        return min(corners) - swing, max(corners) + swing


def nearest_surfaces(surfaces: list[Surface], size: tuple[int, int], right: bool
                     ) -> tuple[NDArray[np.uint8], Map]:
    """Which surface each pixel of a view shows, uint8 [H,W], and its disparity [px], float32 [H,W].

    Of equals the first one stays. At most 255 surfaces; the first must fill the view.
    """
    height, width = size
    index = np.zeros(size, np.uint8)
    nearest = np.full(size, -np.inf, np.float32)
    for number, surface in enumerate(surfaces):
        x0, y0, x1, y1 = surface.box
        low, high = surface.disparity_range()
        columns = (x0 - high - 1, x1 - low + 1) if right else (x0, x1)
        left_end, right_end = max(int(columns[0]), 0), min(int(columns[1]), width)
        top, bottom = max(y0, 0), min(y1, height)
        if left_end >= right_end or top >= bottom:
            continue
        columns_here = np.arange(left_end, right_end, dtype=np.float32)[None]
        y = np.arange(top, bottom, dtype=np.float32)[:, None]
        x = surface.left_columns(columns_here, y) if right else columns_here
        d = x - columns_here if right else surface.disparity(x, y)
        window = np.s_[top:bottom, left_end:right_end]
        shown = d > nearest[window]
        if right and surface.mask is None:
            shown &= (x > x0 - 0.5) & (x < x1 - 0.5)
        elif surface.mask is not None:
            if right:
                rows = np.broadcast_to(y - y0, x.shape).astype(np.float32)
                mask = cv2.remap(surface.mask, x - np.float32(x0), rows, cv2.INTER_LINEAR,
                                 borderMode=cv2.BORDER_CONSTANT, borderValue=0)
            else:
                mask = surface.mask[top - y0:bottom - y0, left_end - x0:right_end - x0]
            shown &= mask > 127
        shown_bytes = shown.view(np.uint8)
        nearest[window] = cv2.copyTo(np.asarray(d, np.float32), shown_bytes, nearest[window])
        index[window] = cv2.copyTo(np.full(shown.shape, number, np.uint8), shown_bytes,
                                   index[window])
    return index, nearest


def seen_by_both(left: tuple[NDArray[np.uint8], Map], right: tuple[NDArray[np.uint8], Map]
                 ) -> NDArray[np.bool_]:
    """Where the point of a left pixel is not hidden in the right view, to half a pixel."""
    index, disparity = left
    height, width = index.shape
    columns = np.rint(np.arange(width, dtype=np.float32)[None] - disparity).astype(np.intp)
    inside = (columns >= 0) & (columns < width)
    flat = np.clip(columns, 0, width - 1) + np.arange(height)[:, None] * width
    same_surface = right[0].ravel().take(flat) == index
    nothing_nearer = right[1].ravel().take(flat) <= disparity
    return inside & (same_surface | nothing_nearer)
