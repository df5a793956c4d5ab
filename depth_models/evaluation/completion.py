"""
Dense depth from sparse depth without learning: what a network has to beat.

Each takes sparse depth [H,W] m, NaN where unknown, of one pixel or more, and answers every pixel.
`nearest` and `linear` need scipy, an optional package.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Map

INPAINT_RADIUS = 3  # px
INPAINT_STEPS = 60_000  # of the largest depth: on float32 OpenCV's fast marching gives depths metres off
# of the morphological completion: px, as in the paper, for images of about 1242x375 px
DIAMOND, CLOSING, SMALL_HOLES, LARGE_HOLES, SMOOTHING = 5, 5, 7, 31, 5
BEYOND = 1.25  # times the largest depth: what depths are subtracted from, so that none becomes 0

Completion = Callable[[Map], Map]


def nearest(sparse: Map) -> Map:
    """[H,W] m: the depth of the measured pixel that is nearest in the image (Euclidean)."""
    rows, columns = _scipy('scipy.ndimage').distance_transform_edt(
        ~_measured(sparse), return_distances=False, return_indices=True)
    filled: Map = sparse[rows, columns]
    return filled


def linear(sparse: Map) -> Map:
    """
    [H,W] m: linear within the triangles of a Delaunay triangulation, the nearest outside of them.

    Inside it is SciPy's `griddata(method='linear')`; the rest of the image it leaves open. Points
    that span no triangle give the nearest everywhere.
    """
    return filled_by_nearest(griddata_linear(sparse), sparse)


def griddata_linear(sparse: Map) -> Map:
    """SciPy's `griddata(method='linear')` as it is: [H,W] m, NaN outside of the convex hull."""
    rows, columns = np.nonzero(_measured(sparse))
    grid = tuple(np.mgrid[:sparse.shape[0], :sparse.shape[1]])
    qhull_error = _scipy('scipy.spatial').QhullError
    try:
        found = _scipy('scipy.interpolate').griddata(
            (rows, columns), sparse[rows, columns], grid, method='linear')
    except qhull_error:  # fewer than three points, or all on a line
        return sparse.copy()
    dense: Map = found.astype(np.float32)
    return dense


def filled_by_nearest(dense: Map, sparse: Map) -> Map:
    """What is open in `dense` is the depth of the nearest measured pixel."""
    return np.where(np.isfinite(dense), dense, nearest(sparse))


def inpaint(sparse: Map) -> Map:
    """[H,W] m: OpenCV's inpainting by fast marching [Telea, J. Graphics Tools 2004], radius 3 px."""
    measured = _measured(sparse)
    step = sparse[measured].max() / np.float32(INPAINT_STEPS)  # m
    steps = np.rint(np.where(measured, sparse, np.float32(0)) / step).astype(np.uint16)
    found = np.asarray(cv2.inpaint(steps, (~measured).astype(np.uint8), INPAINT_RADIUS, cv2.INPAINT_TELEA))
    dense: Map = found * step
    return dense


def morphological(sparse: Map) -> Map:
    """
    [H,W] m: dilations of inverted depth, in the manner of IP-Basic.

    Ku, Harakeh, Waslander, "In Defense of Classical Image Processing: Fast Depth Completion on the
    CPU", CRV 2018, arXiv 1802.00036, section III: invert, so that what is near grows over what is far;
    dilate by a diamond; close small holes; fill small, then large ones; extend columns to the top;
    median and Gaussian blur; invert. Written anew, with the large fill repeated until nothing is open,
    because the paper's input is never sparser than a LiDAR's.
    """
    measured = _measured(sparse)
    beyond = np.float32(BEYOND * sparse[measured].max())
    inverted = np.where(measured, beyond - sparse, np.float32(0))  # 0: open
    inverted = np.asarray(cv2.dilate(inverted, _diamond(DIAMOND)))
    inverted = np.asarray(cv2.morphologyEx(inverted, cv2.MORPH_CLOSE, np.ones((CLOSING, CLOSING), np.uint8)))
    inverted = _filled(inverted, SMALL_HOLES)
    inverted = _extended_to_the_top(inverted)
    while not inverted.all():
        inverted = _filled(inverted, LARGE_HOLES)
    inverted = np.asarray(cv2.medianBlur(inverted, SMOOTHING))
    inverted = np.asarray(cv2.GaussianBlur(inverted, (SMOOTHING, SMOOTHING), 0))
    dense: Map = beyond - inverted
    return dense


METHODS: dict[str, Completion] = {
    'nearest': nearest, 'linear': linear, 'inpaint': inpaint, 'morphological': morphological}


def _measured(sparse: Map) -> NDArray[np.bool_]:
    measured = np.isfinite(sparse)
    if not measured.any():
        raise ValueError(f'sparse depth of {sparse.shape[1]}x{sparse.shape[0]} px has no measured pixel')
    return measured


def _filled(inverted: Map, side: int) -> Map:
    """Open pixels get the nearest depth of the square around them, if there is one."""
    grown = np.asarray(cv2.dilate(inverted, np.ones((side, side), np.uint8)))
    return np.where(inverted > 0, inverted, grown)


def _extended_to_the_top(inverted: Map) -> Map:
    """Above its highest known pixel, each column repeats that one."""
    first = (inverted > 0).argmax(axis=0)  # 0 where a column is open: nothing is above that
    above = np.arange(inverted.shape[0])[:, None] < first
    return np.where(above, inverted[first, np.arange(inverted.shape[1])], inverted)


def _diamond(side: int) -> NDArray[np.uint8]:
    along = np.abs(np.arange(side) - side // 2)
    return (along[:, None] + along <= side // 2).astype(np.uint8)


def _scipy(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f'nearest and linear interpolation need scipy, but {error}; '
                          f'pip install depth_nodes[baselines]') from error
