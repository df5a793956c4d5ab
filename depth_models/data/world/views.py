"""What cameras see of a scene: single photographs and pairs, with exact truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import camera_effects
from depth_models.data.samples import StereoSample
from depth_models.data.scene_shares import DEBIAN, EVEN, SceneShares
from depth_models.data.world.light import hidden_from_ambient, shade
from depth_models.data.world.places import Place
from depth_models.data.world.rays import Hits, Pose, Rays, World
from depth_models.data.world.scenes import draw_scene
from depth_models.frames import Camera, Image, Map, StereoCamera

EDGE_RAYS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))  # px around a centre
NEARER = 0.1  # quantile of the depth that the baseline suits
NEAREST = 0.5  # of that depth: what lies before is cut away, or it would fix the range of all
SHOWN = 0.003  # of the view: what covers less does not count as shown


@dataclass(frozen=True)
class View:
    """One picture and what is true of it."""

    image: Image  # [H,W,3] RGB
    depth: Map  # [H,W] m along the optical axis; SKY where there is nothing
    camera: Camera


def render_world(rng: np.random.Generator, size: tuple[int, int] = (256, 512),
                 max_disparity: float = 192.0) -> StereoSample:
    """
    A random scene seen by a pair of unlike cameras; the same state of `rng` gives the same pair.

    size: (height, width) [px]. Disparity is fx * baseline / depth everywhere, also where occluded, and
    at most max_disparity; the sky lies at 2000 m. The baseline is what brings the nearer things of the
    view to a disparity of some percent of the width, as it is for cameras that suit their scene.
    Raises ImportError without embreex, ValueError for a size under 16 x 16 px or a range under 16 px.
    """
    if min(size) < 16 or max_disparity < 16:
        raise ValueError(f'size must be at least 16 x 16 px and max_disparity 16 px, got '
                         f'{size[0]} x {size[1]} px and {max_disparity} px')
    world = World(draw_scene(rng))
    camera, pose = draw_camera(rng, world, size)
    stereo = draw_baseline(rng, world, camera, pose, max_disparity)
    aside = pose._replace(eye=pose.eye + pose.turn[:, 0] * np.float32(stereo.baseline))
    views = [see(world, camera, eye) for eye in (pose, aside)]
    disparity = [np.float32(camera.fx * stereo.baseline) / depth for _, depth in views]
    exposed = _exposure(rng, views[0][0])
    left, right = camera_effects.photograph(rng, *(exposed(colours) for colours, _ in views))
    return StereoSample(left, right, disparity[0], visible_from_right(*disparity), stereo)


def render_view(rng: np.random.Generator, size: tuple[int, int] = (256, 512),
                shares: SceneShares = EVEN, *, colours: bool = True, furniture: Path = DEBIAN) -> View:
    """
    A random scene seen by one camera: an image, its metric depth and its camera.

    Without colours the image is black (and takes no memory), and the same depth comes three times as fast.
    """
    world = World(draw_scene(rng, shares, furniture))
    camera, pose = draw_camera(rng, world, size, fields_of_view=(48, 78))
    if not colours:
        seen = world.cast(pose, directions_of(camera, pose.turn)).depth
        return View(np.broadcast_to(np.uint8(0), (*size, 3)), seen.reshape(size), camera)
    light, depth = see(world, camera, pose)
    exposed = _exposure(rng, light, brightness=(0.4, 0.6), curves=(0.42, 0.6))(light)
    image = camera_effects.snapshot(rng, exposed)
    return View(image, depth, camera)


def draw_camera(rng: np.random.Generator, world: World, size: tuple[int, int],
                fields_of_view: tuple[float, float] = (40, 90)) -> tuple[Camera, Pose]:
    """A lens, and a pose that suits the scene. What stands right before the lens is cut away.

    fields_of_view: degrees, horizontally, the least and the most.
    """
    (height, width), scene = size, world.scene
    focal = width / (2 * np.tan(np.radians(rng.uniform(*fields_of_view)) / 2))  # px
    centre = np.array([(width - 1) / 2, (height - 1) / 2]) + rng.normal(0, 0.02, 2) * (width, height)
    camera = Camera(width, height, focal, focal, *centre)
    for place in scene.places:
        pose = _looking(rng, place)
        hits = _few_hits(world, camera, pose)
        nearer = float(np.quantile(hits.depth, NEARER))
        if nearer >= place.clear and _things(world, hits) >= place.things:
            break
    return camera, pose._replace(near=NEAREST * nearer)


def _looking(rng: np.random.Generator, place: Place) -> Pose:
    """About at the target, and about level."""
    forward = place.target - place.eye
    forward = forward / np.linalg.norm(forward) + rng.normal(0, 0.08, 3)
    forward /= np.linalg.norm(forward)
    up = np.array([rng.normal(0, 0.03), 0, 1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward], 1)
    return Pose(np.asarray(place.eye, np.float32), turn.astype(np.float32))


def draw_baseline(rng: np.random.Generator, world: World, camera: Camera, pose: Pose,
                  max_disparity: float) -> StereoCamera:
    """The pair: from the depths of a few rays, so that no view has to be thrown away."""
    nearer = float(np.quantile(_few_hits(world, camera, pose).depth, NEARER))
    wanted = camera.width * np.exp(rng.uniform(np.log(0.03), np.log(0.28)))  # px at that depth
    baseline = min(wanted * nearer, 0.98 * max_disparity * max(pose.near, 1e-3)) / camera.fx
    return StereoCamera(camera, float(baseline), camera.cx)


def _few_hits(world: World, camera: Camera, pose: Pose) -> Hits:
    return world.cast(pose, directions_of(camera.resized(64, 32), pose.turn))


def _things(world: World, hits: Hits) -> int:
    """How many different ones show."""
    seen = world.scene.material[hits.triangle[hits.triangle >= 0]]
    _, rays = np.unique(seen, return_counts=True)
    return int((rays >= SHOWN * len(hits.triangle)).sum())


def _exposure(rng: np.random.Generator, colours: NDArray[Any],
              brightness: tuple[float, float] = (0.3, 0.65), curves: tuple[float, float] = (0.45, 0.9)
              ) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """From light to 0..255, as a camera set to this view would: its exposure and its curve."""
    wanted = rng.uniform(*brightness)
    bright = max(float(np.percentile(colours[::4, ::4].mean(2), rng.uniform(50, 80))), 1e-3)
    curve = rng.uniform(*curves)
    factor = wanted ** (1 / curve) / bright

    def exposed(light: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(255 * cv2.pow(np.maximum(light * np.float32(factor), 0), curve), np.float32)

    return exposed


def see(world: World, camera: Camera, pose: Pose) -> tuple[NDArray[Any], Map]:
    """Colours [H,W,3] in about 0..255 and depth [H,W]. Pixels on edges are the mean of more rays."""
    shape = (camera.height, camera.width)
    directions = directions_of(camera, pose.turn)
    hits = world.cast(pose, directions)
    hidden = hidden_from_ambient(world, pose, directions, hits, shape) if world.scene.occlusion else None
    colours = shade(world, camera, pose, directions, hits, hidden)
    depth = hits.depth.reshape(shape)
    edge = _edges(depth, np.where(hits.triangle >= 0, world.scene.material[hits.triangle], -1).reshape(shape))
    rows, columns = np.nonzero(edge)
    if len(rows):
        total = np.zeros((len(rows), 3), np.float32)
        for dx, dy in EDGE_RAYS:
            directions = _rays(camera, pose.turn, columns + dx, rows + dy)
            total += shade(world, camera, pose, directions, world.cast(pose, directions))
        colours[rows * shape[1] + columns] = total / len(EDGE_RAYS)
    return colours.reshape(*shape, 3), depth


def directions_of(camera: Camera, turn: NDArray[Any]) -> Rays:
    """Rays through the centres of all pixels, row by row, 1 long along the optical axis."""
    rows, columns = np.indices((camera.height, camera.width), np.float32)
    return _rays(camera, turn, columns.ravel(), rows.ravel())


def _rays(camera: Camera, turn: NDArray[Any], columns: NDArray[Any], rows: NDArray[Any]) -> Rays:
    x = ((columns - camera.cx) / camera.fx).astype(np.float32)
    y = ((rows - camera.cy) / camera.fy).astype(np.float32)
    return x[:, None] * turn[:, 0] + y[:, None] * turn[:, 1] + turn[:, 2]


def _edges(depth: Map, thing: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[H,W] whether a neighbour shows another thing, or another part of it far behind."""
    edge = np.zeros(depth.shape, np.bool_)
    for axis in (0, 1):
        a, b = (np.moveaxis(edge, axis, 0)[s] for s in (np.s_[:-1], np.s_[1:]))
        near, far = (np.moveaxis(depth, axis, 0)[s] for s in (np.s_[:-1], np.s_[1:]))
        one, two = (np.moveaxis(thing, axis, 0)[s] for s in (np.s_[:-1], np.s_[1:]))
        differs = (one != two) | (np.abs(near - far) > 0.05 * np.minimum(near, far))
        a |= differs
        b |= differs
    return edge


def visible_from_right(left: Map, right: Map) -> NDArray[np.bool_]:
    """[H,W] whether nothing nearer hides a left pixel's point from the right camera, to half a pixel."""
    height, width = left.shape
    x = np.arange(width, dtype=np.float32) - left
    inside = (x >= 0) & (x <= width - 1)
    rows = np.arange(height)[:, None]
    columns = [np.clip(end(x), 0, width - 1).astype(np.intp) for end in (np.floor, np.ceil)]
    around = np.minimum(right[rows, columns[0]], right[rows, columns[1]])
    return inside & (around <= left + 0.5 + 0.01 * left)
