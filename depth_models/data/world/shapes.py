"""Triangle meshes of things, around the origin, z up; metres. Smooth ones carry smooth normals."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[Any]  # float32 [N,3]


@dataclass(frozen=True)
class Mesh:
    """Corners of triangles and the normals there: every triangle has three corners of its own."""

    corners: Points  # [T,3,3]
    normals: Points  # [T,3,3], unit length

    def moved(self, turn: NDArray[Any], shift: NDArray[Any]) -> 'Mesh':
        """Turned by a matrix [3,3], then shifted."""
        turn = turn.astype(np.float32)
        return Mesh(self.corners @ turn.T + np.asarray(shift, np.float32), self.normals @ turn.T)

    def scaled(self, factors: NDArray[Any]) -> 'Mesh':
        """Stretched along the axes."""
        factors = np.asarray(factors, np.float32)
        return Mesh(self.corners * factors, _unit(self.normals / factors))


def joined(meshes: list[Mesh]) -> Mesh:
    """One mesh of many."""
    return Mesh(np.concatenate([m.corners for m in meshes]), np.concatenate([m.normals for m in meshes]))


def flat(vertices: Points, faces: NDArray[np.integer[Any]]) -> Mesh:
    """Every triangle with its own normal."""
    corners = np.asarray(vertices, np.float32)[faces]
    normal = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    return Mesh(corners, np.repeat(normal[:, None], 3, axis=1))


def smooth(vertices: Points, faces: NDArray[np.integer[Any]]) -> Mesh:
    """Normals at vertices: the mean of their triangles', by area."""
    vertices = np.asarray(vertices, np.float32)
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], normal)
    return Mesh(corners, _unit(total)[faces])


def box(size: tuple[float, float, float]) -> Mesh:
    """An axis-aligned box of these lengths."""
    return _unit_box().scaled(np.asarray(size))


def sphere(radius: float, detail: int = 3) -> Mesh:
    """A geodesic sphere of 20 * 4^detail triangles."""
    vertices, faces = _geodesic(detail)
    return smooth(vertices * np.float32(radius), faces)


def blob(rng: np.random.Generator, radius: float, roughness: float, detail: int = 3) -> Mesh:
    """A sphere with hills and hollows: a stone, a bush, a cushion."""
    vertices, faces = _geodesic(detail)
    bumps = np.zeros(len(vertices))
    for octave in range(4):
        direction = rng.normal(size=(3, 3)) * 1.6 ** octave
        bumps += 0.6 ** octave * np.sin(vertices @ direction.T + rng.uniform(0, 6.28, 3)).prod(1)
    shape = np.exp(rng.normal(0, 0.25, 3))
    return smooth(vertices * shape * (radius * (1 + roughness * bumps))[:, None], faces)


def cylinder(radius: float, length: float, *, top: float | None = None, sides: int = 24) -> Mesh:
    """Along z; `top` is the radius at its upper end, 0 for a cone."""
    top = radius if top is None else top
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], 1)
    up = np.array([0, 0, length / 2])
    wall = np.concatenate([ring * radius - up, ring * max(top, 1e-4) + up])
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    walls = smooth(wall, np.concatenate([np.stack([i, j, i + sides], 1),
                                         np.stack([j, j + sides, i + sides], 1)]))
    ends = []
    for z, r, order in ((-1, radius, (0, 2, 1)), (1, top, (0, 1, 2))):
        if r > 1e-3 * radius:
            points = np.concatenate([[up * z], ring * r + up * z])
            ends.append(flat(points, np.stack([np.zeros(sides, int), i + 1, j + 1], 1)[:, order]))
    return joined([walls, *ends])


def torus(radius: float, thickness: float) -> Mesh:
    """A ring around z."""
    a, b = (np.linspace(0, 2 * np.pi, n, endpoint=False) for n in (32, 14))
    a, b = (grid.ravel() for grid in np.meshgrid(a, b, indexing='ij'))
    out = radius + thickness * np.cos(b)
    vertices = np.stack([out * np.cos(a), out * np.sin(a), thickness * np.sin(b)], 1)
    return smooth(vertices, _grid_faces(32, 14, around=True))


def sheet(width: float, depth: float, heights: NDArray[Any] | None = None) -> Mesh:
    """A level sheet in x and y, or a height field [rows, columns] over it [m]."""
    heights = np.zeros((2, 2)) if heights is None else heights
    rows, columns = heights.shape
    y, x = np.meshgrid(np.linspace(-depth / 2, depth / 2, rows),
                       np.linspace(-width / 2, width / 2, columns), indexing='ij')
    vertices = np.stack([x.ravel(), y.ravel(), heights.ravel()], 1)
    return smooth(vertices, _grid_faces(rows, columns))


def rods(starts: Points, ends: Points, radius: NDArray[Any] | float, sides: int = 5) -> Mesh:
    """Straight thin things from point to point: wires, bars, branches, grass."""
    starts, ends = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    along = _unit(ends - starts)
    helper = np.where(np.abs(along[:, 2:]) < 0.9, [[0.0, 0, 1]], [[1.0, 0, 0]])
    u = _unit(np.cross(along, helper))
    v = np.cross(along, u)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    around = (u[:, None] * np.cos(angle)[:, None] + v[:, None] * np.sin(angle)[:, None])  # [N,S,3]
    out = around * np.broadcast_to(np.asarray(radius), len(starts))[:, None, None]
    low, high = starts[:, None] + out, ends[:, None] + out
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    corners = np.concatenate([np.stack([low[:, i], low[:, j], high[:, i]], 2),
                              np.stack([low[:, j], high[:, j], high[:, i]], 2)], 1)
    normals = np.concatenate([np.stack([around[:, i], around[:, j], around[:, i]], 2),
                              np.stack([around[:, j], around[:, j], around[:, i]], 2)], 1)
    return Mesh(corners.reshape(-1, 3, 3).astype(np.float32), normals.reshape(-1, 3, 3).astype(np.float32))


def leaves(rng: np.random.Generator, centres: Points, length: float) -> Mesh:
    """A small quadrangle at each of the points, turned any way."""
    n = len(centres)
    u = _unit(rng.normal(size=(n, 3)))
    v = _unit(np.cross(u, rng.normal(size=(n, 3))))
    size = length * np.exp(rng.normal(0, 0.3, (n, 1)))
    a, b = u * size, 0.5 * v * size
    quad = np.stack([centres - a, centres + b, centres + a, centres - b], 1)  # [N,4,3]
    corners = quad[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3).astype(np.float32)
    normal = np.repeat(np.cross(u, v), 2, axis=0)
    return Mesh(corners, np.repeat(normal[:, None], 3, axis=1).astype(np.float32))


def turned(rng: np.random.Generator, *, upright: bool = False) -> NDArray[np.float64]:
    """A random rotation [3,3], about z alone if upright."""
    if upright:
        angle = rng.uniform(0, 2 * np.pi)
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _grid_faces(rows: int, columns: int, *, around: bool = False) -> NDArray[np.int64]:
    """Two triangles for every cell of a grid of vertices; around: it closes in both directions."""
    index: NDArray[Any] = np.arange(rows * columns).reshape(rows, columns)
    if around:
        below = np.roll(index, -1, 0)
        cells = [index, below, np.roll(index, -1, 1), np.roll(below, -1, 1)]
    else:
        cells = [index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:]]
    a, b, c, d = (corner.ravel() for corner in cells)
    order = ((a, b, c), (b, d, c)) if around else ((a, c, b), (b, c, d))
    return np.concatenate([np.stack(triangle, 1) for triangle in order])


@lru_cache(maxsize=1)
def _unit_box() -> Mesh:
    corners, normals = [], []
    for axis in range(3):
        for sign in (-0.5, 0.5):
            u, v = np.eye(3)[(axis + 1) % 3] / 2, np.eye(3)[(axis + 2) % 3] / 2
            middle = np.eye(3)[axis] * sign
            if sign < 0:
                u, v = v, u
            quad = np.stack([middle - u - v, middle + u - v, middle + u + v, middle - u + v])
            corners += [quad[[0, 1, 2]], quad[[0, 2, 3]]]
            normals += [np.tile(np.eye(3)[axis] * np.sign(sign), (3, 1))] * 2
    return Mesh(np.array(corners, np.float32), np.array(normals, np.float32))


@lru_cache(maxsize=4)
def _geodesic(detail: int) -> tuple[Points, NDArray[np.int64]]:
    from trimesh.creation import icosphere

    made = icosphere(subdivisions=detail, radius=1.0)
    return np.asarray(made.vertices, np.float32), np.asarray(made.faces, np.int64)
