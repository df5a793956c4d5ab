"""
How often each kind of generated scene comes.

A matcher gains from what makes no sense, for it has to compare, not to guess. A network that sees one
image has to guess: it is better shown what cameras see.
"""

from dataclasses import astuple, dataclass, field
from pathlib import Path

DEBIAN = Path('/usr/share/sweethome3d/furniture')  # of its package sweethome3d-furniture


@dataclass(frozen=True)
class SceneShares:
    """How often each kind of scene comes, relative to the others."""

    room: float = 1.0  # from one wall to the other
    outdoors: float = 1.0
    table: float = 1.0
    floating: float = 1.0
    inside: float = 0.0  # a room from anywhere in it, as carried or on a robot
    # the same, as people furnish it: with the libraries of Sweet Home 3D
    home: float = field(default=0.0, metadata={'later': True})

    def __post_init__(self) -> None:
        values = astuple(self)
        if not (all(value >= 0 for value in values) and sum(values) > 0):
            raise ValueError(f'shares of scenes must be at least 0, and one above it, got {self}')


EVEN = SceneShares()
