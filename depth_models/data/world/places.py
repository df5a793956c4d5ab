"""Where a camera may be in a scene."""

from typing import Any, NamedTuple

from numpy.typing import NDArray


class Place(NamedTuple):
    """For a camera, and what has to be seen from it; else the next place is tried."""

    eye: NDArray[Any]  # [3] m
    target: NDArray[Any]  # [3] m
    clear: float = 0.0  # m: less than a tenth of the view may lie nearer
    things: int = 0  # that show at least: a bare wall tells nothing
