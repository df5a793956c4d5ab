"""
What a recording without ground truth still tells of depth; pure functions of arrays.

Images are uint8 [H,W,3] RGB or [H,W] grey. Maps are float32 [H,W], NaN where unknown. Each check sees one
kind of error and is blind to others, as its docstring says: they compare runs on one recording, and none
of them replaces ground truth. NaN where there is too little to judge.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data.stereo_datasets.files import CONSISTENT, at_match
from depth_models.frames import Camera, Image, Map

LEAST_PIXELS = 100  # fewer prove nothing
UNCHANGED = 4  # of 255, after smoothing: noise of cameras and JPEG stays below
TEXTURE = 16  # of 255, after smoothing: the range of grey in a window that would show motion
WINDOW = 9  # px, its side
SMOOTHING = 5  # px
HYPOTHESES = 256  # planes tried: one of 20 % of the pixels is missed in 13 % of the frames, of 30 % in 0.1 %
TRIED_ON, FITTED_ON = 1000, 10_000  # pixels, at most
BAND = 0.05  # of the depth along the ray: what is nearer to a plane lies on it
REFITS = 3


def photometric(left: Image, right: Image, disparity: Map) -> float:
    """
    Mean of |left - right|, 0..255 grey, where `disparity` [px] says that both show the same point.

    The right image is brought to the mean and the spread of the left one first, over the same pixels, so
    that two exposures do not count. Mean and spread and not a fit of pixel to pixel: the less two images
    have to do with each other, the more such a fit would flatten the difference.

    Shows disparity that is wrong where there is texture. Cannot show errors on surfaces of one colour, where
    every disparity fits, nor depth that is off by a wrong baseline. Points that the right camera does not
    see, mirrors and gloss count even where disparity is right, so that it never falls to 0.
    """
    _check_sizes(left=left, right=right, disparity=disparity)
    columns, rows = _grid(*disparity.shape)
    matched = columns - disparity  # NaN where unknown
    with np.errstate(invalid='ignore'):
        compared = ((matched >= 0) & (matched <= disparity.shape[1] - 1)).astype(np.uint8)
    if cv2.countNonZero(compared) < LEAST_PIXELS:
        return float('nan')
    np.copyto(matched, 0, where=compared == 0)
    seen = cv2.remap(_grey(right).astype(np.float32), matched, rows, cv2.INTER_LINEAR)
    expected = _grey(left).astype(np.float32)
    (mean, spread), (wanted_mean, wanted_spread) = (
        np.ravel(cv2.meanStdDev(image, mask=compared)) for image in (seen, expected))
    gain = float(wanted_spread / spread) if spread > 0 else 1.0
    seen = cv2.addWeighted(seen, gain, seen, 0, float(wanted_mean - gain * mean))
    return float(cv2.mean(cv2.absdiff(seen, expected), compared)[0])


def left_right(disparity_left: Map, disparity_right: Map) -> float:
    """
    The share, 0..1, of pixels whose two disparities [px] differ by more than 1 px.

    Of the left pixels whose match lies in the right image and is known there. disparity_right is on the
    grid of the right image and positive, too; `mirrored` tells how a left-only matcher makes one.

    Shows guesses: what the two views see differently, hidden points and matches by chance. Cannot show an
    error that both views make, such as of repeated texture or of a prior that fills walls in.
    """
    _check_sizes(disparity_left=disparity_left, disparity_right=disparity_right)
    difference = np.abs(at_match(disparity_left, disparity_right) - disparity_left)
    compared = np.isfinite(difference)
    pixels = np.count_nonzero(compared)
    if pixels < LEAST_PIXELS:
        return float('nan')
    return float(np.count_nonzero(difference[compared] > CONSISTENT) / pixels)


def mirrored(left: Image, right: Image) -> tuple[Image, Image]:
    """The pair seen in a mirror, left and right again; its disparity, `[:, ::-1]`, is the right image's."""
    return np.ascontiguousarray(right[:, ::-1]), np.ascontiguousarray(left[:, ::-1])


def flicker(before: Map, now: Map, image_before: Image, image_now: Image) -> float:
    """
    Median of |d - d'| / ((d + d') / 2), depth of two frames, where the image did not change.

    Not to have changed takes texture: in a window of 9 px that has some, motion would be seen. So, of a
    camera that moves, nearly nothing is left, and the answer is NaN.

    Shows depth that trembles or jumps in scale while the world stands still. Cannot show errors that stay,
    and not what happens on bare walls; a pixel that is known in one of the frames only does not count.
    A change of exposure makes it NaN.
    """
    _check_sizes(before=before, now=now, image_before=image_before, image_now=image_now)
    one, two = (np.asarray(cv2.GaussianBlur(_grey(image), (SMOOTHING, SMOOTHING), 0))
                for image in (image_before, image_now))
    window = np.ones((WINDOW, WINDOW), np.uint8)
    changed = np.asarray(cv2.dilate(cv2.absdiff(one, two), window)) > UNCHANGED
    texture = np.asarray(cv2.morphologyEx(two, cv2.MORPH_GRADIENT, window)) >= TEXTURE
    with np.errstate(invalid='ignore'):
        judged = texture & ~changed & (before > 0) & (now > 0)  # not where NaN
    if np.count_nonzero(judged) < LEAST_PIXELS:
        return float('nan')
    at = np.flatnonzero(judged)
    at = at[::-(-at.size // FITTED_ON)]  # a median of more is no surer
    old, new = before.ravel()[at], now.ravel()[at]
    return float(np.median(np.abs(new - old) / ((new + old) / 2)))


def planarity(depth: Map, camera: Camera, rng: np.random.Generator) -> dict[str, float]:
    """
    How flat the largest plane is: residual_m, residual_relative, and its share, 0..1, of the known pixels.

    depth [m] of `camera`. The plane is found by RANSAC in inverse depth, in which a plane is linear in the
    image; its pixels lie within 5 % of it along the ray, and residual_relative is their mean distance from
    it along the ray, residual_m their mean distance [m] at right angles. `rng` draws the pixels: the same
    one gives the same answer.

    Shows noise, waves and bends on floors, streets and walls. Cannot show a plane that is whole but in a
    wrong place; in a scene without planes it says nothing. Where depth is worse than 5 % the residual
    stops growing and the share falls instead: read both.
    """
    _check_sizes(depth=depth, camera=np.empty((camera.height, camera.width), np.bool_))
    nothing = dict.fromkeys(('residual_m', 'residual_relative', 'share'), float('nan'))
    with np.errstate(invalid='ignore'):
        known = np.flatnonzero((depth > 0) & (depth < np.inf))
    if known.size < LEAST_PIXELS:
        return nothing
    at = known[rng.integers(0, known.size, min(known.size, FITTED_ON))]
    row, column = np.divmod(at, depth.shape[1])
    rays = [(column - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, np.ones(at.size)]
    # n . p = 1 holds on a plane, and p = Z ray: Z (n . ray) is 1 on it, and Z_plane = 1 / (n . ray)
    points = np.stack(rays, axis=1) * depth.ravel()[at, None].astype(np.float64)
    normal = _largest_plane(points, rng)
    for _ in range(REFITS):
        on_it = np.abs(points @ normal - 1) < BAND
        if np.count_nonzero(on_it) < LEAST_PIXELS // 2:
            return nothing
        some = points[on_it]
        normal = np.linalg.lstsq(some.T @ some, some.sum(axis=0), rcond=None)[0]
    residual = np.abs(points @ normal - 1)
    on_it = residual < BAND
    relative = float(residual[on_it].mean()) if on_it.any() else float('nan')
    # a point's distance from n . p = 1 is |n . p - 1| / |n|
    return {'residual_m': relative / float(np.linalg.norm(normal)), 'residual_relative': relative,
            'share': float(on_it.mean())}


def _largest_plane(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """n of n . p = 1: of the planes through three points each, the one that others lie nearest to (MSAC)."""
    triples = points[rng.integers(0, len(points), (HYPOTHESES, 3))]
    solvable = np.abs(np.linalg.det(triples)) > 1e-9 * np.prod(np.linalg.norm(triples, axis=2), axis=1)
    if not solvable.any():  # all on one line through the camera
        return np.zeros(3)
    normals = np.linalg.solve(triples[solvable], np.ones((np.count_nonzero(solvable), 3, 1)))[..., 0]
    some = points[:TRIED_ON]  # their order is random already
    misfits = np.minimum(np.abs(some @ normals.T - 1), BAND).sum(axis=0)
    best: NDArray[np.float64] = normals[misfits.argmin()]
    return best


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[Map, Map]:
    """Column [1,W] and row [H,W] of every pixel."""
    rows = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    rows.flags.writeable = False  # it is shared by all calls
    return np.arange(width, dtype=np.float32)[None, :], rows


def _grey(image: Image) -> Image:
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _check_sizes(**arrays: NDArray) -> None:
    """ValueError where they differ in height or width."""
    first, size = next((name, array.shape[:2]) for name, array in arrays.items())
    for name, array in arrays.items():
        if array.shape[:2] != size:
            raise ValueError(f'{first} is {size[1]}x{size[0]} px, but {name} is '
                             f'{array.shape[1]}x{array.shape[0]} px')
