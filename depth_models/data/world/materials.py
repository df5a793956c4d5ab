"""How surfaces look: a tile of the texture atlas laid over them from three sides, two colours, gloss."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import textures

LEVELS = 8  # of the pyramid: from TILE texels a tile down to TILE / 128
FINER = 6.3  # the second texture than the first
MARGIN = 0.75  # texels kept from a tile's edge: its neighbour is another texture


@dataclass(frozen=True)
class Materials:
    """Tables, one row a material."""

    tile: NDArray[np.int64]  # [n] of the atlas
    texels: NDArray[Any]  # [n] a metre
    grain_tile: NDArray[np.int64]  # [n] a second texture, finer: nothing real has only one scale
    grain: NDArray[Any]  # [n] its share, 0..1
    turn: NDArray[Any]  # [n,3,3] from the world to the texture's axes
    shift: NDArray[Any]  # [n,3] texels
    dark: NDArray[Any]  # [n,3] reflectance, where the texture is black
    bright: NDArray[Any]  # [n,3] where it is white
    gloss: NDArray[Any]  # [n] strength of the highlight
    sharpness: NDArray[Any]  # [n] exponent of the highlight

    def painted(self, colours: Mapping[int, tuple[NDArray[Any], NDArray[Any]]]) -> 'Materials':
        """The same, but some have the dark and bright reflectance [3] given by their numbers."""
        dark, bright = self.dark.copy(), self.bright.copy()
        for number, (low, high) in colours.items():
            dark[number], bright[number] = low, high
        return replace(self, dark=dark, bright=bright)


def draw_materials(rng: np.random.Generator, sizes: NDArray[Any]) -> Materials:
    """Materials for things of these sizes [m]: a texture's pattern fits its thing."""
    n = len(sizes)
    across = np.exp(rng.uniform(np.log(0.35), np.log(6.0), n))  # tiles over the thing
    turn = np.stack([_turn(rng, tilted=rng.random() < 0.3) for _ in range(n)])
    mean = rng.beta(1.6, 1.8, (n, 1))
    colour = rng.normal(0, 0.12, (n, 3)) * rng.choice([0.2, 1.0, 2.0], (n, 1))
    contrast = np.where(rng.random((n, 1)) < 0.15, rng.uniform(0.0, 0.08, (n, 1)),  # nearly plain
                        rng.uniform(0.15, 1.3, (n, 1)))
    other = rng.normal(0, 0.15, (n, 3)) * contrast
    swing = contrast * np.minimum(mean, 1 - mean)
    gloss = np.where(rng.random(n) < 0.3, rng.uniform(0.05, 0.9, n), 0.0)
    return Materials(
        tile=rng.integers(0, textures.ROWS * textures.COLUMNS, n),
        grain_tile=rng.integers(0, textures.ROWS * textures.COLUMNS, n),
        grain=(rng.random(n) ** 2 * 0.6).astype(np.float32),
        texels=(textures.TILE * across / np.maximum(sizes, 1e-3)).astype(np.float32),
        turn=turn.astype(np.float32),
        shift=rng.uniform(0, 4096, (n, 3)).astype(np.float32),
        dark=np.clip(mean - swing + colour, 0.01, 1.0).astype(np.float32),
        bright=np.clip(mean + swing + colour + other, 0.02, 1.0).astype(np.float32),
        gloss=gloss.astype(np.float32),
        sharpness=np.exp(rng.uniform(np.log(8), np.log(250), n)).astype(np.float32))


def draw_furnishings(rng: np.random.Generator, sizes: NDArray[Any], surfaces: int) -> Materials:
    """
    Materials of a room and its furniture as people choose them: most of one colour, few bright ones.

    sizes: [m] of a floor, a ceiling, the walls (together `surfaces`), then of any number of things. Where
    everything looks like anything, as by `draw_materials`, a network has to learn perspective alone.
    """
    drawn = draw_materials(rng, sizes)
    n = len(sizes)
    floor, ceiling, walls = np.s_[:1], np.s_[1:2], np.s_[2:surfaces]
    mean = rng.choice([0.06, 0.2, 0.4, 0.75], n) * np.exp(rng.normal(0, 0.3, n))
    tint = rng.normal(0, 0.02, (n, 3))
    saturated = rng.random(n) < 0.2
    tint[saturated] += rng.normal(0, 0.15, (int(saturated.sum()), 3))
    wooden = rng.random(n) < 0.35
    tint[wooden] += mean[wooden, None] * (0.35, 0.0, -0.35)
    contrast = np.where(rng.random(n) < 0.65, rng.uniform(0, 0.12, n), rng.uniform(0.1, 0.9, n))
    mean[floor] = rng.uniform(0.08, 0.5)
    contrast[floor] = rng.choice([0.05, 0.2, 0.5]) * rng.uniform(0.3, 1.2)
    mean[ceiling], tint[ceiling], contrast[ceiling] = rng.uniform(0.6, 0.9), 0.01, 0.03
    mean[walls], contrast[walls] = rng.uniform(0.3, 0.85), 0.06
    tint[walls] = rng.normal(0, rng.choice([0.01, 0.04]), 3)
    if rng.random() < 0.4:  # one wall is of another kind: painted, papered, of brick
        other = int(rng.integers(2, surfaces))
        mean[other], contrast[other] = rng.uniform(0.1, 0.8), rng.uniform(0, 0.7)
        tint[other] = rng.normal(0, 0.08, 3)
    swing = contrast * np.minimum(mean, 1 - mean)
    return replace(drawn, dark=np.clip((mean - swing)[:, None] + tint, 0.01, 1.0).astype(np.float32),
                   bright=np.clip((mean + swing)[:, None] + tint, 0.02, 1.0).astype(np.float32))


def reflectance(materials: Materials, which: NDArray[np.int64], points: NDArray[Any],
                normals: NDArray[Any], footprint: NDArray[Any]) -> NDArray[Any]:
    """
    Colours [N,3] in 0..1 of points [N,3] with unit normals [N,3] of materials [N].

    footprint: [N] m that a pixel covers there; the texture's level is chosen so that it does not alias.
    """
    turn = materials.turn[which]
    texels = materials.texels[which]
    place = np.einsum('nij,nj->ni', turn, points) * texels[:, None] + materials.shift[which]
    facing = np.abs(np.einsum('nij,nj->ni', turn, normals)).argmax(1)  # laid on from this side
    u = np.where(facing == 0, place[:, 1], place[:, 0])
    v = np.where(facing == 2, place[:, 1], place[:, 2])
    finest = np.log2(np.maximum(footprint * texels, 1e-6))
    grey = _texels(materials.tile[which], finest, u, v)
    share = materials.grain[which]
    grained = np.flatnonzero(share > 0.03)
    if len(grained):
        fine = _texels(materials.grain_tile[which[grained]], finest[grained] + np.log2(FINER),
                       *(np.float32(FINER) * w[grained] for w in (v, u)))
        grey[grained] += share[grained] * (fine - grey[grained])
    grey = grey[:, None]
    return materials.dark[which] * (1 - grey) + materials.bright[which] * grey


def _texels(tile: NDArray[np.int64], finest: NDArray[Any], u: NDArray[Any], v: NDArray[Any]
            ) -> NDArray[Any]:
    """Grey 0..1 [N] of points of tiles, which repeat as in a mirror; u, v in texels of level 0.

    finest: [N] the level at which a texel is as large as a pixel.
    """
    pyramid, tops = _pyramid()
    level = np.rint(np.clip(finest, 0, LEVELS - 1)).astype(np.int64)
    size = (textures.TILE >> level).astype(np.float32)
    u, v = (_mirrored(w) / np.float32(textures.TILE) * (size - 2 * MARGIN) + MARGIN for w in (u, v))
    x = (tile % textures.COLUMNS) * size + u - 0.5
    y = tops[level] + (tile // textures.COLUMNS) * size + v - 0.5
    count = len(u)
    width = min(max(count, 1), 16384)  # remap takes no longer rows than 32767
    padded = -(-count // width) * width
    columns, rows = (np.pad(w.astype(np.float32), (0, padded - count)).reshape(-1, width) for w in (x, y))
    found = np.asarray(cv2.remap(pyramid, columns, rows, cv2.INTER_LINEAR))
    return found.ravel()[:count].astype(np.float32) / np.float32(255)


def _mirrored(w: NDArray[Any]) -> NDArray[Any]:
    """Back and forth over 0..TILE."""
    tile = np.float32(textures.TILE)
    return np.abs(np.mod(w, 2 * tile) - tile)


@lru_cache(maxsize=1)
def _pyramid() -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """The atlas and its smaller copies below each other, and the row where each begins."""
    level = textures.atlas()
    levels, tops, top = [], [], 0
    for _ in range(LEVELS):
        whole = np.zeros((level.shape[0], textures.COLUMNS * textures.TILE), np.uint8)
        whole[:, :level.shape[1]] = level
        levels.append(whole)
        tops.append(top)
        top += level.shape[0]
        level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.concatenate(levels), np.array(tops, np.float32)


def _turn(rng: np.random.Generator, *, tilted: bool) -> NDArray[np.float64]:
    from depth_models.data.world.shapes import turned

    return turned(rng, upright=not tilted)
