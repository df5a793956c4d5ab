"""
OpenCV's stereo matchers with one stated setting each: what a learned one has to beat.

Block 5 (BM: 11), P1 = 8 * 3 * 25, P2 = 32 * 3 * 25, uniqueness 10, speckle window 100 px of range
2, left-right check 1 px. SGBM gets colours: on real pairs it is the better for it, where BM takes
grey only. They answer in sixteenths of a px and leave holes, among them the first `max_disparity`
columns, where OpenCV does not search; `fill_holes` closes them.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from depth_models.frames import Image, Map
from depth_models.images import to_rgb

BLOCK, BM_BLOCK = 5, 11  # px; of 9, 11, 15 and 21, BM has the fewest pixels off by over 1 px with 11
STEPS = 16.0  # a px, of OpenCV's fixed point disparities


def block_matching(left: Image, right: Image, max_disparity: int) -> Map:
    """StereoBM, on grey: disparity [H,W] px, NaN where it gives no answer."""
    grey = [cv2.cvtColor(to_rgb(image), cv2.COLOR_RGB2GRAY) for image in (left, right)]
    return _match(block_matcher(max_disparity), grey[0], grey[1])


def semi_global_matching(left: Image, right: Image, max_disparity: int) -> Map:
    """StereoSGBM (five directions) [Hirschmueller, PAMI 2008]: disparity [H,W] px, NaN in holes."""
    return _match(semi_global_matcher(max_disparity), to_rgb(left), to_rgb(right))


def semi_global_matching_3_way(left: Image, right: Image, max_disparity: int) -> Map:
    """StereoSGBM of three directions: disparity [H,W] px, NaN in holes."""
    matcher = semi_global_matcher(max_disparity, cv2.STEREO_SGBM_MODE_SGBM_3WAY)
    return _match(matcher, to_rgb(left), to_rgb(right))


MATCHERS: dict[str, Callable[[Image, Image, int], Map]] = {
    'bm': block_matching, 'sgbm': semi_global_matching, 'sgbm_3way': semi_global_matching_3_way}


def fill_holes(disparity: Map) -> Map:
    """
    Every hole gets the lower of its nearest known neighbours to the left and right on its row.

    The lower one because a hole is mostly background that something nearer hides; at the borders
    there is one neighbour only. Rows without any known pixel get the same from the rows above and
    below them. As KITTI's devkit does (interpolateBackground), but for empty rows between others,
    which it leaves open. A map without any known pixel stays unknown.
    """
    return _fill_rows(_fill_rows(disparity).T).T


def block_matcher(max_disparity: int) -> Any:
    """OpenCV's object; its `compute` takes grey images."""
    matcher = cv2.StereoBM.create(_searched(max_disparity), BM_BLOCK)
    matcher.setUniquenessRatio(10)
    matcher.setSpeckleWindowSize(100)
    matcher.setSpeckleRange(2)
    matcher.setDisp12MaxDiff(1)
    return matcher


def semi_global_matcher(max_disparity: int, mode: int = cv2.STEREO_SGBM_MODE_SGBM) -> Any:
    """OpenCV's object; its `compute` takes grey images or ones with colours."""
    return cv2.StereoSGBM.create(
        0, _searched(max_disparity), BLOCK, P1=8 * 3 * BLOCK ** 2, P2=32 * 3 * BLOCK ** 2,
        disp12MaxDiff=1, uniquenessRatio=10, speckleWindowSize=100, speckleRange=2, mode=mode)


def _fill_rows(disparity: Map) -> Map:
    height, width = disparity.shape
    columns = np.broadcast_to(np.arange(width), (height, width))
    known = np.isfinite(disparity)
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, width)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(height)[:, None]
    from_left = np.where(before >= 0, disparity[rows, np.maximum(before, 0)], np.nan)
    from_right = np.where(after < width, disparity[rows, np.minimum(after, width - 1)], np.nan)
    return np.fmin(from_left, from_right)


def _searched(max_disparity: int) -> int:
    """OpenCV searches a multiple of 16 px."""
    if max_disparity < 1:
        raise ValueError(f'max_disparity must be 1 px or more, got {max_disparity}')
    return -(-max_disparity // 16) * 16


def _match(matcher: Any, left: Any, right: Any) -> Map:
    try:
        steps = matcher.compute(left, right)
    except cv2.error as error:  # for instance, images smaller than a block
        raise ValueError(f'OpenCV cannot match pairs of {left.shape[1]}x{left.shape[0]} px: '
                         f'{error.err}') from error
    return np.where(steps < 0, np.nan, steps / np.float32(STEPS)).astype(np.float32)
