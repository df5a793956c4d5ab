"""
How surfaces look: texture, palette and light, all fixed to points of the left image plane.

So both views find the same look at the same point, to a fraction of a pixel, also where disparity
is not an integer.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import textures
from depth_models.data.surfaces import Surface

Map = NDArray[Any]  # float32

BAND = 32  # rows worked on at a time, so that what is needed for them stays in the cache


@dataclass(frozen=True)
class Looks:
    """How n surfaces look: tables [1, 256], float32, looked up by surface index.

    A point's texture coordinates in texels are (ux x + uy y + u1, vx x + vy y + v1) / (p d + q) +
    (u0, v0): with q = 0 that is a slanted plane in true perspective, with p = 0 it is affine.
    """

    palette: NDArray[np.uint32]  # [n * 256] from texture grey to RGB0
    ux: Map
    uy: Map
    u1: Map
    vx: Map
    vy: Map
    v1: Map
    p: Map
    q: Map
    u0: Map
    v0: Map
    fineness: Map  # texels a pixel where the divisor is 1
    steepness: Map  # change of the divisor a pixel
    tile_x: Map  # corner of the tile in the atlas [texel]
    tile_y: Map
    light_x: Map  # corner of the piece of the light map [px]
    light_y: Map
    light: Map  # its strength, 0..1


def draw_looks(rng: np.random.Generator, surfaces: list[Surface], size: tuple[int, int]) -> Looks:
    """Random looks for every surface of a scene."""
    n = len(surfaces)
    angle = np.where(rng.random(n) < 0.5, rng.normal(0, 0.15, n), rng.uniform(-np.pi, np.pi, n))
    fineness = np.exp(rng.uniform(np.log(0.35), np.log(1.4), n))
    stretch = np.exp(rng.normal(0, 0.2, n))
    ux, uy = np.cos(angle) * fineness, np.sin(angle) * fineness * stretch
    vx, vy = -np.sin(angle) * fineness, np.cos(angle) * fineness * stretch
    p, q, steepness = np.zeros(n), np.ones(n), np.zeros(n)
    x0, y0, x1, y1 = np.array([surface.box for surface in surfaces], float).T
    middle_x = (np.maximum(x0, 0) + np.minimum(x1, size[1])) / 2
    middle_y = (np.maximum(y0, 0) + np.minimum(y1, size[0])) / 2
    for number, surface in enumerate(surfaces):
        low, high = surface.disparity_range()
        if high > 1.4 * max(low, 1.0) and surface.bump is None:
            p[number], q[number] = 1.0 / (0.7 * high), 0.0
            steepness[number] = p[number] * np.hypot(surface.a, surface.b)
    tile = rng.integers(0, textures.ROWS * textures.COLUMNS, n)
    tables = (ux, uy, -ux * middle_x - uy * middle_y, vx, vy, -vx * middle_x - vy * middle_y, p, q,
              rng.uniform(0, 4096, n), rng.uniform(0, 4096, n), fineness, steepness,
              tile % textures.COLUMNS * textures.TILE, tile // textures.COLUMNS * textures.TILE,
              rng.uniform(0, 500, n), rng.uniform(0, 500, n),
              rng.uniform(0.0, 1.0, n) * rng.choice([0.2, 1.0], n))
    return Looks(_palettes(rng, n), *(_table(values) for values in tables))


def _table(values: NDArray[Any]) -> Map:
    """As cv2.LUT wants it."""
    table = np.zeros((1, 256), np.float32)
    table[0, :len(values)] = values
    return table


def paint(looks: Looks, index: NDArray[np.uint8], disparity: Map, right: bool) -> Map:
    """The colours a view sees, float32 [H,W,3] in about 0..255."""
    height, width = index.shape
    colours = np.empty((height, width, 3), np.float32)
    for top in range(0, height, BAND):
        rows = np.s_[top:min(top + BAND, height)]
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        x = np.arange(width, dtype=np.float32)[None]
        _paint_points(looks, index[rows], disparity[rows], x + disparity[rows] if right else x, y,
                      out=colours[rows])
    return colours


def _paint_points(looks: Looks, index: NDArray[np.uint8], disparity: Map, x: Map, y: Map, out: Map
                  ) -> None:
    """Into `out`, the colours of points (x, y) of the left plane."""
    def of(table: Map) -> Map:
        return cv2.LUT(index, table)

    u = of(looks.ux) * x + of(looks.uy) * y + of(looks.u1)
    v = of(looks.vx) * x + of(looks.vy) * y + of(looks.v1)
    nearness = np.maximum(of(looks.p) * disparity + of(looks.q), 1e-3)
    texels_a_pixel = (of(looks.fineness)
                      + (np.abs(u) + np.abs(v)) * of(looks.steepness) / nearness) / nearness
    u = _mirrored(u / nearness + of(looks.u0)) + of(looks.tile_x)
    v = _mirrored(v / nearness + of(looks.v0)) + of(looks.tile_y)
    grey = cv2.remap(textures.atlas(), u, v, cv2.INTER_LINEAR).astype(np.float32)
    # what is too fine for the pixels averages out, instead of aliasing
    contrast = np.minimum(1.4 / texels_a_pixel, 1.0)
    step = cv2.convertScaleAbs((grey - 127.5) * (contrast * contrast) + 127.5)
    packed = looks.palette.take(index.astype(np.int32) * 256 + step)
    colours = packed.view(np.uint8).reshape(*index.shape, 4)[..., :3]
    light_x, light_y = 0.6 * x + of(looks.light_x), 0.6 * y + of(looks.light_y)
    light = cv2.remap(textures.light_map(), light_x, light_y, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REFLECT)
    np.multiply(colours, (1.0 + of(looks.light) * (light - 1.0))[..., None], out=out)


def _mirrored(texels: Map) -> Map:
    """Folded into one tile, back and forth, so that it goes on without a seam."""
    inner = np.float32(textures.TILE - 2)
    folded = texels - (2 * inner) * np.floor(texels / (2 * inner))
    return np.abs(folded - inner) + np.float32(0.5)


def _palettes(rng: np.random.Generator, n: int) -> NDArray[np.uint32]:
    """From texture grey to colour: a ramp through five colours around one, of very unlike contrast.

    A tenth of the surfaces is nearly of one colour, as walls and skies are.
    """
    brightness = rng.beta(1.6, 1.6, (n, 1, 1)) * 215 + 20
    tint = rng.normal(0, 1, (n, 1, 3)) * rng.choice([4, 14, 45], (n, 1, 1), p=[0.5, 0.35, 0.15])
    contrast = np.exp(rng.uniform(np.log(16), np.log(90), (n, 1, 1)))
    contrast[rng.random(n) < 0.12] = rng.uniform(0.0, 3.0)
    ramp = np.linspace(-1, 1, 5)[None, :, None] * rng.choice([-1, 1], (n, 1, 1))
    wild = rng.choice([0.05, 0.3, 0.9], (n, 1, 1), p=[0.4, 0.4, 0.2])
    stops = ramp + wild * (0.8 * rng.normal(0, 1, (n, 5, 1)) + 0.5 * rng.normal(0, 1, (n, 5, 3)))
    colours = (brightness + tint + contrast * stops).astype(np.float32)
    table = cv2.resize(colours, (256, n), interpolation=cv2.INTER_LINEAR)
    packed = np.zeros((n, 256, 4), np.uint8)
    packed[..., :3] = np.clip(table, 0, 255)
    return packed.reshape(-1).view(np.uint32)
