"""Sparse depth maps on their way to the network and back: float32 [H,W] m, NaN where not measured."""

import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Map


def is_measured(sparse: Map) -> NDArray[np.bool_]:
    """[H,W] of any map: 0, negative numbers, NaN and inf are no measurements."""
    with np.errstate(invalid='ignore'):
        return (sparse > 0) & (sparse < np.inf)


def as_input(sparse: Map, grid: tuple[int, ...]) -> NDArray[np.float32]:
    """[1,1,*grid], 0 where nothing was measured; grid: at least [H,W], nothing is measured in the rest."""
    values = np.empty((1, 1, *grid), np.float32)
    put_in(values, sparse)
    return values


def put_in(target: NDArray[np.float32], sparse: Map) -> None:
    """As `as_input`, into an array that is there."""
    (height, width), grid = sparse.shape, target.shape[2:]
    if height > grid[0] or width > grid[1]:
        raise ValueError(f'grid must be at least {height}x{width} px, got {grid[0]}x{grid[1]}')
    target.fill(0)
    np.copyto(target[0, 0, :height, :width], sparse, where=is_measured(sparse))


def measurements_kept(depth: Map, sparse: Map) -> Map:
    """The dense map with the measurements in their places; one pass over both.

    Nothing is smoothed around them: the network has spread what it differs by to the neighbours already.
    """
    return np.where(is_measured(sparse), sparse, depth).astype(np.float32, copy=False)
