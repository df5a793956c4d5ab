"""The outlines of things: boxes, blobs, poles, fences, branches, drawn with soft edges."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import textures


def cut_out(rng: np.random.Generator, middle: tuple[float, float], extent: tuple[float, float]
            ) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The outline of a thing, uint8 [h,w] with soft edges, and where its top left pixel lies."""
    kind = rng.choice(len(_OUTLINES), p=_OUTLINE_SHARES)
    half = np.array(extent) / 2
    if kind == _POLE:
        half = np.array([rng.uniform(0.8, 5.0), half.max()])
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.4 else rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    reach = np.ceil(np.abs(turn) @ half) + 2
    corner = np.floor(np.array(middle) - reach).astype(int)
    canvas = np.zeros((2 * reach + 3).astype(int)[::-1], np.uint8)
    local = np.array(middle) - corner

    def draw(points: NDArray[Any], level: int) -> None:
        """Fill a polygon given in units of the thing's half extent."""
        placed = (points * half) @ turn.T + local
        cv2.fillPoly(canvas, [np.rint(placed * 16).astype(np.int32)], level, cv2.LINE_AA, shift=4)

    _OUTLINES[kind](rng, draw, half)
    if kind != _POLE and rng.random() < 0.08:  # leaves, lace, rust: holes of all sizes
        _perforate(rng, canvas)
    return canvas, (int(corner[0]), int(corner[1]))


_Draw = Callable[[NDArray[Any], int], None]
_BOX = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


def _box(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    draw(_BOX, 255)


def _round(turns: NDArray[Any], radius: NDArray[Any] | float) -> NDArray[Any]:
    """Points [N,2] around the origin."""
    return np.stack([np.cos(turns), np.sin(turns)], 1) * np.reshape(radius, (-1, 1))


def _ellipse(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    draw(_round(turns, 1.0), 255)
    if rng.random() < 0.25:  # a ring
        draw(_round(turns, rng.uniform(0.4, 0.85)), 0)


def _polygon(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    corners = int(rng.integers(3, 9))
    draw(_round(np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(0.4, 1.0, corners)), 255)


def _blob(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    turns = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = np.arange(1, 8)[:, None]
    wobble = (rng.normal(0, 0.4, (7, 1)) / waves
              * np.sin(waves * turns + rng.uniform(0, 2 * np.pi, (7, 1)))).sum(0)
    draw(_round(turns, np.clip(0.7 + 0.6 * wobble, 0.1, 1.0)), 255)


def _fence(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    """Upright bars, and perhaps cross bars."""
    bars = max(int(half[0] * 2 / rng.uniform(8, 40)), 2)
    bar = max(rng.uniform(0.12, 0.5) / bars, 1.0 / half[0])
    for x in np.linspace(-1 + bar, 1 - bar, bars):
        draw(_BOX * [bar, 1.0] + [x, 0.0], 255)
    for y in rng.uniform(-0.9, 0.9, int(rng.integers(0, 6))):
        draw(_BOX * [1.0, max(0.04, 1.0 / half[1])] + [0.0, y], 255)


def _perforated(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    """A plate with a lattice of holes: windows, shelves, a grating."""
    draw(_BOX, 255)
    across, down = (int(n) for n in np.clip(half * 2 / rng.uniform(14, 70, 2), 1, 12))
    hole = _BOX if rng.random() < 0.5 else _round(np.linspace(0, 6, 16), 1.0)
    size = rng.uniform(0.5, 0.9) / np.array([across, down])
    for x in (np.arange(across) + 0.5) * 2 / across - 1:
        for y in (np.arange(down) + 0.5) * 2 / down - 1:
            draw(hole * size + [x, y], 0)


def _branches(rng: np.random.Generator, draw: _Draw, half: NDArray[Any]) -> None:
    """Thin straight pieces in all directions: twigs, wires, legs of chairs."""
    for _ in range(int(rng.integers(3, 16))):
        ends = rng.uniform(-1, 1, (2, 2))
        along = (ends[1] - ends[0]) * half
        across = np.array([-along[1], along[0]]) / max(np.hypot(*along), 1e-6)
        wide = across * rng.uniform(0.6, 3.0) / half
        draw(np.array([ends[0] - wide, ends[1] - wide, ends[1] + wide, ends[0] + wide]), 255)


def _perforate(rng: np.random.Generator, canvas: NDArray[np.uint8]) -> None:
    atlas, (height, width) = textures.atlas(), canvas.shape
    if height > textures.TILE or width > textures.TILE:
        return
    tile = np.array([rng.integers(0, textures.ROWS), rng.integers(0, textures.COLUMNS)])
    y, x = tile * textures.TILE
    holes = atlas[y:y + height, x:x + width] > rng.uniform(100, 200)
    canvas[holes] = 0


_OUTLINES = (_box, _ellipse, _polygon, _blob, _box, _fence, _perforated, _branches)
_POLE = 4
_OUTLINE_SHARES = (0.22, 0.14, 0.16, 0.16, 0.14, 0.06, 0.06, 0.06)
