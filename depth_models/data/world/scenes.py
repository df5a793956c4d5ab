"""Random scenes: rooms, streets and fields, tables close by, and things floating at all depths."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data.world import shapes
from depth_models.data.world.materials import Materials, draw_materials
from depth_models.data.world.shapes import Mesh, turned

Vector = NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """Triangles with materials, lights, and where a camera may stand. Metres, z up."""

    mesh: Mesh
    material: NDArray[np.int64]  # [T]
    materials: Materials
    lights: Vector  # [L,3] positions [m]; far ones are suns
    strengths: Vector  # [L,3] by colour
    ambient: Vector  # [3]
    sky: Vector  # [2,3] colours of the horizon and of the zenith
    eye: Vector  # [3] where the camera is
    target: Vector  # [3] what it looks at
    shadows: bool


@dataclass
class _Builder:
    """Things put so far."""

    rng: np.random.Generator
    meshes: list[Mesh] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)  # [m] what a texture is fitted to

    def put(self, mesh: Mesh, at: Any = (0, 0, 0), turn: Vector | None = None, size: float | None = None
            ) -> None:
        if size is None:
            flat = mesh.corners.reshape(-1, 3)
            size = float(np.sort(flat.max(0) - flat.min(0))[1:].mean())
        self.meshes.append(mesh.moved(np.eye(3) if turn is None else turn, at))
        self.sizes.append(size)

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def log(self, low: float, high: float) -> float:
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))


def draw_scene(rng: np.random.Generator) -> Scene:
    """A random scene; the same state of `rng` gives the same one."""
    build = _Builder(rng)
    kinds: tuple[Callable[[_Builder], tuple[Vector, Vector, bool]], ...] = (
        _room, _outdoors, _table, _floating)
    eye, target, indoors = kinds[rng.choice(len(kinds), p=[0.25, 0.25, 0.25, 0.25])](build)
    count = int(rng.integers(1, 4))
    if indoors:
        spread = np.maximum(np.abs(target - eye), 1.0)
        lights = (eye + target) / 2 + rng.uniform(-1, 1, (count, 3)) * spread
        lights[:, 2] = rng.uniform(1.6, 2.6, count)
    else:
        high = np.stack([rng.normal(size=count), rng.normal(size=count), rng.uniform(0.3, 2, count)], 1)
        lights = 1e4 * high / np.linalg.norm(high, axis=1, keepdims=True)
    warmth = np.exp(rng.normal(0, 0.08, (count, 3)))
    strengths = rng.dirichlet(np.full(count, 1.5))[:, None] * warmth * rng.uniform(0.5, 1.1)
    ambient = rng.uniform(0.15, 0.7) * np.exp(rng.normal(0, 0.08, 3))
    sky = np.clip(rng.uniform(0.4, 1.0) + rng.normal(0, 0.08, (2, 3)), 0.1, 1.2)
    return Scene(
        mesh=shapes.joined(build.meshes),
        material=np.repeat(np.arange(len(build.meshes)), [len(m.corners) for m in build.meshes]),
        materials=draw_materials(rng, np.array(build.sizes)),
        lights=lights.astype(np.float32), strengths=strengths.astype(np.float32),
        ambient=ambient.astype(np.float32), sky=sky.astype(np.float32),
        eye=np.asarray(eye, np.float32), target=np.asarray(target, np.float32),
        shadows=bool(rng.random() < 0.8))


def _room(build: _Builder) -> tuple[Vector, Vector, bool]:
    rng = build.rng
    wide, deep, high = build.uniform(2.5, 7), build.uniform(3, 9), build.uniform(2.3, 3.5)
    for mesh, at in ((shapes.box((wide, deep, 0.1)), (0, 0, -0.05)),
                     (shapes.box((wide, deep, 0.1)), (0, 0, high + 0.05)),
                     (shapes.box((wide, 0.1, high)), (0, deep / 2, high / 2)),
                     (shapes.box((wide, 0.1, high)), (0, -deep / 2, high / 2)),
                     (shapes.box((0.1, deep, high)), (wide / 2, 0, high / 2)),
                     (shapes.box((0.1, deep, high)), (-wide / 2, 0, high / 2))):
        build.put(mesh, at)
    eye = np.array([build.uniform(-0.3, 0.3) * wide, -deep / 2 + build.uniform(0.3, 0.9), build.uniform(0.6, 1.8)])
    target = np.array([build.uniform(-0.3, 0.3) * wide, deep / 2, build.uniform(0.2, 1.6)])
    for _ in range(int(rng.integers(2, 9))):  # pictures, windows, switches on the walls
        size = (build.uniform(0.1, 1.4), 0.04, build.uniform(0.1, 1.2))
        build.put(shapes.box(size), (build.uniform(-0.5, 0.5) * wide, deep / 2 - 0.06, build.uniform(0.3, high)))
    for _ in range(int(rng.integers(3, 10))):
        # not where the camera stands
        at = np.array([build.uniform(-0.5, 0.5) * wide, build.uniform(-0.5 * deep + 1.6, 0.5 * deep), 0.0])
        rng.choice([_desk, _chair, _shelf, _sofa, _lamp, _plant, _pile])(build, at)  # type: ignore[arg-type]
    return eye, target, True


def _outdoors(build: _Builder) -> tuple[Vector, Vector, bool]:
    rng = build.rng
    rough = rng.choice([0.0, 0.0, 0.02, 0.15])
    heights = rng.normal(size=(48, 48))
    for _ in range(3):
        heights = (heights + np.roll(heights, 1, 0) + np.roll(heights, 1, 1) + np.roll(heights, -1, 0)) / 3
    build.put(shapes.sheet(160, 160, rough * heights), (0, 70, 0), size=build.log(2, 30))
    eye = np.array([0, 0, build.uniform(0.5, 2.2)])
    target = np.array([build.uniform(-4, 4), 20, build.uniform(0.0, 3.0)])
    street = build.uniform(3, 9)
    for side in (-1, 1):  # houses along a street
        y = build.uniform(-2, 15)
        while y < 80 and rng.random() < 0.85:
            length, high, deep = build.uniform(4, 18), build.log(2.5, 16), build.uniform(3, 10)
            x = side * (street + deep / 2 + build.uniform(0, 5))
            build.put(shapes.box((deep, length, high)), (x, y + length / 2, high / 2), size=build.log(1.5, 8))
            for _ in range(int(rng.integers(0, 6))):  # windows, doors, signs
                build.put(shapes.box((0.2, build.uniform(0.5, 2), build.uniform(0.5, 2))),
                          (x - side * (deep / 2), y + build.uniform(0, length), build.uniform(0.5, high)))
            y += length + build.uniform(0, 12)
    for _ in range(int(rng.integers(8, 30))):
        at = np.array([build.uniform(-1, 1) * (street + 2), build.log(2.5, 50), 0.0])
        kinds = (_tree, _bush, _pole, _car, _fence, _pile, _person)
        kinds[rng.choice(len(kinds), p=[0.2, 0.15, 0.2, 0.2, 0.1, 0.05, 0.1])](build, at)
    if rng.random() < 0.4:  # wires overhead
        y = rng.uniform(4, 40, 5)
        build.put(shapes.rods(np.stack([np.full(5, -30.0), y, rng.uniform(3, 7, 5)], 1),
                              np.stack([np.full(5, 30.0), y + rng.normal(0, 8, 5), rng.uniform(3, 7, 5)], 1), 0.02))
    if rng.random() < 0.6:  # a distant backdrop: a wood, a hill, a town
        build.put(shapes.box((200, 1, build.uniform(5, 30))), (0, build.uniform(70, 140), 0), size=build.log(8, 60))
    return eye, target, False


def _table(build: _Builder) -> tuple[Vector, Vector, bool]:
    """Things crowded on a table or floor before a wall, from close by."""
    rng = build.rng
    far = build.uniform(1.4, 3.5)
    build.put(shapes.box((12, 0.1, 8)), (0, far, 0), _leaning(build, 0.3), size=build.log(0.5, 3))
    build.put(shapes.box((8, 8, 0.1)), (0, far - 2.0, -build.uniform(0.25, 0.6)), _leaning(build, 0.05),
              size=build.log(0.4, 3))
    if rng.random() < 0.4:
        build.put(shapes.box((0.1, 6, 6)), (rng.choice([-1, 1]) * build.uniform(0.8, 1.8), far, 0),
                  _leaning(build, 0.3), size=build.log(0.5, 3))
    for _ in range(int(rng.integers(12, 60))):
        y = far - build.uniform(0.0, 0.7) * far
        at = (build.uniform(-0.7, 0.7) * y, y, build.uniform(-0.4, 0.45) * y)
        _thing(build, at, build.log(0.04, 0.5))
    return np.zeros(3), np.array([0, far, build.uniform(-0.3, 0.05)]), True


def _floating(build: _Builder) -> tuple[Vector, Vector, bool]:
    """No sense, all depths: what matching has to be able to do anyway."""
    rng = build.rng
    far = build.log(4, 30)
    build.put(shapes.box((8 * far, 0.1, 8 * far)), (0, far, 0), _leaning(build, 0.5), size=build.log(0.3, 2) * far)
    near = 0.8
    for _ in range(int(rng.integers(15, 90))):
        y = build.log(near, far)
        at = (build.uniform(-0.9, 0.9) * y, y, build.uniform(-0.5, 0.5) * y)
        _thing(build, at, y * build.log(0.02, 0.45))
    return np.zeros(3), np.array([0, 1.0, 0]), bool(rng.random() < 0.5)


def _thing(build: _Builder, at: Any, size: float) -> None:
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
        mesh = shapes.rods(start, start + rng.normal(0, 0.5 * size, start.shape), size * build.uniform(0.008, 0.04))
    else:
        mesh = shapes.leaves(rng, rng.normal(0, 0.25 * size, (int(rng.integers(40, 300)), 3)), 0.1 * size)
    build.put(mesh, at, turned(rng, upright=rng.random() < 0.4), size=size)


def _desk(build: _Builder, at: Vector) -> None:
    turn = turned(build.rng, upright=True)
    wide, deep, high = build.uniform(0.6, 1.8), build.uniform(0.5, 0.9), build.uniform(0.4, 0.9)
    build.put(shapes.box((wide, deep, 0.04)), at + [0, 0, high], turn)
    feet = np.array([[x, y, 0] for x in (-1, 1) for y in (-1, 1)]) * [wide / 2.1, deep / 2.1, 0]
    build.put(shapes.rods(feet, feet + [0, 0, high], build.uniform(0.01, 0.04)), at, turn, size=high)
    for _ in range(int(build.rng.integers(0, 9))):
        size = build.log(0.06, 0.4)
        place = turn @ [build.uniform(-0.45, 0.45) * wide, build.uniform(-0.45, 0.45) * deep, 0]
        _thing(build, at + place + [0, 0, high + 0.35 * size], size)


def _chair(build: _Builder, at: Vector) -> None:
    turn, seat = turned(build.rng, upright=True), build.uniform(0.4, 0.55)
    build.put(shapes.box((0.45, 0.45, 0.05)), at + [0, 0, seat], turn)
    feet = np.array([[x, y, 0] for x in (-0.2, 0.2) for y in (-0.2, 0.2)])
    build.put(shapes.rods(feet, feet + [0, 0, seat], 0.018), at, turn, size=0.4)
    if build.rng.random() < 0.5:
        build.put(shapes.box((0.45, 0.04, 0.5)), at + turn @ [0, 0.2, 0] + [0, 0, seat + 0.3], turn)
    else:  # a back of bars
        x = np.linspace(-0.2, 0.2, int(build.rng.integers(3, 8)))
        low = np.stack([x, np.full_like(x, 0.2), np.full_like(x, seat)], 1)
        build.put(shapes.rods(low, low + [0, 0.05, 0.5], 0.012), at, turn, size=0.4)


def _shelf(build: _Builder, at: Vector) -> None:
    turn = turned(build.rng, upright=True)
    wide, deep, high = build.uniform(0.6, 1.6), build.uniform(0.25, 0.45), build.uniform(0.8, 2.2)
    boards = int(build.rng.integers(3, 7))
    for z in np.linspace(0.05, high, boards):
        build.put(shapes.box((wide, deep, 0.03)), at + [0, 0, z], turn)
    for x in (-wide / 2, wide / 2):
        build.put(shapes.box((0.03, deep, high)), at + turn @ [x, 0, 0] + [0, 0, high / 2], turn)
    for z in np.linspace(0.05, high, boards)[:-1]:
        x = -wide / 2
        while x < wide / 2 and build.rng.random() < 0.93:  # books
            thick, tall = build.uniform(0.015, 0.08), build.uniform(0.12, 0.32)
            build.put(shapes.box((thick, build.uniform(0.1, 0.9) * deep, tall)),
                      at + turn @ [x, 0, 0] + [0, 0, z + tall / 2], turn)
            x += thick + (build.uniform(0, 0.2) if build.rng.random() < 0.2 else 0.003)


def _sofa(build: _Builder, at: Vector) -> None:
    turn, wide = turned(build.rng, upright=True), build.uniform(0.8, 2.2)
    build.put(shapes.box((wide, 0.8, 0.45)), at + [0, 0, 0.22], turn)
    build.put(shapes.box((wide, 0.2, 0.5)), at + turn @ [0, 0.35, 0] + [0, 0, 0.6], turn)
    for _ in range(int(build.rng.integers(0, 4))):
        build.put(shapes.blob(build.rng, 0.22, 0.15), at + turn @ [build.uniform(-0.4, 0.4) * wide, 0, 0] + [0, 0, 0.6])


def _lamp(build: _Builder, at: Vector) -> None:
    high = build.uniform(0.8, 1.8)
    build.put(shapes.rods(at[None], at[None] + [0, 0, high], 0.015, sides=8), size=0.5)
    build.put(shapes.cylinder(build.uniform(0.1, 0.3), 0.3, top=build.uniform(0.05, 0.2)), at + [0, 0, high])


def _plant(build: _Builder, at: Vector) -> None:
    build.put(shapes.cylinder(0.12, 0.3, top=0.18), at + [0, 0, 0.15])
    centres = build.rng.normal(0, [0.2, 0.2, 0.3], (int(build.rng.integers(60, 300)), 3))
    build.put(shapes.leaves(build.rng, centres, build.uniform(0.04, 0.12)), at + [0, 0, 0.8], size=0.3)
    build.put(shapes.rods(np.zeros((8, 3)), centres[:8] + [0, 0, 0.5], 0.006), at + [0, 0, 0.3], size=0.3)


def _pile(build: _Builder, at: Vector) -> None:
    for _ in range(int(build.rng.integers(3, 14))):
        size = build.log(0.1, 0.6)
        _thing(build, at + build.rng.normal(0, [0.4, 0.4, 0]) + [0, 0, size / 3], size)


def _tree(build: _Builder, at: Vector) -> None:
    rng, high = build.rng, build.uniform(2, 9)
    build.put(shapes.cylinder(0.04 * high, high, top=0.015 * high, sides=10), at + [0, 0, high / 2], size=1.0)
    n = int(rng.integers(5, 30))
    low = np.stack([np.zeros(n), np.zeros(n), rng.uniform(0.3, 1, n) * high], 1)
    tips = low + rng.normal(0, 0.18 * high, (n, 3)) + [0, 0, 0.1 * high]
    build.put(shapes.rods(low, tips, 0.006 * high), at, size=1.0)
    if rng.random() < 0.7:
        centres = tips[rng.integers(0, n, 1200)] + rng.normal(0, 0.09 * high, (1200, 3))
        build.put(shapes.leaves(rng, centres, build.uniform(0.03, 0.12)), at, size=1.0)


def _bush(build: _Builder, at: Vector) -> None:
    size = build.uniform(0.4, 2.0)
    if build.rng.random() < 0.5:
        build.put(shapes.blob(build.rng, size, 0.5), at + [0, 0, 0.4 * size], size=build.log(0.2, 1.0))
    centres = build.rng.normal(0, 0.45 * size, (500, 3)) * [1, 1, 0.6] + [0, 0, 0.5 * size]
    build.put(shapes.leaves(build.rng, centres, 0.07 * size), at, size=0.5)


def _pole(build: _Builder, at: Vector) -> None:
    high = build.uniform(1.5, 7)
    build.put(shapes.rods(at[None], at[None] + [build.rng.normal(0, 0.03), 0, high], build.log(0.02, 0.12), sides=10), size=1.0)
    if build.rng.random() < 0.6:  # a sign
        size = build.uniform(0.3, 1.0)
        sign = shapes.box((size, 0.03, size)) if build.rng.random() < 0.6 else shapes.cylinder(size / 2, 0.03)
        build.put(sign, at + [0, -0.08, high - size / 2], turned(build.rng, upright=True), size=size)


def _car(build: _Builder, at: Vector) -> None:
    turn = turned(build.rng, upright=True)
    build.put(shapes.box((1.8, 4.2, 0.7)), at + [0, 0, 0.65], turn, size=2.0)
    build.put(shapes.box((1.6, 2.2, 0.6)), at + [0, 0, 1.25], turn, size=1.0)
    for x in (-0.85, 0.85):
        for y in (-1.3, 1.3):
            wheel = turn @ np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])
            build.put(shapes.cylinder(0.33, 0.2), at + turn @ [x, y, 0] + [0, 0, 0.33], wheel, size=0.5)


def _fence(build: _Builder, at: Vector) -> None:
    turn, n = turned(build.rng, upright=True), int(build.rng.integers(8, 50))
    gap, high = build.uniform(0.06, 0.3), build.uniform(0.6, 2.0)
    x = (np.arange(n) - n / 2) * gap
    low = np.stack([x, np.zeros(n), np.zeros(n)], 1)
    build.put(shapes.rods(low, low + [0, 0, high], build.uniform(0.008, 0.2 * gap)), at, turn, size=1.0)
    rails = np.array([[x[0], 0, z * high] for z in (0.15, 0.9)])
    build.put(shapes.rods(rails, rails + [n * gap, 0, 0], 0.02), at, turn, size=1.0)


def _person(build: _Builder, at: Vector) -> None:
    """Legs, a body, arms and a head: about what a person covers."""
    turn = turned(build.rng, upright=True)
    stride = build.uniform(0.05, 0.3)
    hips = np.array([[-0.09, 0, 0.85], [0.09, 0, 0.85], [-0.2, 0, 1.4], [0.2, 0, 1.4]])
    ends = np.array([[-0.1, stride, 0], [0.1, -stride, 0], [-0.28, -stride, 0.85], [0.28, stride, 0.85]])
    build.put(shapes.rods(hips, ends, 0.075, sides=10), at, turn, size=0.5)
    build.put(shapes.sphere(0.3).scaled(np.array([0.7, 0.45, 1.2])), at + [0, 0, 1.15], turn, size=0.6)
    build.put(shapes.sphere(0.12), at + [0, 0, 1.65], size=0.3)


def _leaning(build: _Builder, most: float) -> Vector:
    """Turned by up to about `most` rad around each axis."""
    a, b, c = build.rng.normal(0, most / 2, 3)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x
