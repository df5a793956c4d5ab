"""
Stereo pairs with exact disparity: textured surfaces in front of each other, seen by two cameras.

>>> sample = render_stereo(np.random.default_rng(0), (256, 512))
>>> sample.left, sample.right, sample.disparity, sample.visible
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data import camera_effects
from depth_models.data.looks import draw_looks, paint
from depth_models.data.outlines import cut_out
from depth_models.data.samples import StereoSample
from depth_models.data.surfaces import Bump, Surface, nearest_surfaces, seen_by_both

Map = NDArray[Any]  # float32

LEAST_DISPARITY = 0.3  # px: no surface is farther than this disparity
STEEPEST = 0.45  # px of disparity per px: beyond it a plane is seen nearly edge-on by one camera


def render_stereo(rng: np.random.Generator, size: tuple[int, int], max_disparity: float = 192.0
                  ) -> StereoSample:
    """
    A random scene seen by two unlike cameras; the same state of `rng` gives the same pair.

    size: (height, width) [px], at least 16 x 16. Disparities lie in [0.3, max_disparity].
    Raises ValueError for a smaller size or a max_disparity under 16 px.
    """
    surfaces = draw_surfaces(rng, size, max_disparity)
    looks = draw_looks(rng, surfaces, size)
    views = [nearest_surfaces(surfaces, size, right) for right in (False, True)]
    left, right = (paint(looks, *view, right=number == 1) for number, view in enumerate(views))
    if rng.random() < 0.25:
        _add_highlights(rng, left, right, views)
    seen = camera_effects.photograph(rng, left, right)
    return StereoSample(*seen, disparity=views[0][1], visible=seen_by_both(*views))


def draw_surfaces(rng: np.random.Generator, size: tuple[int, int], max_disparity: float
                  ) -> list[Surface]:
    """The surfaces of a random scene: a background, ground or walls, and things before it."""
    if min(size) < 16 or max_disparity < 16:
        raise ValueError('size must be at least 16 x 16 px and max_disparity 16 px, '
                         f'got {size[0]} x {size[1]} px and {max_disparity} px')
    far, near = _depth_range(rng, max_disparity)
    surfaces = _surroundings(rng, size, far, near, max_disparity)
    count = int(rng.integers(4, 40))
    area_left = 3.5 * size[0] * size[1]  # bounds the cost of a scene
    behind = rng.uniform(1.0, 2.5)  # how much more lies in the distance than close by
    for _ in range(count):
        length = float(np.exp(rng.uniform(np.log(14), np.log(320))))
        aspect = float(np.exp(rng.normal(0, 0.35)))
        width, height = length * aspect, length / aspect
        if width * height > area_left:
            continue
        area_left -= width * height
        d = far + (near - far) * rng.random() ** behind
        surfaces.append(_thing(rng, size, (width, height), d, max_disparity))
    return surfaces


def _depth_range(rng: np.random.Generator, max_disparity: float) -> tuple[float, float]:
    """Disparity of the farthest and of the nearest things [px], as real scenes have them."""
    far = float(np.exp(rng.uniform(np.log(0.5), np.log(45.0))))
    span = float(np.exp(rng.uniform(np.log(6.0), np.log(90.0))))
    if rng.random() < 0.15:  # a camera close to something, or a large image
        span = rng.uniform(min(60.0, 0.5 * max_disparity), max_disparity)
    near = min(far + span, max_disparity - 1.0)
    return min(far, 0.5 * near), near


def _surroundings(rng: np.random.Generator, size: tuple[int, int], far: float, near: float,
                  max_disparity: float) -> list[Surface]:
    """A background, and a ground, ceiling or walls that reach from it towards the camera."""
    height, width = size
    everywhere = (0, 0, width + int(np.ceil(max_disparity)) + 2, height)
    tilt = rng.normal(0, 0.03, 2) * (rng.random() < 0.5)
    middle = (width / 2, height / 2)
    bump = _bump(rng, middle, middle) if rng.random() < 0.3 else None
    surfaces = [_fitted(everywhere, (tilt[0], tilt[1]), middle, far, max_disparity, bump=bump)]
    reach = 0.6 * near + 0.4 * far  # the disparity of a side at the edge of the image

    def side(a: float, b: float, x: float, y: float) -> None:
        """A plane with d = far at (x, y), rising with slopes a and b."""
        highest = max(a * x_ + b * y_ for x_ in (0, width) for y_ in (0, height)) - a * x - b * y
        shrink = min(1.0, (max_disparity - 1.0 - far) / max(highest, 1e-3))
        a, b = np.clip(a * shrink, -STEEPEST, STEEPEST), b * shrink
        surfaces.append(Surface(float(a), float(b), float(far - a * x - b * y), everywhere))

    if rng.random() < 0.6:  # a ground under a horizon
        horizon = rng.uniform(-0.3, 0.8) * height
        side(rng.normal(0, 0.02), (reach - far) / (1.05 * height - horizon), width / 2, horizon)
    if rng.random() < 0.2:  # a ceiling
        end = rng.uniform(0.1, 0.6) * height
        side(rng.normal(0, 0.02), -(reach - far) / (end + 0.1 * height), width / 2, end)
    for to_the_left in (True, False):
        if rng.random() < 0.25:
            end = rng.uniform(0.05, 0.5) * width
            slope = (reach - far) / (end + 0.05 * width)
            side(*((-slope, 0.0, end) if to_the_left else (slope, 0.0, width - end)), height / 2)
    return surfaces


def _thing(rng: np.random.Generator, size: tuple[int, int], extent: tuple[float, float], d: float,
           max_disparity: float) -> Surface:
    """A cut-out somewhere in either view, of about `extent` = (width, height) [px]."""
    x = rng.uniform(-0.1 * size[1], 1.1 * size[1] + d)
    y = rng.uniform(-0.1, 1.1) * size[0]
    mask, (left, top) = cut_out(rng, (x, y), extent)
    box = (left, top, left + mask.shape[1], top + mask.shape[0])
    slopes = rng.normal(0, 0.12, 2) * (rng.random() < 0.7)
    bump = None
    if rng.random() < 0.35 and min(extent) > 20:
        bump = _bump(rng, (x, y), (0.6 * extent[0], 0.6 * extent[1]))
    return _fitted(box, (slopes[0], slopes[1]), (x, y), d, max_disparity, mask, bump)


def _fitted(box: tuple[int, int, int, int], slopes: tuple[float, float], at: tuple[float, float],
            d: float, max_disparity: float, mask: NDArray[np.uint8] | None = None,
            bump: Bump | None = None) -> Surface:
    """The plane of disparity d at a point, made flatter and shifted until its box is in range."""
    x0, y0, x1, y1 = box
    low_allowed = LEAST_DISPARITY + (abs(bump.height) if bump is not None else 0.0)
    high_allowed = max_disparity - low_allowed
    d = float(np.clip(d, low_allowed, high_allowed))
    swing = abs(slopes[0]) * (x1 - x0) + abs(slopes[1]) * (y1 - y0)
    flatter = min(1.0, 0.5 * (high_allowed - low_allowed) / max(swing, 1e-6))
    a, b = (float(np.clip(slope * flatter, -STEEPEST, STEEPEST)) for slope in slopes)
    c = d - a * at[0] - b * at[1]
    corners = [a * x + b * y + c for x in (x0, x1) for y in (y0, y1)]
    c += max(low_allowed - min(corners), 0.0) - max(max(corners) - high_allowed, 0.0)
    return Surface(a, b, float(c), box, mask, bump)


def _bump(rng: np.random.Generator, middle: tuple[float, float], radius: tuple[float, float]
          ) -> Bump:
    """A hill, a ridge or a wave, of a slope under 0.3 along x, so that x - d(x) still grows."""
    (x, y), (radius_x, radius_y) = middle, radius
    kind = rng.integers(0, 4)
    if kind == 3:
        length = rng.uniform(0.3, 1.5) * radius_x
        height = rng.uniform(0.02, 0.25) * length
        length_y = length * rng.uniform(0.3, 3) * (1 if rng.random() < 0.5 else -1)
        return Bump(min(height, 8.0), x, y, length, length_y, wave=True)
    if kind == 1:
        radius_y = np.inf
    elif kind == 2:
        radius_x = np.inf
    height = rng.uniform(0.03, 0.19) * min(radius_x, radius_y)  # the steepest slope is 1.54 h / r
    return Bump(min(height, 20.0) * (1 if rng.random() < 0.75 else -1), x, y, radius_x, radius_y)


def _add_highlights(rng: np.random.Generator, left: Map, right: Map,
                    views: list[tuple[NDArray[np.uint8], Map]]) -> None:
    """Bright spots on shiny surfaces, in place; the two cameras see them at unlike places."""
    height, width = left.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.integers(0, width), rng.integers(0, height)
        shiny, d = views[0][0][y, x], views[0][1][y, x]
        radius = np.exp(rng.uniform(np.log(3), np.log(40)))
        strength, moved = rng.uniform(40, 250), rng.normal(0, 0.3) * d
        for image, (index, _), column in ((left, views[0], x), (right, views[1], x - d + moved)):
            near = np.s_[max(int(y - 3 * radius), 0):max(int(y + 3 * radius), 0),
                         max(int(column - 3 * radius), 0):max(int(column + 3 * radius), 0)]
            here = index[near] == shiny
            rows = np.arange(height, dtype=np.float32)[near[0], None] - y
            columns = np.arange(width, dtype=np.float32)[None, near[1]] - column
            spot = np.exp((rows ** 2 + columns ** 2) / (-2 * radius * radius)) * here
            image[near] += (strength * spot)[..., None]
