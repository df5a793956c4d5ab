"""What cameras see of a scene: rays, light and shadow, and pairs of photographs with exact truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import camera_effects
from depth_models.data.samples import StereoSample
from depth_models.data.scene_shares import DEBIAN, EVEN, SceneShares
from depth_models.data.world.materials import reflectance
from depth_models.data.world.scenes import REACH, Scene, draw_scene
from depth_models.frames import Camera, Image, Map, StereoCamera

SKY = 2000.0  # m: where what no ray hits is taken to be
EDGE_RAYS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))  # px around a centre
BAND = 8192  # rays shaded at a time, so that what they need stays in the cache
HIDDEN = 0.85  # of the ambient light, where all around is near
NEARBY = 0.7  # m, times 0 to 2
NEARER = 0.1  # quantile of the depth that the baseline suits
NEAREST = 0.5  # of that depth: what lies before is cut away, or it would fix the range of all

Rays = NDArray[Any]  # float32 [N,3]


@dataclass(frozen=True)
class View:
    """One picture and what is true of it."""

    image: Image  # [H,W,3] RGB
    depth: Map  # [H,W] m along the optical axis; SKY where there is nothing
    camera: Camera


class Pose(NamedTuple):
    """Where a camera is and what it sees: nothing nearer than `near`."""

    eye: NDArray[Any]  # [3] m
    turn: NDArray[Any]  # [3,3] its axes (right, down, forward) as columns
    near: float = 0.0  # m along the optical axis; what lies before is cut away


class _Hits(NamedTuple):
    triangle: NDArray[np.int64]  # [N], -1: the sky
    depth: NDArray[Any]  # [N] along the optical axis [m]
    corner: NDArray[Any]  # [N,2] weights of the triangle's second and third corner


class World:
    """A scene that rays can be sent into. Holds what embree built: make one for each scene."""

    def __init__(self, scene: Scene) -> None:
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ModuleNotFoundError as error:
            raise ImportError(f'worlds are ray-cast by embreex and trimesh ({error}): '
                              'pip install depth_nodes[train]') from error
        self.scene = scene
        self._embree = EmbreeScene()
        TriangleMesh(self._embree, np.ascontiguousarray(scene.mesh.corners, np.float32))

    def cast(self, pose: Pose, directions: Rays) -> _Hits:
        """First hits of rays [N,3] whose component along the optical axis is 1."""
        origins = (pose.eye + np.float32(pose.near) * directions).astype(np.float32)
        found = self._embree.run(origins, directions, output=1)
        triangle = np.asarray(found['primID'], np.int64)
        sky, along = np.float32(SKY), found['tfar'] + np.float32(pose.near)
        depth = np.minimum(np.where(triangle >= 0, along, sky).astype(np.float32), sky)
        return _Hits(triangle, depth, np.stack([found['u'], found['v']], 1))

    def in_shadow(self, points: Rays, light: Rays) -> NDArray[np.bool_]:
        """[N] whether something stands between a point and the light."""
        way = light - points
        found = self._embree.run(np.ascontiguousarray(points + 1e-3 * way / np.linalg.norm(
            way, axis=1, keepdims=True)), np.ascontiguousarray(way), np.ones(len(way), np.float32),
            query='OCCLUDED')  # no further than the light
        return np.asarray(found) == 0


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
    forward = scene.target - scene.eye
    forward = forward / np.linalg.norm(forward) + rng.normal(0, 0.08, 3)
    forward /= np.linalg.norm(forward)
    up = np.array([rng.normal(0, 0.03), 0, 1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward], 1)
    camera = Camera(width, height, focal, focal, *centre)
    pose = Pose(scene.eye, turn.astype(np.float32))
    near = NEAREST * float(np.quantile(_few_depths(world, camera, pose), NEARER))
    return camera, pose._replace(near=near)


def draw_baseline(rng: np.random.Generator, world: World, camera: Camera, pose: Pose,
                  max_disparity: float) -> StereoCamera:
    """The pair: from the depths of a few rays, so that no view has to be thrown away."""
    nearer = float(np.quantile(_few_depths(world, camera, pose), NEARER))
    wanted = camera.width * np.exp(rng.uniform(np.log(0.03), np.log(0.28)))  # px at that depth
    baseline = min(wanted * nearer, 0.98 * max_disparity * max(pose.near, 1e-3)) / camera.fx
    return StereoCamera(camera, float(baseline), camera.cx)


def _few_depths(world: World, camera: Camera, pose: Pose) -> NDArray[Any]:
    return world.cast(pose, directions_of(camera.resized(64, 32), pose.turn)).depth


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
    colours = _shade(world, camera, pose, directions, hits)
    depth = hits.depth.reshape(shape)
    edge = _edges(depth, np.where(hits.triangle >= 0, world.scene.material[hits.triangle], -1).reshape(shape))
    rows, columns = np.nonzero(edge)
    if len(rows):
        total = np.zeros((len(rows), 3), np.float32)
        for dx, dy in EDGE_RAYS:
            directions = _rays(camera, pose.turn, columns + dx, rows + dy)
            total += _shade(world, camera, pose, directions, world.cast(pose, directions))
        colours[rows * shape[1] + columns] = total / len(EDGE_RAYS)
    return colours.reshape(*shape, 3), depth


def _shade(world: World, camera: Camera, pose: Pose, directions: Rays, hits: _Hits) -> NDArray[Any]:
    """Colours [N,3] of what the rays hit, band by band."""
    made = np.empty((len(directions), 3), np.float32)
    for start in range(0, len(directions), BAND):
        rays = np.s_[start:start + BAND]
        made[rays] = _shade_band(world, camera, pose, directions[rays], _Hits(*(part[rays] for part in hits)))
    return made


def _shade_band(world: World, camera: Camera, pose: Pose, directions: Rays, hits: _Hits) -> NDArray[Any]:
    """Colours [N,3] of what the rays hit: reflectance in the light, highlights, or the sky."""
    scene = world.scene
    up = directions[:, 2] / np.linalg.norm(directions, axis=1)
    share = np.clip(0.5 + 0.7 * up, 0, 1)[:, None]
    colours = 255 * (scene.sky[0] * (1 - share) + scene.sky[1] * share)
    hit = hits.triangle >= 0
    if not hit.any():
        return colours.astype(np.float32)
    triangle, depth, ray = hits.triangle[hit], hits.depth[hit], directions[hit]
    second, third = hits.corner[hit].T[..., None]
    points = pose.eye + ray * depth[:, None]
    normals = scene.mesh.normals[triangle]
    normals = normals[:, 0] * (1 - second - third) + normals[:, 1] * second + normals[:, 2] * third
    towards = -ray / np.linalg.norm(ray, axis=1, keepdims=True)
    away = np.einsum('ni,ni->n', normals, towards)
    normals *= np.where(away < 0, -1, 1)[:, None]  # seen from behind: of leaves, of open ends
    slant = np.maximum(np.abs(away), 0.15)
    material = scene.material[triangle]
    colour = reflectance(scene.materials, material, points, normals,
                         depth / np.float32(camera.fx) / np.sqrt(slant))
    light = np.broadcast_to(scene.ambient * (0.75 + 0.25 * normals[:, 2:]), colour.shape).copy()
    if scene.occlusion:
        light *= 1 - HIDDEN * _occluded(world, points, normals)[:, None]
    shine = np.zeros_like(light)
    gloss = scene.materials.gloss[material]
    for number, (place, strength) in enumerate(zip(scene.lights, scene.strengths)):
        way = place - points
        distance = np.linalg.norm(way, axis=1, keepdims=True)
        way /= distance
        if scene.falling:
            strength = strength * np.minimum((REACH / distance) ** 2, 4.0)
        facing = np.maximum(np.einsum('ni,ni->n', normals, way), 0)
        if number < scene.shadows:
            lit = np.flatnonzero(facing > 0)
            facing[lit[world.in_shadow(points[lit], place)]] = 0
        light += facing[:, None] * strength
        shiny = np.flatnonzero((gloss > 0) & (facing > 0))
        if len(shiny):
            half = way[shiny] + towards[shiny]
            half /= np.linalg.norm(half, axis=1, keepdims=True)
            mirrored = np.maximum(np.einsum('ni,ni->n', normals[shiny], half), 0)
            mirrored = mirrored ** scene.materials.sharpness[material[shiny]]
            shine[shiny] += (gloss[shiny] * mirrored)[:, None] * np.broadcast_to(strength, light.shape)[shiny]
    colours[hit] = 255 * (colour * light + shine)
    return colours.astype(np.float32)


def _occluded(world: World, points: Rays, normals: Rays) -> NDArray[Any]:
    """[N] 0..1: how much of what a surface faces lies within NEARBY; by random rays, more of them upright."""
    rng = np.random.default_rng(len(points))
    hidden = np.zeros(len(points), np.float32)
    for _ in range(world.scene.occlusion):
        ways = rng.normal(size=points.shape).astype(np.float32)
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        hidden += world.in_shadow(points + 0.002 * normals, points + NEARBY * (normals + 0.98 * ways))
    return hidden / world.scene.occlusion


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
