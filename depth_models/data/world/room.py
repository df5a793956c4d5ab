"""A room while it is furnished: where its walls are, what stands where, and what there is to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_models.data.world import shapes
from depth_models.data.world.furniture import Library, Piece
from depth_models.data.world.things import Builder, lay

Vector = NDArray[Any]

SMALL = 0.6  # m: what is put on tables is smaller


class Table(NamedTuple):
    """A level top that one can stand before."""

    at: Vector  # [3] m, on the floor
    turn: Vector  # [3,3]
    size: Vector  # [3] m: wide, deep, and how high its top is


@dataclass
class Room:
    """About the origin, its floor at 0. Walls 0 to 3 lie at -y, +x, +y and -x."""

    build: Builder
    library: Library
    size: Vector  # [3] m
    taken: list[tuple[float, float, float, float, float]] = field(default_factory=list)  # x, y from, to; top
    tables: list[Table] = field(default_factory=list)  # with room around them

    def turn(self, wall: int) -> Vector:
        """[3,3]: x along the wall 0 to 3, y into the room."""
        c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[wall]
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])

    def length(self, wall: int) -> float:
        return float(self.size[wall % 2])

    def foot(self, wall: int, along: float, out: float = 0.0) -> Vector:
        """A place on the floor [3]: `along` from the middle of a wall, `out` into the room [m]."""
        return self.turn(wall) @ np.array([along, out - self.size[1 - wall % 2] / 2, 0.0])

    def free(self, low: Vector, high: Vector) -> bool:
        """Whether nothing stands in a rectangle of the floor that lies in the room."""
        half = self.size[:2] / 2 + 1e-6
        if (low < -half).any() or (high > half).any():
            return False
        return not any(low[0] < x1 and x0 < high[0] and low[1] < y1 and y0 < high[1]
                       for x0, y0, x1, y1, _ in self.taken)

    def take(self, at: Vector, turn: Vector, size: Sequence[float], *, force: bool = False) -> bool:
        """Mark what a thing of this size at a place covers, unless something stands there."""
        half = np.abs(turn[:2, :2]) @ np.array(size[:2]) / 2
        low, high = at[:2] - half, at[:2] + half
        if not (force or self.free(low, high)):
            return False
        self.taken.append((*low, *high, float(size[2])))
        return True

    def choose(self, pattern: str, without: str = r'(?!)', *, largest: float = 9.0, lowest: float = 0.0,
               highest: float = 9.0, hanging: bool = False) -> Piece | None:
        """A piece of this name that is as high and wide as said [m]; None where the library has none."""
        fit = [piece for piece in self.library.named(pattern, without)
               if max(piece.size[:2]) <= largest and lowest <= piece.size[2] <= highest
               and (hanging or piece.elevation < 0.3)]
        return fit[int(self.build.rng.integers(len(fit)))] if fit else None

    def put(self, piece: Piece, at: Vector, turn: Vector, colour: Vector | None = None,
            stretch: Sequence[float] = (1, 1, 1)) -> None:
        """Its triangles; colour: of its parts instead of their own, which keep their lightness."""
        rng = self.build.rng
        factors = np.asarray(stretch) * np.exp(rng.normal(0, 0.06, 3))
        fade, shift = rng.uniform(0.8, 1.15), rng.normal(0, 0.02, 3)
        for part in piece.parts:
            dark, bright = part.dark, part.bright
            if colour is not None:
                grey = (dark + bright).mean() / 2
                painted = colour * (0.5 + 0.8 * grey)
                dark, bright = painted * 0.9, painted * 1.1
            dark, bright = (np.clip(one * fade + shift * one.mean(), 0.003, 1.0) for one in (dark, bright))
            self.build.put(part.mesh.scaled(factors), at, turn, size=0.4, colours=(dark, bright))

    def lay_on(self, at: Vector, turn: Vector, size: Sequence[float], count: int) -> None:
        """Small things on a level top of this size [m] whose middle is `at`."""
        rng = self.build.rng
        for _ in range(count):
            place = at + turn @ np.array([*(rng.uniform(-0.45, 0.45, 2) * size[:2]), 0.0])
            if rng.random() < 0.5:
                lay(self.build, place)
                continue
            piece = self.library.pieces[int(rng.integers(len(self.library.pieces)))]
            if max(piece.size) < SMALL and piece.elevation == 0 and piece.category != 'Exterior':
                self.put(piece, place, shapes.turned(rng, upright=True))
