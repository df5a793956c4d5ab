"""
Furniture of Sweet Home 3D's libraries (.sh3f), as triangles with colours.

Debian has the free ones as the package sweethome3d-furniture, most under CC BY 3.0 by their authors,
some under CC0: https://www.sweethome3d.com/importModels.jsp. An .sh3f file is a zip archive with a table,
PluginFurnitureCatalog.properties, and a Wavefront .obj file with its materials for each piece.
"""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data.scene_shares import DEBIAN
from depth_models.data.world.shapes import Mesh

LARGEST = 450_000  # bytes of an .obj file: the few larger ones would take most of the time
TABLE = 'PluginFurnitureCatalog.properties'
LINEAR = 2.0  # exponent from the colours of a screen to reflectance

# ours from theirs: x to the right as seen from behind, y to the front, z up
AXES = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]])


@dataclass(frozen=True)
class Part:
    """What is of one material: triangles [m] and its colours, both as reflectance."""

    mesh: Mesh
    dark: NDArray[Any]  # [3] 0..1
    bright: NDArray[Any]  # [3] 0..1; the same where no texture is


@dataclass(frozen=True)
class Piece:
    """One piece of furniture: it stands on the origin, its back to -y, its front to +y."""

    name: str  # in English
    category: str
    size: tuple[float, float, float]  # [m] width, depth, height
    elevation: float  # [m] above the floor, where it hangs
    top: float | None  # [m] above its foot: where things stand on it; None: nowhere
    load: Callable[[], tuple[Part, ...]] = field(repr=False, compare=False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Read when they are first asked for. ValueError where the model cannot be read."""
        return self.load()


@dataclass(frozen=True, eq=False)
class Library:
    """Pieces to choose from."""

    pieces: tuple[Piece, ...]

    @lru_cache(maxsize=256)  # noqa: B019  libraries are few, and live as long as the process
    def named(self, pattern: str, without: str = r'(?!)') -> tuple[Piece, ...]:
        """Those whose names contain a match of one regular expression and none of the other, in any case."""
        wanted, unwanted = (re.compile(one, re.IGNORECASE) for one in (pattern, without))
        return tuple(piece for piece in self.pieces
                     if wanted.search(piece.name) and not unwanted.search(piece.name))


@lru_cache(maxsize=2)
def open_library(folder: Path = DEBIAN) -> Library:
    """
    All pieces of the .sh3f files in a folder, in a fixed order; doors and windows are left out.

    Raises FileNotFoundError where there is none, with what to install.
    """
    files = sorted(Path(folder).glob('*.sh3f'))
    if not files:
        raise FileNotFoundError(f'no furniture (*.sh3f) in {folder}: apt install sweethome3d-furniture, or '
                                'take the libraries of https://www.sweethome3d.com/importModels.jsp')
    return Library(tuple(piece for file in files for piece in _pieces(file)))


def _pieces(file: Path) -> list[Piece]:
    with zipfile.ZipFile(file) as archive:
        rows: dict[int, dict[str, str]] = {}
        for key, number, value in re.findall(r'^(\w+)#(\d+)[ \t]*=[ \t]*(.*?)[ \t]*\r?$',
                                             archive.read(TABLE).decode('latin-1'), re.MULTILINE):
            rows.setdefault(int(number), {})[key] = value
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    made = []
    for number in sorted(rows):
        row = rows[number]
        model = row.get('model', '').lstrip('/')
        if row.get('doorOrWindow') == 'true' or not model.endswith('.obj') or (
                not 0 < sizes.get(model, 0) <= LARGEST):
            continue
        size = tuple(float(row[side]) / 100 for side in ('width', 'depth', 'height'))
        top = float(row['dropOnTopElevation']) / 100 if 'dropOnTopElevation' in row else size[2]
        turn = np.array(row.get('modelRotation', '1 0 0 0 1 0 0 0 1').split(), float).reshape(3, 3)
        made.append(Piece(row['name'], row['category'], (size[0], size[1], size[2]),
                          float(row.get('elevation', 0)) / 100, top if top >= 0 else None,
                          load=_loader(file, model, turn, size)))
    return made


def _loader(file: Path, model: str, turn: NDArray[Any], size: tuple[float, ...]
            ) -> Callable[[], tuple[Part, ...]]:
    return lambda: _load(file, model, turn, np.array(size))


def _load(file: Path, model: str, turn: NDArray[Any], size: NDArray[Any]) -> tuple[Part, ...]:
    """The parts of a model, brought to its size as the catalogue has it."""
    import trimesh

    folder = model.rpartition('/')[0]
    with zipfile.ZipFile(file) as archive:
        beside = {name.rpartition('/')[2]: io.BytesIO(archive.read(name)) for name in archive.namelist()
                  if name.startswith(folder + '/') and not name.endswith('/')}
        scene = trimesh.load(io.BytesIO(archive.read(model)), file_type='obj', force='scene', process=False,
                             resolver=trimesh.resolvers.ZipResolver(beside), group_material=True)
    found = []
    for shape in scene.geometry.values():
        if not isinstance(shape, trimesh.Trimesh) or not len(shape.faces):
            continue
        corners = np.asarray(shape.vertices)[shape.faces] @ (AXES @ turn).T
        normals = np.asarray(shape.vertex_normals)[shape.faces] @ (AXES @ turn).T
        found.append((corners, normals, _colours(getattr(shape.visual, 'material', None))))
    if not found:
        raise ValueError(f'{model} in {file} has no triangles')
    every = np.concatenate([corners.reshape(-1, 3) for corners, _, _ in found])
    low, high = every.min(0), every.max(0)
    factors = size / np.maximum(high - low, 1e-6)
    foot = np.array([*(low + high)[:2] / 2, low[2]])
    return tuple(Part(Mesh(((corners - foot) * factors).astype(np.float32),
                           _unit(normals / factors).astype(np.float32)), *colours)
                 for corners, normals, colours in found)


def _colours(material: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Dark and bright reflectance of a material: its colour, or how its picture varies about its mean."""
    diffuse = getattr(material, 'diffuse', None)
    colour = np.full(3, 0.6) if diffuse is None else np.asarray(diffuse, float)[:3] / 255
    image = getattr(material, 'image', None)
    if image is None:
        seen = np.clip(colour, 0.03, 1.0) ** LINEAR
        return seen, seen
    texels = (np.asarray(image.convert('RGB').resize((32, 32)), float) / 255).reshape(-1, 3) ** LINEAR
    middle, spread = texels.mean(0), texels.mean(1).std()
    return np.clip(middle - 1.5 * spread, 0.005, 1.0), np.clip(middle + 1.5 * spread, 0.01, 1.0)


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
