"""Random scenes: rooms, streets and fields, tables close by, and things floating at all depths."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data.scene_shares import DEBIAN, EVEN, SceneShares
from depth_models.data.world import homes, shapes
from depth_models.data.world.furniture import open_library
from depth_models.data.world.materials import Materials, draw_furnishings, draw_materials
from depth_models.data.world.places import Place
from depth_models.data.world.shapes import Mesh
from depth_models.data.world.things import (
    Builder,
    bush,
    car,
    chair,
    cupboards,
    desk,
    dining,
    fence,
    lamp,
    leaning,
    notices,
    person,
    pile,
    plant,
    pole,
    shelf,
    sofa,
    thing,
    tree,
)

Vector = NDArray[Any]

FURNISHED = 0.6  # of rooms from anywhere in them: as people choose colours; the others as by chance
REACH = 2.0  # m from a lamp: where its strength is what the scene says
OCCLUSION = 8  # rays
PLACES = 8  # for a camera in a home, of which the first that shows enough is taken


@dataclass(frozen=True)
class Scene:
    """Triangles with materials, lights, and where a camera may stand. Metres, z up."""

    mesh: Mesh
    material: NDArray[np.int64]  # [T]
    materials: Materials
    lights: Vector  # [L,3] positions [m]; far ones are suns
    strengths: Vector  # [L,3] by colour, or what is left of it at REACH
    ambient: Vector  # [3]
    sky: Vector  # [2,3] colours of the horizon and of the zenith
    places: tuple[Place, ...]  # for a camera, tried in turn until one shows what it should
    shadows: int  # so many of the lights, the first ones, throw shadows
    falling: bool = False  # light falls with the square of the distance, as that of lamps does
    occlusion: int = 0  # rays for how much of the ambient light is hidden by what is near; 0: nothing is


def draw_scene(rng: np.random.Generator, shares: SceneShares = EVEN, furniture: Path = DEBIAN) -> Scene:
    """
    A random scene; the same state of `rng` gives the same one.

    furniture: folder of the libraries for homes. FileNotFoundError where a home is drawn and there are none.
    """
    build = Builder(rng)
    kinds: tuple[Callable[[Builder], tuple[Vector, Vector, bool]] | None, ...] = (
        _room, _outdoors, _table, _floating, _inside, None)  # in the order of the shares
    chances = np.array(astuple(shares))
    kind = kinds[rng.choice(len(kinds), p=chances / chances.sum())]
    if kind is None:
        return _home(build, furniture)
    eye, target, indoors = kind(build)
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
        materials=(draw_furnishings(rng, np.array(build.sizes), homes.SHELL)
                   if kind is _inside and rng.random() < FURNISHED
                   else draw_materials(rng, np.array(build.sizes))),
        lights=lights.astype(np.float32), strengths=strengths.astype(np.float32),
        ambient=ambient.astype(np.float32), sky=sky.astype(np.float32),
        places=(Place(np.asarray(eye, np.float32), np.asarray(target, np.float32)),),
        shadows=int(rng.random() < 0.8))


def _home(build: Builder, furniture: Path) -> Scene:
    rng = build.rng
    room, _ = homes.furnish(build, open_library(furniture))
    lights, strengths = homes.lights_of(room)
    places = tuple(homes.stand(room) for _ in range(PLACES))
    materials = draw_furnishings(rng, np.array(build.sizes), homes.SHELL).painted(build.colours)
    return Scene(
        mesh=shapes.joined(build.meshes),
        material=np.repeat(np.arange(len(build.meshes)), [len(m.corners) for m in build.meshes]),
        materials=materials, lights=lights.astype(np.float32), strengths=strengths.astype(np.float32),
        ambient=(rng.uniform(0.15, 0.6) * np.exp(rng.normal(0, 0.06, 3))).astype(np.float32),
        sky=np.ones((2, 3), np.float32), places=places, shadows=len(lights), falling=True,
        occlusion=OCCLUSION)


def _room(build: Builder) -> tuple[Vector, Vector, bool]:
    rng = build.rng
    wide, deep, high = build.uniform(2.5, 7), build.uniform(3, 9), build.uniform(2.3, 3.5)
    _walls(build, wide, deep, high)
    eye = np.array([build.uniform(-0.3, 0.3) * wide, -deep / 2 + build.uniform(0.3, 0.9),
                    build.uniform(0.6, 1.8)])
    target = np.array([build.uniform(-0.3, 0.3) * wide, deep / 2, build.uniform(0.2, 1.6)])
    for _ in range(int(rng.integers(2, 9))):  # pictures, windows, switches on the walls
        size = (build.uniform(0.1, 1.4), 0.04, build.uniform(0.1, 1.2))
        build.put(shapes.box(size),
                  (build.uniform(-0.5, 0.5) * wide, deep / 2 - 0.06, build.uniform(0.3, high)))
    for _ in range(int(rng.integers(3, 10))):
        # not where the camera stands
        place = np.array([
            build.uniform(-0.5, 0.5) * wide, build.uniform(-0.5 * deep + 1.6, 0.5 * deep), 0.0])
        furniture = (desk, chair, shelf, sofa, lamp, plant, pile)
        furniture[rng.integers(0, len(furniture))](build, place)
    return eye, target, True


def _inside(build: Builder) -> tuple[Vector, Vector, bool]:
    """A furnished room from anywhere in it: often with furniture close by, often looking down."""
    rng = build.rng
    wide, deep, high = build.uniform(2.2, 5.5), build.uniform(2.2, 6), build.uniform(2.3, 3.0)
    _walls(build, wide, deep, high)
    size = np.array([wide, deep])
    # held or on a robot
    high_up = build.uniform(1.0, 1.8) if rng.random() < 0.7 else build.uniform(0.3, 1.0)
    eye = np.append(rng.uniform(-0.42, 0.42, 2) * size, high_up)
    # rather across the room than at the wall behind
    heading = np.arctan2(-eye[1], -eye[0]) + rng.normal(0, 0.6)
    pitch = np.radians(build.uniform(-40, 5)) if eye[2] > 0.8 else np.radians(build.uniform(-8, 8))
    target = eye + np.array([np.cos(heading), np.sin(heading), np.tan(pitch)])
    for _ in range(int(rng.integers(4, 14))):  # pictures, windows, doors, switches on the walls
        along = int(rng.integers(0, 2))  # the axis that the wall runs along
        place = np.array([*(rng.uniform(-0.5, 0.5, 2) * size), build.uniform(0.3, high)])
        place[1 - along] = rng.choice([-0.5, 0.5]) * size[1 - along]
        sides = np.array([0.08, 0.08, build.uniform(0.1, 1.4)])
        sides[along] = build.uniform(0.1, 1.4)
        build.put(shapes.box(tuple(sides)), place)
    furniture = (desk, desk, chair, chair, shelf, sofa, lamp, plant, pile)
    for _ in range(int(rng.integers(5, 18))):
        at = np.append(rng.uniform(-0.5, 0.5, 2) * size, 0.0)
        if rng.random() < 0.6:  # most furniture stands along the walls
            axis = int(rng.integers(0, 2))
            at[axis] = rng.choice([-1, 1]) * (size[axis] / 2 - build.uniform(0.2, 0.5))
        if np.hypot(*(at - eye)[:2]) > 0.9:  # not where the camera is
            furniture[rng.integers(0, len(furniture))](build, at)
    if rng.random() < 0.7:  # what somebody who is here stands before
        ahead = build.uniform(0.5, 1.8) * np.array([np.cos(heading), np.sin(heading), 0])
        (desk, dining, dining, chair)[rng.integers(0, 4)](build, np.append(eye[:2], 0.0) + ahead)
    for axis in (0, 1):
        side = rng.choice([-1, 1])
        # the wall along x, the room towards y
        towards = -side * np.eye(3)[axis]
        turn = np.stack([np.cross(towards, [0, 0, 1.0]), towards, [0, 0, 1.0]], 1)
        at = np.zeros(3)
        at[axis] = side * size[axis] / 2
        if rng.random() < 0.6 and abs(at[axis] - eye[axis]) > 1.0:
            cupboards(build, at, turn, size[1 - axis] * build.uniform(0.4, 1.0))
        if rng.random() < 0.5:
            notices(build, at, turn, size[1 - axis], (0.9, 2.1))
    return eye, target, True


def _walls(build: Builder, wide: float, deep: float, high: float) -> None:
    """Floor, ceiling and four walls of a room about the origin [m]."""
    for mesh, at in ((shapes.box((wide, deep, 0.1)), (0, 0, -0.05)),
                     (shapes.box((wide, deep, 0.1)), (0, 0, high + 0.05)),
                     (shapes.box((wide, 0.1, high)), (0, deep / 2, high / 2)),
                     (shapes.box((wide, 0.1, high)), (0, -deep / 2, high / 2)),
                     (shapes.box((0.1, deep, high)), (wide / 2, 0, high / 2)),
                     (shapes.box((0.1, deep, high)), (-wide / 2, 0, high / 2))):
        build.put(mesh, at)


def _outdoors(build: Builder) -> tuple[Vector, Vector, bool]:
    rng = build.rng
    rough = rng.choice([0.0, 0.0, 0.02, 0.15])
    heights = rng.normal(size=(48, 48))
    for _ in range(3):
        heights = (heights + np.roll(heights, 1, 0) + np.roll(heights, 1, 1)
                   + np.roll(heights, -1, 0)) / 3
    build.put(shapes.sheet(160, 160, rough * heights), (0, 70, 0), size=build.log(2, 30))
    eye = np.array([0, 0, build.uniform(0.5, 2.2)])
    target = np.array([build.uniform(-4, 4), 20, build.uniform(0.0, 3.0)])
    street = build.uniform(3, 9)
    for side in (-1, 1):  # houses along a street
        y = build.uniform(-2, 15)
        while y < 80 and rng.random() < 0.85:
            length, high, deep = build.uniform(4, 18), build.log(2.5, 16), build.uniform(3, 10)
            x = side * (street + deep / 2 + build.uniform(0, 5))
            build.put(shapes.box((deep, length, high)), (x, y + length / 2, high / 2),
                      size=build.log(1.5, 8))
            for _ in range(int(rng.integers(0, 6))):  # windows, doors, signs
                build.put(shapes.box((0.2, build.uniform(0.5, 2), build.uniform(0.5, 2))),
                          (x - side * (deep / 2), y + build.uniform(0, length), build.uniform(0.5, high)))
            y += length + build.uniform(0, 12)
    for _ in range(int(rng.integers(8, 30))):
        at = np.array([build.uniform(-1, 1) * (street + 2), build.log(2.5, 50), 0.0])
        kinds = (tree, bush, pole, car, fence, pile, person)
        kinds[rng.choice(len(kinds), p=[0.2, 0.15, 0.2, 0.2, 0.1, 0.05, 0.1])](build, at)
    if rng.random() < 0.4:  # wires overhead
        along = rng.uniform(4, 40, 5)
        starts = np.stack([np.full(5, -30.0), along, rng.uniform(3, 7, 5)], 1)
        ends = np.stack([np.full(5, 30.0), along + rng.normal(0, 8, 5), rng.uniform(3, 7, 5)], 1)
        build.put(shapes.rods(starts, ends, 0.02))
    if rng.random() < 0.6:  # a distant backdrop: a wood, a hill, a town
        build.put(shapes.box((200, 1, build.uniform(5, 30))), (0, build.uniform(70, 140), 0),
                  size=build.log(8, 60))
    return eye, target, False


def _table(build: Builder) -> tuple[Vector, Vector, bool]:
    """Things crowded on a table or floor before a wall, from close by."""
    rng = build.rng
    far = build.uniform(1.4, 3.5)
    build.put(shapes.box((12, 0.1, 8)), (0, far, 0), leaning(build, 0.3), size=build.log(0.5, 3))
    build.put(shapes.box((8, 8, 0.1)), (0, far - 2.0, -build.uniform(0.25, 0.6)), leaning(build, 0.05),
              size=build.log(0.4, 3))
    if rng.random() < 0.4:
        build.put(shapes.box((0.1, 6, 6)), (rng.choice([-1, 1]) * build.uniform(0.8, 1.8), far, 0),
                  leaning(build, 0.3), size=build.log(0.5, 3))
    for _ in range(int(rng.integers(12, 60))):
        y = far - build.uniform(0.0, 0.7) * far
        at = (build.uniform(-0.7, 0.7) * y, y, build.uniform(-0.4, 0.45) * y)
        thing(build, at, build.log(0.04, 0.5))
    return np.zeros(3), np.array([0, far, build.uniform(-0.3, 0.05)]), True


def _floating(build: Builder) -> tuple[Vector, Vector, bool]:
    """No sense, all depths: what matching has to be able to do anyway."""
    rng = build.rng
    far = build.log(4, 30)
    build.put(shapes.box((8 * far, 0.1, 8 * far)), (0, far, 0), leaning(build, 0.5),
              size=build.log(0.3, 2) * far)
    near = 0.8
    for _ in range(int(rng.integers(15, 90))):
        y = build.log(near, far)
        at = (build.uniform(-0.9, 0.9) * y, y, build.uniform(-0.5, 0.5) * y)
        thing(build, at, y * build.log(0.02, 0.45))
    return np.zeros(3), np.array([0, 1.0, 0]), bool(rng.random() < 0.5)
