"""
Metres for what one camera sees: scale, or scale and shift, fitted to a few metric depths.

A network that sees one image knows shapes better than sizes. What is left open is a scale, and with
relative networks a shift of inverse depth [Ranftl et al., arXiv 1907.01341, section 5]:

    1 / metric = 1 / (scale * depth) + shift + lean_x x + lean_y y + bend_xx x^2 + bend_xy x y + bend_yy y^2

with x and y from -1 to 1 over the image's columns and rows. The lean is what is wrong where a network takes
the camera's pitch or roll for another one: the inverse depth of a plane is linear in the pixel's place, and
so is what it changes by when the plane is turned. The bend takes what else is wrong at large scale, and means
nothing in itself: over real frames RMSE is less with it (docs/accuracy.md).

How it is fitted, and why so:

- By relative errors, log(fitted / sample): those are what networks keep even from near to far. Errors
  of inverse depth would be about near things only, errors in m about far ones.
- `median` is the median ratio, right with almost half of the samples wrong.
- `affine` starts from the least median of squares over lines through pairs of samples [Rousseeuw, JASA
  1984], which needs no threshold and bears almost half of wrong samples too. It is polished by
  iteratively reweighted least squares with Tukey's biweight, which gives wrong samples no weight at
  all: Huber's gives them some, and a sample that fell through a gap onto the wall behind has leverage.
- Samples from a few rows tell little of a lean or a bend, however many they are, for they are wrong
  together; and a wrong one does harm far from them. So there is some evidence that there is none, in
  proportion to them.
- Smoothing adds up the normal equations of the frames, fading with age: a frame counts by its number
  of samples, and one that knows only the scale still helps to tell it.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Map

MODES = ('none', 'median', 'affine')
LEAST_FOR_SCALE, LEAST_FOR_SHIFT, LEAST_FOR_LEAN, LEAST_FOR_BEND = 8, 20, 50, 100  # samples
LEAST_SPREAD = 0.1  # of inverse depth, relative: below it, a shift cannot be told from a scale
MOST_SAMPLES, MOST_FOR_START = 2000, 300  # evenly out of more: the rest costs time and adds little
PAIRS = 200  # with 30 % wrong samples half of them are right; with 90 % of a third, still some
ROUNDS = 8  # of reweighting
TUKEY = 6.0  # standard deviations; of 4.685, right for normal errors, RMSE on real frames was 5 % more
LEAST_DEVIATION = 0.01  # relative: no sensor and no network is better
LEVEL = 0.02  # of the samples: as many tell that there is no lean, and no bend
UNKNOWNS = 7  # 1 / scale, shift, lean, bend
FARTHER = 2.0  # times the farthest sample: where a fit with a negative shift ends

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """1 / metric = 1 / (scale * depth) + shift + lean + bend, and how well that is known."""

    mode: str = 'none'  # what was fitted, of MODES: 'median' is a scale alone
    scale: float = 1.0  # m for one unit of depth
    shift: float = 0.0  # 1/m, in the middle of the image
    lean: tuple[float, float] = (0.0, 0.0)  # 1/m, what is added to it at the right and at the lower border
    bend: tuple[float, float, float] = (0.0, 0.0, 0.0)  # 1/m, of x^2, x y and y^2: at borders and corners
    residual: float = float('nan')  # median of |fitted / sample - 1| over this frame's samples
    samples: int = 0  # of this frame, known in both maps
    farthest: float = float('inf')  # m: what the fit puts beyond it is unknown
    note: str = ''  # why less was fitted than asked for; '' otherwise

    def apply(self, depth: Map) -> Map:
        """[H,W] -> [H,W] m, NaN where it is unknown or lies beyond what the fit tells."""
        if self.mode == 'none':
            return depth
        y, x = (_places(size).astype(np.float32) for size in depth.shape)
        return self._metric(depth, x, y[:, None])

    def at(self, depth: Values, places: Values) -> Values:
        """[N] depths of pixels at `places` [N,2], x and y as above -> [N] m."""
        return self._metric(depth, *places.T)

    def _metric(self, depth: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        kind = depth.dtype.type
        with np.errstate(divide='ignore', over='ignore', invalid='ignore'):
            metric = depth * kind(self.scale)
            if any(self.lean) or any(self.bend):
                (right, down), (xx, xy, yy) = (map(kind, part) for part in (self.lean, self.bend))
                # what depends on a column or a row alone is a row or a column itself, which costs nothing
                shift = ((xx * x + right) * x + kind(self.shift)) + (yy * y + down) * y
                if xy:
                    shift = shift + xy * x * y
                metric /= shift * metric + kind(1)
            elif self.shift:
                metric /= kind(self.shift) * metric + kind(1)
            known = (metric > 0) & (metric <= self.farthest) & (depth > 0) & (metric < np.inf)
        np.copyto(metric, np.nan, where=~known)
        return metric


class MetricScale:
    """Fits frame after frame and remembers.

    >>> metric_scale = MetricScale('affine')
    >>> fit = metric_scale.update(depth, sparse_depth)  # [H,W] each
    >>> metric = metric_scale.apply(depth)  # [H,W] m
    """

    def __init__(self, mode: str = 'none', *, memory: float = 10.0) -> None:
        """mode: of MODES. memory: frames after which one counts 1/e; 0: each frame stands alone."""
        if mode not in MODES:
            raise ValueError(f'scale must be one of {", ".join(MODES)}, got {mode!r}')
        if not 0 <= memory < float('inf'):
            raise ValueError(f'memory must be 0 or more frames, got {memory}')
        self.mode = mode
        self._keep = float(np.exp(-1 / memory)) if memory else 0.0
        self.reset()

    def reset(self) -> None:
        """Forget all: time has jumped, or the camera is another one."""
        self.fit = Fit()  # the last one
        self._known = _Known()

    @property
    def fitted(self) -> bool:
        """There is a fit, from this frame or an earlier one: what `apply` gives is in m."""
        return self.fit.mode != 'none'

    def apply(self, depth: Map) -> Map:
        """Depth by the last fit: [H,W] -> [H,W] m; as it is where nothing has been fitted."""
        return self.fit.apply(depth)

    def update(self, depth: Map, sparse_depth: Map) -> Fit:
        """Fit a frame: its depth, of any unit, and metric depths [m] of some of its pixels, [H,W] each.

        Where one of them is not a positive, finite number, there is no sample. With too few samples
        the last fit stays, and its note says so.
        """
        if depth.shape != sparse_depth.shape:
            raise ValueError(f'sparse_depth is {list(sparse_depth.shape)} but depth is {list(depth.shape)}')
        if self.mode == 'none':
            return self.fit
        inverse, truth, places = _samples(depth, sparse_depth)
        samples = len(truth)
        if samples < LEAST_FOR_SCALE:
            self.fit = replace(self.fit, samples=samples, residual=float('nan'), note=(
                f'{samples} samples, fewer than {LEAST_FOR_SCALE}: '
                + ('the last fit stays' if self.fitted else 'nothing is fitted')))
            return self.fit
        if samples > MOST_SAMPLES:
            chosen = _evenly(samples, MOST_SAMPLES)
            inverse, truth, places = inverse[chosen], truth[chosen], places[chosen]
        told = _look(inverse, truth, places, self.mode == 'affine')
        self._known = self._known.faded(self._keep).plus(told)
        fit = replace(_solve(self._known, self.mode == 'affine'), samples=samples)
        fitted = fit.at(1 / inverse, places)
        error = np.abs(fitted / truth - 1)
        self.fit = replace(fit, residual=float(np.median(np.where(np.isnan(error), np.inf, error))))
        return self.fit


@dataclass(frozen=True)
class _Known:
    """What frames have told, as sums that can be added and faded."""

    count: float = 0.0  # samples
    log_scales: float = 0.0  # of the medians, each times its samples
    # normal equations of (1 / scale, shift, *lean, *bend), and in the last column their right side
    equations: Values = field(default_factory=lambda: np.zeros((UNKNOWNS, UNKNOWNS + 1)))
    farthest: float = 0.0  # m, of the samples that were believed

    def faded(self, keep: float) -> '_Known':
        return _Known(keep * self.count, keep * self.log_scales, keep * self.equations, keep * self.farthest)

    def plus(self, other: '_Known') -> '_Known':
        return _Known(
            self.count + other.count, self.log_scales + other.log_scales,
            self.equations + other.equations, max(self.farthest, other.farthest))


def _samples(depth: Map, sparse_depth: Map) -> tuple[Values, Values, Values]:
    """1 / depth and metric depth of the pixels that have both, and where they lie: [N], [N], [N,2]."""
    with np.errstate(divide='ignore', over='ignore', invalid='ignore'):
        pixels = np.flatnonzero(sparse_depth > 0)
        truth = sparse_depth.reshape(-1)[pixels].astype(np.float64)
        inverse = 1 / depth.reshape(-1)[pixels].astype(np.float64)
    known = np.isfinite(truth) & np.isfinite(inverse) & (inverse > 0)
    row, column = np.divmod(pixels[known], depth.shape[1])
    places = np.stack([_places(depth.shape[1])[column], _places(depth.shape[0])[row]], axis=1)
    return inverse[known], truth[known], places


def _places(size: int) -> Values:
    """[size] the middles of so many pixels, from -1 to 1 over all of them."""
    return (2 * np.arange(size) + 1) / size - 1


def _look(inverse: Values, truth: Values, places: Values, affine: bool) -> _Known:
    """What one frame tells."""
    log_scale = float(np.median(np.log(truth * inverse)))
    told = _Known(len(truth), len(truth) * log_scale)
    if not affine:
        return told
    x, y = places.T
    terms = np.column_stack([inverse, np.ones_like(inverse), x, y, x * x, x * y, y * y])
    line = terms[:, :2] @ _start(inverse, truth, float(np.exp(-log_scale)))
    for _ in range(ROUNDS):
        equations, weight = _equations(terms, truth, line)
        fitted = _solved(equations, len(truth))
        if fitted is None:
            break
        line = terms @ fitted
    believed = truth[weight > 0]
    return replace(told, equations=equations, farthest=float(believed.max(initial=0.0)))


def _start(inverse: Values, truth: Values, slope: float) -> Values:
    """The line whose relative errors have the least median; slope: that of the best scale alone."""
    if len(truth) > MOST_FOR_START:
        chosen = _evenly(len(truth), MOST_FOR_START)
        inverse, truth = inverse[chosen], truth[chosen]
    order, third = np.argsort(inverse), len(truth) // 3
    random = np.random.default_rng(0)  # the same samples give the same fit
    # one of the near ones, one of the far ones: close pairs tell little of a slope
    low, high = (order[part][random.integers(0, third, PAIRS)]
                 for part in (slice(third), slice(-third, None)))
    with np.errstate(divide='ignore', over='ignore', invalid='ignore'):
        slopes = (1 / truth[high] - 1 / truth[low]) / (inverse[high] - inverse[low])
        shifts = 1 / truth[low] - slopes * inverse[low]
        slopes, shifts = np.append(slopes, slope), np.append(shifts, 0.0)
        errors = np.abs(np.log((slopes[:, None] * inverse + shifts[:, None]) * truth))
    errors[np.isnan(errors)] = np.inf
    middle = len(truth) // 2
    best = int(np.argmin(np.partition(errors, middle, axis=1)[:, middle]))
    return np.array([slopes[best], shifts[best]])


def _equations(terms: Values, truth: Values, line: Values) -> tuple[Values, Values]:
    """
    The normal equations at inverse depths `line`, weighted by how well samples fit it, and those weights.

    terms: [N,UNKNOWNS], what each unknown adds to the line.
    """
    ahead = line > 0
    line = np.where(ahead, line, 1.0)
    error = np.log(line * truth)
    deviation = max(1.4826 * float(np.median(np.abs(error))), LEAST_DEVIATION)
    weight = np.where(ahead, np.clip(1 - (error / (TUKEY * deviation)) ** 2, 0, None) ** 2, 0.0)
    # Gauss-Newton: the error's gradient is the terms over the line, and the line itself makes that 1
    slopes = terms / line[:, None]
    made = (weight[:, None] * slopes).T @ np.column_stack([slopes, 1 - error])
    smooth = np.arange(2, UNKNOWNS)
    made[smooth, smooth] += LEVEL * len(truth) * float(np.median(truth)) ** 2  # at a border each
    return made, weight


def _solved(equations: Values, samples: float) -> Values | None:
    """(1 / scale, shift, *lean, *bend), the last ones 0 where there are few samples; None: cannot be told."""
    unknowns = UNKNOWNS if samples >= LEAST_FOR_BEND else 4 if samples >= LEAST_FOR_LEAN else 2
    left, right = equations[:unknowns, :unknowns], equations[:unknowns, -1]
    size = np.sqrt(np.diag(left))
    if not size.all() or np.linalg.cond(left / np.outer(size, size)) > 1e9:
        return None
    found = np.zeros(UNKNOWNS)
    found[:unknowns] = np.linalg.solve(left, right)
    return found


def _solve(known: _Known, affine: bool) -> Fit:
    """The fit of all that is known; a scale alone, with a note, where a shift cannot be told."""
    scale_alone = Fit('median', float(np.exp(known.log_scales / known.count)))
    if not affine:
        return scale_alone
    (uu, uv), (_, vv) = known.equations[:2, :2].tolist()
    if known.count < LEAST_FOR_SHIFT:
        reason = f'{known.count:.0f} samples, fewer than {LEAST_FOR_SHIFT}'
    elif uu * vv - uv * uv < LEAST_SPREAD ** 2 * uu * vv:
        reason = f'the samples span less than {LEAST_SPREAD:.0%} of inverse depth'
    elif (found := _solved(known.equations, known.count)) is None or found[0] <= 0:
        reason = 'what is said to be nearer is farther'
    else:
        slope, shift, right, down, xx, xy, yy = found.tolist()
        # inverse depth may fall below 0 somewhere
        beyond = shift < abs(right) + abs(down) + abs(xy) - min(xx, 0) - min(yy, 0)
        return Fit('affine', 1 / slope, shift, (right, down), (xx, xy, yy),
                   farthest=FARTHER * known.farthest if beyond else float('inf'))
    return replace(scale_alone, note=f'scale only: {reason}')


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """`most` indices of 0..count - 1 at even steps."""
    return np.linspace(0, count - 1, most).astype(np.int64)
