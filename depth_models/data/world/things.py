"""Things that scenes are made of, each put where it stands: furniture, plants, cars, clutter."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data.world import shapes
from depth_models.data.world.shapes import Mesh, turned

Vector = NDArray[Any]


@dataclass
class Builder:
    """A scene while it is made: the things put so far."""

    rng: np.random.Generator
    meshes: list[Mesh] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)  # [m] what a texture is fitted to
    colours: dict[int, tuple[Vector, Vector]] = field(default_factory=dict)  # of the things that have some

    def put(self, mesh: Mesh, at: Any = (0, 0, 0), turn: Vector | None = None,
            size: float | None = None, colours: tuple[Vector, Vector] | None = None) -> None:
        """
        A thing, turned by a matrix [3,3], at a place [m].

        size: [m] for its texture, or its own. colours: dark and bright reflectance [3], or drawn ones.
        """
        if colours is not None:
            self.colours[len(self.meshes)] = colours
        if size is None:
            flat = mesh.corners.reshape(-1, 3)
            size = float(np.sort(flat.max(0) - flat.min(0))[1:].mean())
        self.meshes.append(mesh.moved(np.eye(3) if turn is None else turn, at))
        self.sizes.append(size)

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def log(self, low: float, high: float) -> float:
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))


def thing(build: Builder, at: Any, size: float) -> None:
    """Any thing of about this size [m], turned any way."""
    rng = build.rng
    a, b = (size * build.uniform(0.3, 1.0) for _ in range(2))
    kind = int(rng.integers(0, 11))
    if kind <= 2:
        mesh = shapes.box((size, a, b))
    elif kind == 3:
        mesh = shapes.sphere(size / 2)
    elif kind == 4:
        mesh = shapes.cylinder(a / 2, size, top=a / 2 * rng.choice([1.0, 1.0, 0.0, 0.5]))
    elif kind == 5:
        mesh = shapes.torus(size / 2, size * build.uniform(0.03, 0.2))
    elif kind == 6:
        mesh = shapes.blob(rng, size / 2, build.uniform(0.1, 0.6))
    elif kind == 7:  # a board, a card, a picture
        mesh = shapes.box((size, a, 0.02 * size))
    elif kind == 8:  # bars side by side, a rack, a comb
        n = int(rng.integers(3, 14))
        x = np.linspace(-size / 2, size / 2, n)
        start = np.stack([x, np.zeros(n), np.full(n, -a / 2)], 1)
        mesh = shapes.rods(start, start * [1, 1, -1], size * build.uniform(0.006, 0.03))
    elif kind == 9:  # sticks any way: brushes, branches, tools
        start = rng.normal(0, 0.12 * size, (int(rng.integers(2, 12)), 3))
        end = start + rng.normal(0, 0.5 * size, start.shape)
        mesh = shapes.rods(start, end, size * build.uniform(0.008, 0.04))
    else:
        mesh = shapes.leaves(rng, rng.normal(0, 0.25 * size, (int(rng.integers(40, 300)), 3)), 0.1 * size)
    build.put(mesh, at, turned(rng, upright=rng.random() < 0.4), size=size)


def desk(build: Builder, at: Vector) -> None:
    """A table with four legs, and things on it."""
    turn = turned(build.rng, upright=True)
    wide, deep, high = build.uniform(0.6, 1.8), build.uniform(0.5, 0.9), build.uniform(0.4, 0.9)
    build.put(shapes.box((wide, deep, 0.04)), at + up(high), turn)
    feet = np.array([[x, y, 0] for x in (-1, 1) for y in (-1, 1)]) * [wide / 2.1, deep / 2.1, 0]
    build.put(shapes.rods(feet, feet + up(high), build.uniform(0.01, 0.04)), at, turn, size=high)
    for _ in range(int(build.rng.integers(0, 9))):
        size = build.log(0.06, 0.4)
        place = turn @ [build.uniform(-0.45, 0.45) * wide, build.uniform(-0.45, 0.45) * deep, 0]
        thing(build, at + place + up(high + 0.35 * size), size)


def chair(build: Builder, at: Vector, turn: Vector | None = None) -> None:
    """A seat on four legs; its back, towards y, is a board or bars."""
    turn = turned(build.rng, upright=True) if turn is None else turn
    seat = build.uniform(0.4, 0.55)
    build.put(shapes.box((0.45, 0.45, 0.05)), at + up(seat), turn)
    feet = np.array([[x, y, 0] for x in (-0.2, 0.2) for y in (-0.2, 0.2)])
    build.put(shapes.rods(feet, feet + up(seat), 0.018), at, turn, size=0.4)
    if build.rng.random() < 0.5:
        build.put(shapes.box((0.45, 0.04, 0.5)), at + turn @ [0, 0.2, 0] + up(seat + 0.3), turn)
    else:  # a back of bars
        x = np.linspace(-0.2, 0.2, int(build.rng.integers(3, 8)))
        low = np.stack([x, np.full_like(x, 0.2), np.full_like(x, seat)], 1)
        build.put(shapes.rods(low, low + np.array([0, 0.05, 0.5]), 0.012), at, turn, size=0.4)


def dining(build: Builder, at: Vector, turn: Vector | None = None) -> None:
    """A table with chairs around it and things on it."""
    turn = turned(build.rng, upright=True) if turn is None else turn
    wide, deep, high = build.uniform(0.8, 2.6), build.uniform(0.7, 1.3), build.uniform(0.68, 0.8)
    build.put(shapes.box((wide, deep, build.uniform(0.02, 0.08))), at + up(high), turn)
    feet = np.array([[x, y, 0] for x in (-1, 1) for y in (-1, 1)]) * [wide / 2.2, deep / 2.2, 0]
    build.put(shapes.rods(feet, feet + up(high), build.uniform(0.02, 0.06)), at, turn, size=high)
    for side in (-1, 1):
        for x in np.arange(-wide / 2 + 0.3, wide / 2 - 0.2, build.uniform(0.5, 0.9)):
            if build.rng.random() < 0.7:
                out = deep / 2 + build.uniform(-0.1, 0.4)
                chair(build, at + turn @ [x, side * out, 0], turn @ (np.eye(3) * [side, side, 1]))
    for _ in range(int(build.log(1, 25))):
        lay(build, at + turn @ [build.uniform(-0.45, 0.45) * wide, build.uniform(-0.45, 0.45) * deep, high])


def cupboards(build: Builder, at: Vector, turn: Vector, wide: float, colour: Vector | None = None) -> None:
    """A kitchen's or an office's row: doors and drawers, a worktop with things, boards or cupboards above.

    at: the middle of its back, on the floor. turn: [3,3] with the wall along x, the room towards y.
    colour: reflectance [3] of its fronts, or a drawn one.
    """
    painted = None if colour is None else (0.9 * colour, 1.1 * colour)
    rng, deep, high = build.rng, build.uniform(0.45, 0.65), build.uniform(0.7, 0.95)
    build.put(shapes.box((wide, deep - 0.04, high)), at + turn @ [0, deep / 2 - 0.02, 0] + up(high / 2), turn,
              colours=painted)
    build.put(shapes.box((wide, deep, 0.04)), at + turn @ [0, deep / 2, 0] + up(high + 0.02), turn)
    if rng.random() < 0.7:  # what hangs on the wall
        low, tall = build.uniform(1.3, 1.6), build.uniform(0.3, 0.8)
        shallow = build.uniform(0.2, 0.35)
        middle = turn @ [0, shallow / 2, low + tall / 2]
        build.put(shapes.box((wide, shallow, tall)), at + middle, turn, colours=painted)
    if rng.random() < 0.7:
        notices(build, at, turn, wide, (high + 0.1, high + 0.9))
    each, fronts = build.uniform(0.35, 0.8), []
    for x in np.arange(-wide / 2 + each / 2, wide / 2 - each / 2, each):  # their doors, all of one kind
        front = shapes.box((each - 0.02, 0.03, high - 0.15))
        fronts.append(front.moved(np.eye(3), np.array([x, deep - 0.02, 0])))
    if fronts:
        build.put(shapes.joined(fronts), at + up(0.05 + high / 2), turn, colours=painted)
    for _ in range(int(wide * build.log(1, 10))):
        place = [build.uniform(-0.48, 0.48) * wide, build.uniform(0.1, 0.9) * deep, high + 0.04]
        lay(build, at + turn @ place)


def notices(build: Builder, at: Vector, turn: Vector, wide: float, heights: tuple[float, float]) -> None:
    """What hangs on a wall about eye level: sheets, cards, switches, tools. at, turn: as for cupboards."""
    rng = build.rng
    middle, spread = build.uniform(-0.4, 0.4) * wide, build.uniform(0.2, 0.5) * wide
    longest = build.log(0.1, 0.5)
    for _ in range(int(build.log(3, 30))):
        sides = np.array([build.uniform(0.3, 1.0) * longest, rng.choice([0.004, 0.004, 0.03, 0.1]),
                          build.uniform(0.3, 1.0) * longest])
        x = np.clip(middle + spread * rng.normal(), -wide / 2, wide / 2)
        build.put(shapes.box(tuple(sides)), at + turn @ [x, sides[1] / 2, build.uniform(*heights)], turn)


def lay(build: Builder, at: Vector) -> None:
    """Something as it lies or stands about: a sheet, a book, a box, a cup, a bottle, or any thing."""
    rng = build.rng
    turn, kind = turned(rng, upright=True), int(rng.integers(0, 6))
    if kind == 0:
        sheet = shapes.box((build.uniform(0.15, 0.3), build.uniform(0.2, 0.42), 0.002))
        build.put(sheet, at + up(0.001), turn)
    elif kind <= 2:
        sides = build.log(0.05, 0.4), build.log(0.05, 0.3), build.log(0.02, 0.4)
        build.put(shapes.box(sides), at + up(sides[2] / 2), turn)
    elif kind <= 4:
        radius, tall = build.log(0.025, 0.1), build.log(0.06, 0.35)
        build.put(shapes.cylinder(radius, tall, top=radius * build.uniform(0.4, 1.2)), at + up(tall / 2))
    else:
        size = build.log(0.06, 0.3)
        thing(build, at + up(0.35 * size), size)


def shelf(build: Builder, at: Vector) -> None:
    """Boards with books."""
    turn = turned(build.rng, upright=True)
    wide, deep, high = build.uniform(0.6, 1.6), build.uniform(0.25, 0.45), build.uniform(0.8, 2.2)
    boards = int(build.rng.integers(3, 7))
    for z in np.linspace(0.05, high, boards):
        build.put(shapes.box((wide, deep, 0.03)), at + up(z), turn)
    for x in (-wide / 2, wide / 2):
        build.put(shapes.box((0.03, deep, high)), at + turn @ [x, 0, 0] + up(high / 2), turn)
    for z in np.linspace(0.05, high, boards)[:-1]:
        x = -wide / 2
        while x < wide / 2 and build.rng.random() < 0.93:  # books
            thick, tall = build.uniform(0.015, 0.08), build.uniform(0.12, 0.32)
            build.put(shapes.box((thick, build.uniform(0.1, 0.9) * deep, tall)),
                      at + turn @ [x, 0, 0] + up(z + tall / 2), turn)
            x += thick + (build.uniform(0, 0.2) if build.rng.random() < 0.2 else 0.003)


def sofa(build: Builder, at: Vector) -> None:
    """A seat, a back, cushions."""
    turn, wide = turned(build.rng, upright=True), build.uniform(0.8, 2.2)
    build.put(shapes.box((wide, 0.8, 0.45)), at + up(0.22), turn)
    build.put(shapes.box((wide, 0.2, 0.5)), at + turn @ [0, 0.35, 0] + up(0.6), turn)
    for _ in range(int(build.rng.integers(0, 4))):
        cushion = shapes.blob(build.rng, 0.22, 0.15)
        build.put(cushion, at + turn @ [build.uniform(-0.4, 0.4) * wide, 0, 0] + up(0.6))


def lamp(build: Builder, at: Vector) -> None:
    """A stand with a shade."""
    high = build.uniform(0.8, 1.8)
    build.put(shapes.rods(at[None], at[None] + up(high), 0.015, sides=8), size=0.5)
    build.put(shapes.cylinder(build.uniform(0.1, 0.3), 0.3, top=build.uniform(0.05, 0.2)), at + up(high))


def plant(build: Builder, at: Vector) -> None:
    """Leaves over a pot."""
    build.put(shapes.cylinder(0.12, 0.3, top=0.18), at + up(0.15))
    centres = build.rng.normal(0, [0.2, 0.2, 0.3], (int(build.rng.integers(60, 300)), 3))
    build.put(shapes.leaves(build.rng, centres, build.uniform(0.04, 0.12)), at + up(0.8), size=0.3)
    build.put(shapes.rods(np.zeros((8, 3)), centres[:8] + up(0.5), 0.006), at + up(0.3), size=0.3)


def pile(build: Builder, at: Vector) -> None:
    """Things in a heap on the ground."""
    for _ in range(int(build.rng.integers(3, 14))):
        size = build.log(0.1, 0.6)
        thing(build, at + build.rng.normal(0, [0.4, 0.4, 0]) + up(size / 3), size)


def tree(build: Builder, at: Vector) -> None:
    """A trunk, branches and mostly leaves."""
    rng, high = build.rng, build.uniform(2, 9)
    build.put(shapes.cylinder(0.04 * high, high, top=0.015 * high, sides=10), at + up(high / 2), size=1.0)
    n = int(rng.integers(5, 30))
    low = np.stack([np.zeros(n), np.zeros(n), rng.uniform(0.3, 1, n) * high], 1)
    tips = low + rng.normal(0, 0.18 * high, (n, 3)) + up(0.1 * high)
    build.put(shapes.rods(low, tips, 0.006 * high), at, size=1.0)
    if rng.random() < 0.7:
        centres = tips[rng.integers(0, n, 1200)] + rng.normal(0, 0.09 * high, (1200, 3))
        build.put(shapes.leaves(rng, centres, build.uniform(0.03, 0.12)), at, size=1.0)


def bush(build: Builder, at: Vector) -> None:
    """A round shrub."""
    size = build.uniform(0.4, 2.0)
    if build.rng.random() < 0.5:
        build.put(shapes.blob(build.rng, size, 0.5), at + up(0.4 * size), size=build.log(0.2, 1.0))
    centres = build.rng.normal(0, 0.45 * size, (500, 3)) * [1, 1, 0.6] + up(0.5 * size)
    build.put(shapes.leaves(build.rng, centres, 0.07 * size), at, size=0.5)


def pole(build: Builder, at: Vector) -> None:
    """A post, often with a sign."""
    high = build.uniform(1.5, 7)
    top = at[None] + np.array([build.rng.normal(0, 0.03), 0, high])
    build.put(shapes.rods(at[None], top, build.log(0.02, 0.12), sides=10), size=1.0)
    if build.rng.random() < 0.6:  # a sign
        size = build.uniform(0.3, 1.0)
        square = build.rng.random() < 0.6
        sign = shapes.box((size, 0.03, size)) if square else shapes.cylinder(size / 2, 0.03)
        place = at + np.array([0, -0.08, high - size / 2])
        build.put(sign, place, turned(build.rng, upright=True), size=size)


def car(build: Builder, at: Vector) -> None:
    """Two boxes on four wheels."""
    turn = turned(build.rng, upright=True)
    build.put(shapes.box((1.8, 4.2, 0.7)), at + up(0.65), turn, size=2.0)
    build.put(shapes.box((1.6, 2.2, 0.6)), at + up(1.25), turn, size=1.0)
    for x in (-0.85, 0.85):
        for y in (-1.3, 1.3):
            wheel = turn @ np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])
            build.put(shapes.cylinder(0.33, 0.2), at + turn @ [x, y, 0] + up(0.33), wheel, size=0.5)


def fence(build: Builder, at: Vector) -> None:
    """Upright bars and two rails."""
    turn, n = turned(build.rng, upright=True), int(build.rng.integers(8, 50))
    gap, high = build.uniform(0.06, 0.3), build.uniform(0.6, 2.0)
    x = (np.arange(n) - n / 2) * gap
    low = np.stack([x, np.zeros(n), np.zeros(n)], 1)
    build.put(shapes.rods(low, low + up(high), build.uniform(0.008, 0.2 * gap)), at, turn, size=1.0)
    rails = np.array([[x[0], 0, z * high] for z in (0.15, 0.9)])
    build.put(shapes.rods(rails, rails + np.array([n * gap, 0, 0]), 0.02), at, turn, size=1.0)


def person(build: Builder, at: Vector) -> None:
    """Legs, a body, arms and a head: about what a person covers."""
    turn = turned(build.rng, upright=True)
    stride = build.uniform(0.05, 0.3)
    hips = np.array([[-0.09, 0, 0.85], [0.09, 0, 0.85], [-0.2, 0, 1.4], [0.2, 0, 1.4]])
    ends = np.array([[-0.1, stride, 0], [0.1, -stride, 0], [-0.28, -stride, 0.85], [0.28, stride, 0.85]])
    build.put(shapes.rods(hips, ends, 0.075, sides=10), at, turn, size=0.5)
    build.put(shapes.sphere(0.3).scaled(np.array([0.7, 0.45, 1.2])), at + up(1.15), turn, size=0.6)
    build.put(shapes.sphere(0.12), at + up(1.65), size=0.3)


def leaning(build: Builder, most: float) -> Vector:
    """Turned by up to about `most` rad around each axis."""
    a, b, c = build.rng.normal(0, most / 2, 3)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x


def up(height: float) -> Vector:
    """A step upwards [m]."""
    return np.array([0, 0, height])
