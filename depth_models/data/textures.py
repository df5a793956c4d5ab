"""
Procedural textures: one grey atlas a process, from which every surface cuts its own piece.

The tiles are band limited (no detail under about two texels), so that a piece sampled at no more
than about 1.4 texels a pixel does not alias.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 512  # texels
ROWS, COLUMNS = 8, 16  # tiles in the atlas

Grey = NDArray[Any]  # float32 [TILE, TILE]


@lru_cache(maxsize=1)
def atlas() -> NDArray[Any]:
    """The atlas, uint8 [ROWS * TILE, COLUMNS * TILE]; always the same, made in about a second."""
    rng = np.random.default_rng(20_181_026)
    made = np.empty((ROWS * TILE, COLUMNS * TILE), np.uint8)
    for number in range(ROWS * COLUMNS):
        row, column = divmod(number, COLUMNS)
        tile = _KINDS[number % len(_KINDS)](rng)
        if rng.random() < 0.6:  # dirt, wear, grain: nothing real is only one pattern
            tile = tile + rng.uniform(0.2, 1.2) * tile.std() / 0.15 * octaves(rng)
        made[row * TILE:(row + 1) * TILE, column * TILE:(column + 1) * TILE] = _as_bytes(tile)
    return made


@lru_cache(maxsize=1)
def light_map() -> Grey:
    """Soft light and shadows, float32 [1024, 1024], factors of brightness in 0..2."""
    rng = np.random.default_rng(20_181_027)
    soft = cv2.resize(octaves(rng, roughness=0.5), (1024, 1024), interpolation=cv2.INTER_LINEAR)
    light = 1.0 + (soft - soft.mean()) / soft.std() * 0.25
    for _ in range(60):  # shadows that things cast
        shadow: Grey = np.zeros((1024, 1024), np.float32)
        corners = rng.integers(0, 1024, 2) + rng.normal(0, 70, (int(rng.integers(3, 7)), 2))
        cv2.fillPoly(shadow, [corners.astype(np.int32)], 1.0)
        shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(1, 8))
        light *= 1.0 - rng.uniform(0.1, 0.6) * shadow
    return np.clip(light, 0.0, 2.0)


def _as_bytes(tile: Grey) -> NDArray[Any]:
    """Band limited, and stretched so that nearly all of 0..255 is used."""
    tile = np.asarray(cv2.GaussianBlur(tile.astype(np.float32), (0, 0), 0.7), np.float32)
    low, high = np.percentile(tile, (0.5, 99.5))
    return np.clip((tile - low) * (255.0 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)


def _coordinates(rng: np.random.Generator, wobble: float) -> tuple[Grey, Grey]:
    """Rotated and wavy coordinates of the tile [texel]."""
    y, x = np.mgrid[:TILE, :TILE].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    u = np.cos(angle) * x + np.sin(angle) * y + wobble * octaves(rng, roughness=0.3)
    v = -np.sin(angle) * x + np.cos(angle) * y + wobble * octaves(rng, roughness=0.3)
    return u, v


def octaves(rng: np.random.Generator, roughness: float | None = None, coarsest: int = 4) -> Grey:
    """Noise of many sizes, about [0, 1], float32 [TILE, TILE]; roughness weighs the finer ones."""
    if roughness is None:
        roughness = rng.uniform(0.4, 1.0)
    total = np.zeros((TILE, TILE), np.float32)
    weight, weights, cells = 1.0, 0.0, coarsest
    while cells <= TILE:
        grid = rng.random((cells, cells), dtype=np.float32)
        total += weight * cv2.resize(grid, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
        weights += weight
        weight, cells = weight * roughness, cells * 2
    return total / weights


def _grain(rng: np.random.Generator) -> Grey:
    noise = rng.standard_normal((TILE, TILE), dtype=np.float32)
    return cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 2.5))


def _shading(rng: np.random.Generator) -> Grey:
    grid = rng.random((int(rng.integers(2, 6)),) * 2, dtype=np.float32)
    return cv2.resize(grid, (TILE, TILE), interpolation=cv2.INTER_CUBIC)


def _stripes(rng: np.random.Generator) -> Grey:
    u, _ = _coordinates(rng, rng.choice([0.0, 20.0, 120.0]))
    wave = np.sin(u * (2 * np.pi / np.exp(rng.uniform(np.log(5), np.log(90)))))
    return np.tanh(wave * rng.uniform(0.5, 8)).astype(np.float32)


def _checker(rng: np.random.Generator) -> Grey:
    u, v = _coordinates(rng, rng.choice([0.0, 10.0]))
    period = np.exp(rng.uniform(np.log(10), np.log(120)))
    sharp = rng.uniform(1, 8)
    return np.tanh(sharp * np.sin(u * (2 * np.pi / period)) * np.sin(v * (2 * np.pi / period)))


def _bricks(rng: np.random.Generator) -> Grey:
    """A wall of bricks, tiles or windows, every one with a grey of its own."""
    u, v = _coordinates(rng, rng.choice([0.0, 4.0]))
    height = rng.uniform(12, 70)
    width = height * rng.uniform(0.5, 3.5)
    row = np.floor(v / height)
    shifted = u / width + row * rng.choice([0.0, 0.5])
    column = np.floor(shifted)
    greys = rng.random((64, 64), dtype=np.float32)
    face = greys[row.astype(int) % 64, column.astype(int) % 64] * rng.uniform(0.0, 1.0)
    joint = rng.uniform(1.0, 5.0)
    in_joint = ((v - row * height) < joint) | ((shifted - column) * width < joint)
    return np.where(in_joint, rng.uniform(-0.6, 1.4), face).astype(np.float32)


def _cells(rng: np.random.Generator) -> Grey:
    """Voronoi cells: a grey each, or the distance to their seed."""
    seeds = np.full((TILE, TILE), 255, np.uint8)
    count = int(np.exp(rng.uniform(np.log(30), np.log(3000))))
    seeds[rng.integers(0, TILE, count), rng.integers(0, TILE, count)] = 0
    distance, label = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    greys = rng.random(count + 2, dtype=np.float32)[label]
    if rng.random() < 0.4:
        return distance / distance.max() + rng.uniform(0, 0.5) * greys
    return greys


def _strokes(rng: np.random.Generator) -> Grey:
    image = np.full((TILE, TILE), 128, np.uint8)
    longest = rng.uniform(20, 200)
    for _ in range(int(rng.integers(80, 700))):
        start = rng.integers(0, TILE, 2)
        end = start + rng.uniform(-longest, longest, 2).astype(int)
        cv2.line(image, start.tolist(), end.tolist(), int(rng.integers(0, 256)),
                 int(rng.integers(1, 6)), cv2.LINE_AA)
    return image.astype(np.float32)


def _writing(rng: np.random.Generator) -> Grey:
    image = np.full((TILE, TILE), int(rng.integers(0, 256)), np.uint8)
    letters = np.array(list('abcdefghijklmnopqrstuvwxyzABCDEFGHKMNRSTWXZ0123456789&%#@/+'))
    y = 0.0
    while y < TILE:
        scale = np.exp(rng.uniform(np.log(0.35), np.log(2.5)))
        y += 30 * scale
        text = ''.join(rng.choice(letters, int(rng.integers(4, 60))))
        cv2.putText(image, text, (int(rng.integers(-60, 120)), int(y)), int(rng.integers(0, 8)),
                    scale, int(rng.integers(0, 256)), int(rng.integers(1, 4)), cv2.LINE_AA)
    turned = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE) if rng.random() < 0.3 else image
    return turned.astype(np.float32)


def _discs(rng: np.random.Generator) -> Grey:
    """Dead leaves: ellipses of all sizes over each other, with the statistics of real scenes."""
    image = np.full((TILE, TILE), 128, np.uint8)
    flat, smallest = rng.uniform(0.15, 1.0), rng.uniform(2, 6)
    for _ in range(1200):
        radius = smallest / rng.uniform(0.04, 1.0)  # a power law
        cv2.ellipse(image, rng.integers(0, TILE, 2).tolist(),
                    (int(radius) + 1, int(radius * flat) + 1),
                    float(rng.uniform(0, 180)), 0, 360, int(rng.integers(0, 256)), -1, cv2.LINE_AA)
    return image.astype(np.float32)


def _dots(rng: np.random.Generator) -> Grey:
    """The same dot again and again on a lattice."""
    u, v = _coordinates(rng, 0.0)
    period = rng.uniform(8, 60)
    du, dv = (np.abs(w / period - np.round(w / period)) for w in (u, v))
    return np.tanh((np.hypot(du, dv) - rng.uniform(0.15, 0.45)) * period * 0.6)


def _wood(rng: np.random.Generator) -> Grey:
    u, v = _coordinates(rng, 40.0)
    stretched = octaves(rng, roughness=0.8)
    fibre = cv2.resize(stretched[:, :TILE // 16], (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    rings = np.sin((u + 0.05 * v) * (2 * np.pi / rng.uniform(15, 80)))
    return (rings * rng.uniform(0.1, 0.6) + 2.0 * fibre).astype(np.float32)


def _stone(rng: np.random.Generator) -> Grey:
    noise = octaves(rng, roughness=0.65)
    return np.abs(np.sin(noise * rng.uniform(6, 40))).astype(np.float32)


def _speckles(rng: np.random.Generator) -> Grey:
    noise = octaves(rng, roughness=0.9, coarsest=32)
    return np.tanh((noise - np.quantile(noise, rng.uniform(0.3, 0.9))) * rng.uniform(20, 80))


def _noise(rng: np.random.Generator) -> Grey:
    return octaves(rng)


_KINDS: tuple[Callable[[np.random.Generator], Grey], ...] = (
    _noise, _grain, _discs, _bricks, _stripes, _cells, _noise, _writing, _wood, _shading, _strokes,
    _checker, _stone, _discs, _speckles, _dots)
