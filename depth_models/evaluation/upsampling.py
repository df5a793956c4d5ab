"""
Low-resolution depth enlarged without learning: what a network has to beat.

Maps have any unit. Pixel edges stay where they are, as in `cv2.resize` and `Camera.resized`. Joint bilateral
and guided filter are written here, because opencv-contrib cannot be installed beside OpenCV: both ship the
package `cv2`, and removing one breaks the other. Set beside `cv2.ximgproc` 4.13 on three real frames, the
joint bilateral filter here has the RMSE of its `jointBilateralFilter` within 1 %.

Their parameters were searched for the least RMSE relative to bicubic's at x4 and at x8, for clean and for
noisy maps by themselves (see `data.degradation`): of the joint bilateral filter on an RGB-D frame, cones
and rocks1 of Middlebury; of the guided filter on two more RGB-D frames and dolls as well; its radius under
noise is the middle between what suits x4 (1) and x8 (0.5). Whoever measures on those frames, and a user who
knows that a sensor is noisy, gives these methods an advantage that a network does not have.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from depth_models.frames import Image, Map

WINDOW = 1.5  # sigmas that the joint bilateral filter reaches, as in opencv-contrib
TAPS = 0.25  # cells from one of its taps to the next


class JointBilateral(NamedTuple):
    """Parameters of `joint_bilateral`."""

    sigma_space: float  # cells of the low-resolution map
    sigma_colour: float  # of the sum of the differences of R, G and B, each in 0..1


class Guided(NamedTuple):
    """Parameters of `guided_filter`."""

    radius: float  # cells of the low-resolution map
    epsilon: float  # of the colours' variance, in 0..1: what varies less is smoothed over


# by whether the map has noise
JOINT_BILATERAL: Mapping[bool, JointBilateral] = {
    False: JointBilateral(0.5, 0.08), True: JointBilateral(1.2, 0.08)}
GUIDED: Mapping[bool, Guided] = {False: Guided(0.25, 0.01), True: Guided(0.75, 0.01)}


def enlarged(method: str, low_res: Map, image: Image, *, noisy: bool = False) -> Map:
    """
    [H,W] of a low-resolution map [h,w] with holes (NaN), by one of METHODS; every pixel is answered.

    image: uint8 [H,W,3] RGB; H and W are the same whole multiple of h and w. noisy: what is known about the
    map, some methods then smooth more. Holes are filled before, by all in the same way.
    """
    if method not in METHODS:
        raise ValueError(f'method must be one of {", ".join(METHODS)}, got {method!r}')
    if not np.isfinite(low_res).any():
        raise ValueError(f'low_res of {low_res.shape[1]}x{low_res.shape[0]} px has no known pixel')
    factor = _factor(low_res, image)
    return METHODS[method](holes_filled(low_res), image, factor, noisy)


def holes_filled(low_res: Map) -> Map:
    """Holes are what surrounds them: the push and pull that the networks start from, too."""
    known = np.isfinite(low_res)
    if known.all():
        return low_res
    import torch  # takes its time

    from depth_models.networks.low_res import filled

    values, mask = (torch.from_numpy(part.astype(np.float32)[None, None])
                    for part in (np.where(known, low_res, np.float32(0)), known))
    found: Map = filled(values, mask)[0, 0].numpy()
    return found


def nearest(filled: Map, image: Image, factor: int, noisy: bool) -> Map:
    """Every pixel says what its cell does."""
    return _resized(filled, image, cv2.INTER_NEAREST_EXACT)


def bilinear(filled: Map, image: Image, factor: int, noisy: bool) -> Map:
    """OpenCV's."""
    return _resized(filled, image, cv2.INTER_LINEAR)


def bicubic(filled: Map, image: Image, factor: int, noisy: bool) -> Map:
    """OpenCV's, cubic convolution [Keys, IEEE TASSP 1981] with a = -0.75."""
    return _resized(filled, image, cv2.INTER_CUBIC)


def joint_bilateral(filled: Map, image: Image, factor: int, noisy: bool) -> Map:
    """
    Bicubic, then a mean weighted by nearness in space and in the colour of the image.

    Kopf, Cohen, Lischinski, Uyttendaele, "Joint bilateral upsampling", SIGGRAPH 2007, section 3. The mean
    runs over the enlarged map and not over the cells, as opencv-contrib's `jointBilateralFilter` does, which
    measured better here; colours differ by the sum over the channels, as there, too.
    """
    space, colour = JOINT_BILATERAL[noisy]
    step, reach = max(round(TAPS * factor), 1), WINDOW * space * factor  # px
    pad = int(reach) // step * step
    smooth, colours = bicubic(filled, image, factor, noisy), _in_one(image)
    depths, others = (cv2.copyMakeBorder(values, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
                      for values in (smooth, colours))
    total, weights = np.zeros_like(smooth), np.zeros_like(smooth)
    channels = np.ones((1, 3), np.float32)
    for down in range(-pad, pad + 1, step):
        for right in range(-pad, pad + 1, step):
            if (away := down * down + right * right) > reach * reach:
                continue
            tap = (slice(pad + down, pad + down + smooth.shape[0]),
                   slice(pad + right, pad + right + smooth.shape[1]))
            differs = np.asarray(cv2.transform(cv2.absdiff(colours, others[tap]), channels))
            weight = np.exp(differs ** 2 * np.float32(-0.5 / colour ** 2)
                            - np.float32(0.5 * away / (space * factor) ** 2))
            total += weight * depths[tap]
            weights += weight
    return total / weights  # the pixel itself has a weight of 1


def guided_filter(filled: Map, image: Image, factor: int, noisy: bool) -> Map:
    """
    Bicubic, then linear in the colours of the image within every window, and the mean of the windows.

    He, Sun, Tang, "Guided image filtering", PAMI 2013, equations 14 to 16 (the guide is a colour image).
    """
    radius, epsilon = GUIDED[noisy]
    side = 2 * max(round(radius * factor), 1) + 1
    depth, colours = bicubic(filled, image, factor, noisy), _in_one(image)

    def mean(values: Map) -> Map:
        return np.asarray(cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_REFLECT))

    of_colour, of_depth = mean(colours), mean(depth)
    covariance = mean(colours * depth[..., None]) - of_colour * of_depth[..., None]
    squares = np.empty((*depth.shape, 3, 3), np.float32)
    for one in range(3):
        for two in range(3):
            squares[..., one, two] = (mean(np.ascontiguousarray(colours[..., one] * colours[..., two]))
                                      - of_colour[..., one] * of_colour[..., two])
    squares += epsilon * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(squares, covariance[..., None])[..., 0]
    offset = of_depth - (slope * of_colour).sum(-1)
    found: Map = (mean(slope) * colours).sum(-1) + mean(offset)
    return found


Upsampling = Callable[[Map, Image, int, bool], Map]  # of a map without holes
METHODS: Mapping[str, Upsampling] = {
    'nearest': nearest, 'bilinear': bilinear, 'bicubic': bicubic, 'joint_bilateral': joint_bilateral,
    'guided_filter': guided_filter}


def _factor(low_res: Map, image: Image) -> int:
    factor = image.shape[0] // low_res.shape[0]
    if image.shape != (factor * low_res.shape[0], factor * low_res.shape[1], 3):
        raise ValueError(f'the image must be RGB and a whole multiple of {list(low_res.shape)}, '
                         f'got {list(image.shape)}')
    return factor


def _resized(values: Map, image: Image, interpolation: int) -> Map:
    return np.asarray(cv2.resize(values, image.shape[1::-1], interpolation=interpolation), np.float32)


def _in_one(image: Image) -> Map:
    """Colours in 0..1."""
    return image.astype(np.float32) / np.float32(255)
