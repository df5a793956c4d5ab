"""What two real cameras do to the same scene: light, lens, sensor and compression, per view."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BAND = 32  # rows worked on at a time, so that they stay in the cache

Colours = NDArray[Any]  # float32 [H,W,3], 0..255
Picture = NDArray[Any]  # uint8 [H,W,3] RGB


def snapshot(rng: np.random.Generator, image: Colours) -> Picture:
    """
    One view as a usual camera would deliver it, made small: uint8 [H,W,3] RGB, sharp, with little noise.

    image: of about the size that a network sees, which is far below a camera's.
    """
    factor = (np.exp(rng.normal(0.0, 0.1)) * np.exp(rng.normal(0.0, 0.05, 3))).astype(np.float32)
    blurred: Colours = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.25, 0.6)) * factor
    vignette = float(rng.uniform(0.0, 0.3) * (rng.random() < 0.5))
    size = (image.shape[0], image.shape[1])
    blurred = blurred * (1.0 - vignette * _radius2(size))[..., None] + abs(rng.normal()) * _noise(rng, size)
    curve = _gamma(float(np.exp(rng.normal(0.0, 0.1))))
    levels = cv2.LUT(cv2.convertScaleAbs(np.maximum(blurred, 0.0)), curve)
    if rng.random() < 0.05:
        levels = cv2.cvtColor(cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(levels)


def photograph(rng: np.random.Generator, left: Colours, right: Colours
               ) -> tuple[Picture, Picture]:
    """
    Both views as a camera pair would deliver them: uint8 [H,W,3] RGB, nothing moved sideways.

    What the two cameras share (exposure, sharpness, noise level) is drawn once, how they differ is
    drawn for each; in most pairs they differ little, as after a factory calibration.
    """
    apart = rng.choice([0.0, 0.3, 1.0, 2.5], p=[0.15, 0.4, 0.35, 0.1])  # unlikeness of the two
    exposure = np.exp(rng.normal(0.0, 0.2))
    if rng.random() < 0.06:  # over- or under-exposed
        exposure *= rng.choice([0.15, 0.3, 1.6, 2.2])
    sharpness = rng.uniform(0.3, 0.9) if rng.random() < 0.9 else rng.uniform(0.9, 1.6)
    noise = float(abs(rng.normal(0.0, 2.0)) + 5.0 * rng.random() * (rng.random() < 0.1))
    vignette = float(rng.uniform(0.0, 0.35) * (rng.random() < 0.5))
    gamma = np.exp(rng.normal(0.0, 0.2))
    grey = rng.random() < 0.2
    compressed = int(rng.integers(35, 96)) if rng.random() < 0.2 else 0
    if rng.random() < 0.1:
        right = _misaligned(rng, right)
    height, width = left.shape[:2]
    made: list[Picture] = []
    for image in (left, right):
        colour = np.exp(rng.normal(0.0, 0.03 * apart, 3) + rng.normal(0.0, 0.05 * apart))
        blur = sharpness + apart * abs(rng.normal(0.0, 0.12))
        blurred: Colours = cv2.GaussianBlur(image, (0, 0), blur)
        factor = (exposure * colour).astype(np.float32)
        darker = vignette * float(rng.uniform(1 - 0.3 * apart, 1))
        grain = _noise(rng, (height, width)) if noise > 0.2 else None
        levels: Picture = np.empty((height, width, 3), np.uint8)
        for top in range(0, height, BAND):
            rows = np.s_[top:top + BAND]
            band = blurred[rows] * factor
            if darker > 0:
                band *= (1.0 - darker * _radius2((height, width))[rows])[..., None]
            if grain is not None:
                band += noise * grain[rows]
            levels[rows] = cv2.convertScaleAbs(np.maximum(band, 0.0))  # rounds, ends at 255
        levels = cv2.LUT(levels, _gamma(gamma * np.exp(rng.normal(0.0, 0.05 * apart))))
        if grey:
            levels = cv2.cvtColor(cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if compressed:
            packed = cv2.imencode('.jpg', levels, [cv2.IMWRITE_JPEG_QUALITY, compressed])[1]
            unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)  # RGB or BGR: in and out alike
            levels = np.asarray(unpacked)
        made.append(levels)
    return made[0], made[1]


def _misaligned(rng: np.random.Generator, image: Colours) -> Colours:
    """Rows off by less than half a pixel: a shift and a little roll about the centre."""
    height, width = image.shape[:2]
    shift, roll = rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2) / width
    matrix = np.array([[1, 0, 0], [roll, 1, shift - roll * width / 2]])
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def _gamma(gamma: float) -> NDArray[Any]:
    return np.round(255.0 * np.linspace(0.0, 1.0, 256) ** gamma).astype(np.uint8)


@lru_cache(maxsize=4)
def _radius2(size: tuple[int, int]) -> NDArray[Any]:
    """Squared distance from the centre, 1 in the corners."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in size)
    return (y[:, None] + x[None]) / 2


def _noise(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[Any]:
    """Sensor noise of standard deviation 1: a window of a store, for drawing it anew costs 5 ms."""
    store = _noise_store(size)
    y, x = (int(rng.integers(0, have - need)) for have, need in zip(store.shape, size))
    return store[y:y + size[0], x:x + size[1]]


@lru_cache(maxsize=2)
def _noise_store(size: tuple[int, int]) -> NDArray[Any]:
    rng = np.random.default_rng(7)
    return rng.standard_normal((size[0] + 307, size[1] + 401, 3), dtype=np.float32)
