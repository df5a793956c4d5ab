"""
Stereo pairs with exact disparity: textured surfaces in front of each other, seen by two cameras.

A surface is a function d(x, y) on the left image plane, an affine one (a plane in space, exactly)
plus sometimes a smooth bump. Left pixel (x, y) and right pixel (x - d(x, y), y) show the same point
of it. Each view takes the surface of the largest disparity at every pixel, then looks up what that
point carries: texture, palette and light depend on (x, y) of the left plane only, so the two views
agree to a fraction of a pixel also where disparity is not an integer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import camera_effects, textures

Map = NDArray[np.float32]

LEAST_DISPARITY = 0.3  # px: no surface is farther than this disparity
STEEPEST = 0.45  # px of disparity per px: beyond it a plane is seen nearly edge-on by one camera


@dataclass(frozen=True)
class StereoSample:
    """A rectified pair and what is true of it, on the grid of the left image."""

    left: NDArray[np.uint8]  # [H,W,3] RGB
    right: NDArray[np.uint8]  # [H,W,3] RGB
    disparity: Map  # [H,W] left column - right column [px], known everywhere, also where occluded
    visible: NDArray[np.bool_]  # [H,W] the right camera sees it too


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
            for _ in range(5):  # Newton; slopes are bounded, so x - d(x) grows strictly
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


# --- how surfaces look


@dataclass(frozen=True)
class Looks:
    """How n surfaces look: tables with a column for each, float32, looked up by surface index.

    A point's texture coordinates in texels are (ux x + uy y + u1, vx x + vy y + v1) / (p d + q) +
    (u0, v0): with q = 0 that is a slanted plane in true perspective, with p = 0 it is affine.
    """

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
    palette: NDArray[np.uint32]  # [n * 256] from texture grey to RGB0


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
    return Looks(*(_table(values) for values in tables), palette=_palettes(rng, n))


def _table(values: NDArray[np.floating]) -> Map:
    """As cv2.LUT wants it."""
    table = np.zeros((1, 256), np.float32)
    table[0, :len(values)] = values
    return table


def paint(looks: Looks, index: NDArray[np.uint8], disparity: Map, right: bool) -> Map:
    """The colours a view sees, float32 [H,W,3] in about 0..255."""
    height, width = index.shape
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None] + (disparity if right else np.float32(0.0))

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
    colours = packed.view(np.uint8).reshape(height, width, 4)[..., :3].astype(np.float32)
    light_x, light_y = 0.6 * x + of(looks.light_x), 0.6 * y + of(looks.light_y)
    light = cv2.remap(textures.light_map(), light_x, light_y, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REFLECT)
    colours *= (1.0 + of(looks.light) * (light - 1.0))[..., None]
    return colours


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
    contrast = np.exp(rng.uniform(np.log(10), np.log(90), (n, 1, 1)))
    contrast[rng.random(n) < 0.12] = rng.uniform(0.0, 3.0)
    ramp = np.linspace(-1, 1, 5)[None, :, None] * rng.choice([-1, 1], (n, 1, 1))
    wild = rng.choice([0.05, 0.3, 0.9], (n, 1, 1), p=[0.4, 0.4, 0.2])
    stops = ramp + wild * (0.8 * rng.normal(0, 1, (n, 5, 1)) + 0.5 * rng.normal(0, 1, (n, 5, 3)))
    colours = (brightness + tint + contrast * stops).astype(np.float32)
    table = cv2.resize(colours, (256, n), interpolation=cv2.INTER_LINEAR)
    packed = np.zeros((n, 256, 4), np.uint8)
    packed[..., :3] = np.clip(table, 0, 255)
    return packed.reshape(-1).view(np.uint32)


# --- what stands in a scene


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
        span = rng.uniform(60.0, max_disparity)
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
    mask, (left, top) = _cut_out(rng, (x, y), extent)
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


def _cut_out(rng: np.random.Generator, middle: tuple[float, float], extent: tuple[float, float]
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

    def draw(points: NDArray[np.floating], level: int) -> None:
        """Fill a polygon given in units of the thing's half extent."""
        placed = (points * half) @ turn.T + local
        cv2.fillPoly(canvas, [np.rint(placed * 16).astype(np.int32)], level, cv2.LINE_AA, shift=4)

    _OUTLINES[kind](rng, draw, half)
    if kind != _POLE and rng.random() < 0.08:  # leaves, lace, rust: holes of all sizes
        _perforate(rng, canvas)
    return canvas, (int(corner[0]), int(corner[1]))


_Draw = Callable[[NDArray[np.floating], int], None]
_BOX = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


def _box(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
    draw(_BOX, 255)


def _round(turns: NDArray[np.floating], radius: NDArray[np.floating] | float
           ) -> NDArray[np.floating]:
    return np.stack([np.cos(turns), np.sin(turns)], 1) * np.reshape(radius, (-1, 1))


def _ellipse(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    draw(_round(turns, 1.0), 255)
    if rng.random() < 0.25:  # a ring
        draw(_round(turns, rng.uniform(0.4, 0.85)), 0)


def _polygon(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
    corners = int(rng.integers(3, 9))
    draw(_round(np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(0.4, 1.0, corners)), 255)


def _blob(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
    turns = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = np.arange(1, 8)[:, None]
    wobble = (rng.normal(0, 0.4, (7, 1)) / waves
              * np.sin(waves * turns + rng.uniform(0, 2 * np.pi, (7, 1)))).sum(0)
    draw(_round(turns, np.clip(0.7 + 0.6 * wobble, 0.1, 1.0)), 255)


def _fence(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
    """Upright bars, and perhaps cross bars."""
    bars = max(int(half[0] * 2 / rng.uniform(8, 40)), 2)
    bar = max(rng.uniform(0.12, 0.5) / bars, 1.0 / half[0])
    for x in np.linspace(-1 + bar, 1 - bar, bars):
        draw(_BOX * [bar, 1.0] + [x, 0.0], 255)
    for y in rng.uniform(-0.9, 0.9, int(rng.integers(0, 6))):
        draw(_BOX * [1.0, max(0.04, 1.0 / half[1])] + [0.0, y], 255)


def _perforated(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
    """A plate with a lattice of holes: windows, shelves, a grating."""
    draw(_BOX, 255)
    across, down = (int(n) for n in np.clip(half * 2 / rng.uniform(14, 70, 2), 1, 12))
    hole = _BOX if rng.random() < 0.5 else _round(np.linspace(0, 6, 16), 1.0)
    size = rng.uniform(0.5, 0.9) / np.array([across, down])
    for x in (np.arange(across) + 0.5) * 2 / across - 1:
        for y in (np.arange(down) + 0.5) * 2 / down - 1:
            draw(hole * size + [x, y], 0)


def _branches(rng: np.random.Generator, draw: _Draw, half: NDArray[np.floating]) -> None:
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


class StereoStream:
    """
    An endless iterator of pairs, each drawn from (seed, worker, its number): restartable anywhere.

    Give every worker process its own `worker`; it holds no state but the number of the next pair.
    """

    def __init__(self, seed: int, size: tuple[int, int], max_disparity: float = 192.0,
                 worker: int = 0, start: int = 0) -> None:
        self.seed, self.size, self.max_disparity = seed, size, max_disparity
        self.worker, self.number = worker, start

    def __iter__(self) -> Iterator[StereoSample]:
        return self

    def __next__(self) -> StereoSample:
        rng = np.random.default_rng((self.seed, self.worker, self.number))
        self.number += 1
        return render_stereo(rng, self.size, self.max_disparity)
