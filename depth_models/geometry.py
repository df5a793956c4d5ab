"""
Disparity, depth and points of rectified pinhole cameras, on numpy arrays.

Depth is Z along the optical axis [m]; x points right, y down, z forward (REP 103, optical frame).
Pixel centres lie at integer coordinates. Unknown is NaN, never 0.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Camera, Map, StereoCamera


def depth_from_disparity(disparity: Map, camera: StereoCamera, *, min_range: float = 0.0,
                         max_range: float = float('inf')) -> Map:
    """Z = fx * baseline / (disparity - principal_point_difference): [H,W] px -> [H,W] m.

    disparity: left column - right column, as a matcher finds it. NaN where it is unknown, where it
    belongs to no point in front of the cameras, and where the depth is outside of
    [min_range, max_range].
    """
    _check_size('disparity', disparity, camera.left)
    # the message of stereo_msgs/DisparityImage: d = x_l - x_r - (cx_l - cx_r), Z = f T / d
    depth = np.subtract(disparity, np.float32(camera.principal_point_difference), dtype=np.float32)
    with np.errstate(divide='ignore', over='ignore', invalid='ignore'):
        np.divide(np.float32(camera.left.fx * camera.baseline), depth, out=depth)
        known = (depth > 0) & (depth >= min_range) & (depth <= max_range) & (depth < np.inf)
    np.copyto(depth, np.nan, where=~known)
    return depth


def disparity_from_depth(depth: Map, camera: StereoCamera) -> Map:
    """The inverse of `depth_from_disparity`: [H,W] m -> [H,W] px, NaN where there is no depth."""
    _check_size('depth', depth, camera.left)
    known = np.isfinite(depth) & (depth > 0)
    disparity = np.full(depth.shape, np.nan, np.float32)
    np.divide(np.float32(camera.left.fx * camera.baseline), depth, out=disparity, where=known,
              casting='same_kind')
    disparity += np.float32(camera.principal_point_difference)
    return disparity


def depth_within(depth: Map, *, min_range: float = 0.0, max_range: float = float('inf')) -> Map:
    """[H,W] m -> [H,W] m: NaN where depth is not positive, not finite or outside of the range."""
    known = (depth > 0) & (depth >= min_range) & (depth <= max_range) & (depth < np.inf)
    return np.where(known, depth, np.float32(np.nan))


def points_from_depth(depth: Map, camera: Camera, *, out: NDArray[np.float32] | None = None
                      ) -> NDArray[np.float32]:
    """Organized points x, y, z [m]: [H,W] -> float32 [H,W,3]; NaN in all three where depth is NaN.

    out: where to write them, float32 [H,W,3] or wider; what lies behind x y z stays as it is.
    """
    _check_size('depth', depth, camera)
    if out is None:
        out = np.empty((*depth.shape, 3), np.float32)
    elif out.dtype != np.float32 or out.shape[:2] != depth.shape or out.shape[2:] < (3,):
        raise ValueError(f'out must be float32 [{depth.shape[0]},{depth.shape[1]},3 or more], '
                         f'got {out.dtype} {list(out.shape)}')
    ray_x, ray_y = _rays(camera)
    np.multiply(depth, ray_x, out=out[..., 0])
    np.multiply(depth, ray_y, out=out[..., 1])
    out[..., 2] = depth
    return out


def project_points(points: NDArray[Any], camera: Camera, *, transform: NDArray[Any] | None = None) -> Map:
    """Points x, y, z [m] seen by a camera, as a sparse depth map: [N,3] or [...,3] -> [H,W] m.

    transform: 4x4, from the points' frame (a LiDAR's) to the camera's optical frame; None: they are
    in it already. Of the points that fall on a pixel the nearest one is seen. NaN where none falls;
    points that are not finite or not in front of the camera are left out.

    Nothing is drawn between points, so far points show through between sparse near ones.
    """
    if points.ndim < 1 or points.shape[-1] != 3:
        raise ValueError(f'points must be [...,3], got {list(points.shape)}')
    x, y, z = points.reshape(-1, 3).astype(np.float64, copy=False).T
    if transform is not None:
        if transform.shape != (4, 4) or not np.isfinite(transform).all():
            raise ValueError(f'transform must be 4x4 and finite, got {list(transform.shape)}: '
                             f'{np.asarray(transform).tolist()}')
        x, y, z = (row[0] * x + row[1] * y + row[2] * z + row[3] for row in transform[:3])
    with np.errstate(divide='ignore', over='ignore', invalid='ignore'):
        column = np.floor(camera.fx * x / z + camera.cx + 0.5)  # the pixel whose square it falls into
        row = np.floor(camera.fy * y / z + camera.cy + 0.5)
        z = z.astype(np.float32)
        seen = ((z > 0) & (z < np.inf) & (column >= 0) & (column < camera.width)
                & (row >= 0) & (row < camera.height))
    pixel = row[seen].astype(np.int64) * camera.width + column[seen].astype(np.int64)
    nearest_last = np.argsort(-z[seen], kind='stable')  # of several values the last one stays
    depth = np.full(camera.height * camera.width, np.nan, np.float32)
    depth[pixel[nearest_last]] = z[seen][nearest_last]
    return depth.reshape(camera.height, camera.width)


def decimated(camera: Camera, step: int) -> Camera:
    """The camera of `image[::step, ::step]`: every pixel kept keeps its ray."""
    if step < 1:
        raise ValueError(f'step must be 1 or more, got {step}')
    # not Camera.resized: pixels are picked at 0, step, 2 step, not averaged around a new centre
    return replace(camera, width=-(-camera.width // step), height=-(-camera.height // step),
                   fx=camera.fx / step, fy=camera.fy / step,
                   cx=camera.cx / step, cy=camera.cy / step)


@lru_cache(maxsize=8)
def _rays(camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x/z [1,W] and y/z [H,1] of every column and row."""
    ray_x = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)[None, :]
    ray_y = ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)[:, None]
    for rays in (ray_x, ray_y):
        rays.flags.writeable = False  # they are shared by all calls
    return ray_x, ray_y


def _check_size(name: str, values: Map, camera: Camera) -> None:
    if values.shape != (camera.height, camera.width):
        raise ValueError(f'{name} is {list(values.shape)} but its camera is '
                         f'[{camera.height},{camera.width}]')
