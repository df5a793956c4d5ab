"""
What a sparse depth sensor would have measured of a known depth map.

A pattern is a pure function of (rng, depth, image), and of a density: depth [H,W] m, NaN where unknown;
image uint8 [H,W,3] RGB; density: the share of the pixels that are asked for. It gives the sparse map
[H,W] float32 m, NaN where nothing was measured, with fewer pixels than asked for where depth is unknown.

    uniform, gradient,       the four of Makarov, Korinevskaya and Aliev, "Sparse Depth Map Interpolation
    gradient_uniform, grid   using Deep Convolutional Neural Networks", TSP 2018
    scan_lines               of a LiDAR that turns
    corners                  of visual SLAM

`noisy` adds the errors that such sensors make, and `sample` is all of it by the name of a preset.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Camera, Image, Map

LEAST_DENSITY, MOST_DENSITY = 0.001, 0.2
USUAL_FOCAL = 0.8  # times the width: 64 degrees across, where no camera is known
DROPOUTS = 0.05  # share of a LiDAR's pulses that never come back, one by one,
GAPS = 0.05  # and in runs along a line
PULSES_PER_LINE_STEP = 4.0  # a LiDAR's lines are that much farther apart than the pulses on them
GAP_LENGTH = 24  # px
CORNER_QUALITY = 0.002  # of the strongest one, Shi and Tomasi's measure

Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Errors:
    """What is wrong with measurements: noise with sigma = constant + relative d + quadratic d^2 [m]."""

    constant: float = 0.0  # m
    relative: float = 0.0  # a LiDAR's beam, a scale
    quadratic: float = 0.0  # 1/m: what is triangulated
    outliers: float = 0.0  # share of the measurements that say something else altogether

    def __post_init__(self) -> None:
        for name in ('constant', 'relative', 'quadratic'):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f'{name} must be 0 or more and finite, got {getattr(self, name)}')
        if not 0 <= self.outliers <= 1:
            raise ValueError(f'outliers must be a share in 0 to 1, got {self.outliers}')


EXACT = Errors()


@dataclass(frozen=True)
class Preset:
    """A pattern, how much it measures, and how well."""

    pattern: str  # of PATTERNS
    density: float
    errors: Errors = EXACT

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise ValueError(f'pattern must be one of {", ".join(PATTERNS)}, got {self.pattern}')
        _check_density(self.density)


def sample(name: str, rng: np.random.Generator, depth: Map, image: Image) -> Map:
    """What the preset of this name (see PRESETS) measures; ValueError for one that is not there."""
    if name not in PRESETS:
        raise ValueError(f'preset must be one of {", ".join(PRESETS)}, got {name}')
    return measure(PRESETS[name], rng, depth, image)


def measure(preset: Preset, rng: np.random.Generator, depth: Map, image: Image) -> Map:
    """What a preset measures, errors included."""
    return noisy(rng, PATTERNS[preset.pattern](rng, depth, image, preset.density), depth, preset.errors)


def uniform(rng: np.random.Generator, depth: Map, image: Image, density: float = 0.1) -> Map:
    """Every pixel by itself, with probability `density`."""
    _check(depth, image, density)
    return _at(depth, rng.random(depth.shape, np.float32) < density)


def gradient(rng: np.random.Generator, depth: Map, image: Image, density: float = 0.1, *,
             of_depth: bool = False) -> Map:
    """
    Along gradients of the image, as semi-dense SLAM measures: probability goes with their size.

    of_depth: along gradients of the logarithm of depth in their place.
    """
    _check(depth, image, density)
    strength = _gradients(_log_filled(depth) if of_depth else _grey(image))
    return _at(depth, rng.random(depth.shape, np.float32) < _probabilities(strength, density))


def gradient_uniform(rng: np.random.Generator, depth: Map, image: Image, density: float = 0.1) -> Map:
    """One half along gradients of the image, one half anywhere."""
    _check(depth, image, density)
    wanted = (_probabilities(_gradients(_grey(image)), density) + np.float32(density)) / 2
    return _at(depth, rng.random(depth.shape, np.float32) < wanted)


def grid(rng: np.random.Generator, depth: Map, image: Image, density: float = 0.1) -> Map:
    """Every n-th pixel of every n-th row, from a random one on; n is what `density` comes closest to."""
    _check(depth, image, density)
    step = max(round(density ** -0.5), 1)
    chosen = np.zeros(depth.shape, bool)
    top, left = (int(rng.integers(min(step, length))) for length in depth.shape)
    chosen[top::step, left::step] = True
    return _at(depth, chosen)


def scan_lines(rng: np.random.Generator, depth: Map, image: Image, density: float = 0.045, *,
               camera: Camera | None = None, see_through: float = 0.3) -> Map:
    """
    As a LiDAR measures that stands beside the camera: on lines of constant elevation.

    Elevation phi is on row cy - fy tan(phi) sqrt(1 + ((u - cx) / fx)^2) of column u. Pulses are lost,
    one by one and in runs. see_through: the share of the lines' pixels that the LiDAR sees from its
    own place, a few px beside: at the border of something near it measures what is behind.
    camera: None: one with a usual lens.
    """
    _check(depth, image, density)
    height, width = depth.shape
    if camera is None:
        focal = USUAL_FOCAL * width
        camera = Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    # pixels a line and a pulse take, so that 1 / (line * pulse) is the density that is left after losses
    line = max((PULSES_PER_LINE_STEP * (1 - DROPOUTS) * (1 - GAPS) / density) ** 0.5, 1.0)
    pulse = max(line / PULSES_PER_LINE_STEP, 1.0)
    line = max((1 - DROPOUTS) * (1 - GAPS) / (density * pulse), 1.0)
    columns = np.arange(rng.uniform(0, pulse), width, pulse).astype(np.intp).clip(0, width - 1)
    stretch = np.sqrt(1 + ((columns - camera.cx) / camera.fx) ** 2)
    reach = height / float(stretch.min())  # rows of the middle column, enough for the corners too
    elevations = np.arange(rng.uniform(0, line) - reach, height + reach, line) - camera.cy
    rows = np.rint(camera.cy + elevations[:, None] * stretch).astype(np.intp)
    lost = rng.random(rows.shape) < DROPOUTS
    begins = rng.random(rows.shape) < GAPS * pulse / GAP_LENGTH
    lost |= cv2.dilate(begins.astype(np.uint8), np.ones((1, max(round(GAP_LENGTH / pulse), 1)), np.uint8)) > 0
    seen = (rows >= 0) & (rows < height) & ~lost
    place = rows[seen], np.broadcast_to(columns, rows.shape)[seen]
    found = np.full(depth.shape, np.nan, np.float32)
    found[place] = depth[place]
    down, right = rng.normal(0, 0.008 * width, 2)  # px, of what is near against what is far
    beside = ((place[0] + round(down)).clip(0, height - 1), (place[1] + round(right)).clip(0, width - 1))
    through = rng.random(len(place[0])) < see_through
    # fmax would let NaN through as the nearer one; what is unknown on either side stays as it is
    behind = through & (depth[beside] > depth[place])
    found[place[0][behind], place[1][behind]] = depth[beside][behind]
    return found


def corners(rng: np.random.Generator, depth: Map, image: Image, density: float = 0.002) -> Map:
    """At the strongest corners of the image [Shi and Tomasi, CVPR 1994], well apart, as SLAM keeps them."""
    _check(depth, image, density)
    number = max(round(density * depth.size), 1)
    apart = 0.5 * density ** -0.5  # px: half of the distance on a grid
    found = cv2.goodFeaturesToTrack(_grey(image), number, CORNER_QUALITY, apart, blockSize=3)
    chosen = np.zeros(depth.shape, bool)
    if found is not None:  # there are none in an image without texture
        column, row = np.rint(found[:, 0].T).astype(np.intp)
        kept = rng.random(len(row)) < 0.9  # not every corner is matched
        chosen[row[kept], column[kept]] = True
    return _at(depth, chosen)


def noisy(rng: np.random.Generator, sparse: Map, depth: Map, errors: Errors) -> Map:
    """A sparse map [H,W] m with errors. depth: outliers are drawn evenly from its range, near to far."""
    if errors == EXACT:
        return sparse
    measured = np.isfinite(sparse)
    values = sparse[measured]
    sigma = errors.constant + errors.relative * values + errors.quadratic * values ** 2
    found = values + sigma * rng.standard_normal(values.shape, np.float32)
    # nothing is measured behind the camera: what noise puts there keeps a tenth of its depth
    found = np.maximum(found, np.float32(0.1) * values)
    wrong = rng.random(values.shape) < errors.outliers
    if wrong.any():
        found[wrong] = rng.uniform(np.nanmin(depth), np.nanmax(depth), int(wrong.sum()))
    noised = np.full(sparse.shape, np.nan, np.float32)
    noised[measured] = found
    return noised


Pattern = Callable[[np.random.Generator, Map, Image, float], Map]
PATTERNS: Mapping[str, Pattern] = {
    'uniform': uniform, 'gradient': gradient, 'gradient_uniform': gradient_uniform, 'grid': grid,
    'scan_lines': scan_lines, 'corners': corners}


def _check(depth: Map, image: Image, density: float) -> None:
    if image.shape != (*depth.shape, 3):
        raise ValueError(f'sizes differ: image {list(image.shape[:2])}, depth {list(depth.shape)}')
    _check_density(density)


def _check_density(density: float) -> None:
    if not LEAST_DENSITY <= density <= MOST_DENSITY:
        raise ValueError(f'density must lie in {LEAST_DENSITY:g} to {MOST_DENSITY:g}, got {density:g}')


def _at(depth: Map, chosen: Chosen) -> Map:
    return np.where(chosen & np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))


def _grey(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _log_filled(depth: Map) -> Map:
    """ln of depth; what is unknown is at the median, so that holes have borders, as things have."""
    known = np.isfinite(depth) & (depth > 0)
    middle = float(np.median(depth[known])) if known.any() else 1.0
    return np.log(np.where(known, depth, np.float32(middle)))


def _gradients(values: NDArray[Any]) -> Map:
    along, down = (cv2.Sobel(values, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(along, down), np.float32)


def _probabilities(strength: Map, density: float) -> Map:
    """[H,W] up to 1, in proportion to `strength`, with a mean of `density`; even where there is none."""
    if not strength.any():
        return np.full(strength.shape, density, np.float32)
    factor = density / float(strength.mean())
    for _ in range(8):  # what is cut off at 1 is given to the others
        got = float(np.minimum(factor * strength, 1).mean())
        if got > 0.999 * density or got == float((strength > 0).mean()):
            break
        factor *= density / got
    return np.minimum(np.float32(factor) * strength, np.float32(1))


# what evaluation measures
PRESETS: Mapping[str, Preset] = {
    'uniform10': Preset('uniform', 0.1), 'uniform1': Preset('uniform', 0.01),
    'gradient': Preset('gradient', 0.1), 'gradient_uniform': Preset('gradient_uniform', 0.1),
    'grid': Preset('grid', 0.1), 'scanlines': Preset('scan_lines', 0.045),
    'uniform10_outliers': Preset('uniform', 0.1, Errors(outliers=0.1))}
