"""The colours of what rays hit: reflectance in the light of lamps and of all around, highlights, the sky."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_models.data.world.materials import reflectance
from depth_models.data.world.rays import Hits, Pose, Rays, World
from depth_models.data.world.scenes import REACH
from depth_models.frames import Camera

BAND = 8192  # rays shaded at a time, so that what they need stays in the cache
BRIGHTEST = 4.0  # times as bright as at REACH is what stands right before a lamp
HIDDEN = 0.85  # of the ambient light, where all around is near
NEARBY = 0.7  # m, times 0 to 2
AROUND = 4  # px, and as many on the other side: what the light that is hidden is the mean of
FLAT = 0.01  # m: no further from a surface's plane


class Surface(NamedTuple):
    """What rays hit. Normals look towards where the rays come from."""

    points: Rays  # [N,3]
    normals: Rays  # [N,3]
    towards: Rays  # [N,3] back along the rays, 1 long
    slant: NDArray[Any]  # [N] cosine of normal and ray


def shade(world: World, camera: Camera, pose: Pose, directions: Rays, hits: Hits,
          hidden: NDArray[Any] | None = None) -> NDArray[Any]:
    """
    Colours [N,3] of what the rays hit, band by band.

    hidden: [N] 0..1, how much of the ambient light is; by default what few rays find, which is noise.
    """
    made = np.empty((len(directions), 3), np.float32)
    for rays in _bands(len(directions)):
        made[rays] = _shade_band(world, camera, pose, directions[rays], Hits(*(part[rays] for part in hits)),
                                 None if hidden is None else hidden[rays])
    return made


def hidden_from_ambient(world: World, pose: Pose, directions: Rays, hits: Hits, shape: tuple[int, int]
                        ) -> NDArray[Any]:
    """
    [N] how much of the ambient light each pixel of a whole view does not get, 0..1. shape: of the view.

    The mean over the pixels around on the same surface: as much noise as few rays have would tell a network
    where corners are, in a way that no photograph does.
    """
    points = np.zeros((len(directions), 3), np.float32)
    normals, found = points.copy(), np.zeros(len(directions), np.float32)
    for rays in _bands(len(directions)):
        hit = hits.triangle[rays] >= 0
        one = _surface(world, pose, directions[rays][hit], Hits(*(part[rays][hit] for part in hits)))
        points[rays][hit], normals[rays][hit] = one.points, one.normals
        found[rays][hit] = _occluded(world, one.points, one.normals)
    material = np.where(hits.triangle >= 0, world.scene.material[hits.triangle], -1)
    return _smoothed(found.reshape(shape), points.reshape(*shape, 3), normals.reshape(*shape, 3),
                     material.reshape(shape)).ravel()


def _smoothed(values: NDArray[Any], points: Rays, normals: Rays, thing: NDArray[np.int64]) -> NDArray[Any]:
    """[H,W] the mean along rows, then along columns, of what lies in the same plane of the same thing."""
    for axis in (1, 0):
        total, count = values.copy(), np.ones_like(values)
        for step in range(1, AROUND + 1):
            one, two = (tuple(s if a == axis else slice(None) for a in (0, 1))
                        for s in (slice(None, -step), slice(step, None)))
            apart = np.einsum('hwi,hwi->hw', normals[one], points[two] - points[one])
            same = ((thing[one] == thing[two]) & (np.abs(apart) < FLAT)).astype(np.float32)
            total[one] += same * values[two]
            total[two] += same * values[one]
            count[one] += same
            count[two] += same
        values = total / count
    return values


def _bands(count: int) -> list[slice]:
    return [slice(start, start + BAND) for start in range(0, count, BAND)]


def _surface(world: World, pose: Pose, directions: Rays, hits: Hits) -> Surface:
    """Of rays that hit something."""
    second, third = hits.corner.T[..., None]
    points = pose.eye + directions * hits.depth[:, None]
    normals = world.scene.mesh.normals[hits.triangle]
    normals = normals[:, 0] * (1 - second - third) + normals[:, 1] * second + normals[:, 2] * third
    towards = -directions / np.linalg.norm(directions, axis=1, keepdims=True)
    away = np.einsum('ni,ni->n', normals, towards)
    normals *= np.where(away < 0, -1, 1)[:, None]  # seen from behind: of leaves, of open ends
    return Surface(points, normals, towards, np.abs(away))


def _shade_band(world: World, camera: Camera, pose: Pose, directions: Rays, hits: Hits,
                hidden: NDArray[Any] | None) -> NDArray[Any]:
    """Colours [N,3] of what the rays hit: reflectance in the light, highlights, or the sky."""
    scene = world.scene
    up = directions[:, 2] / np.linalg.norm(directions, axis=1)
    share = np.clip(0.5 + 0.7 * up, 0, 1)[:, None]
    colours = 255 * (scene.sky[0] * (1 - share) + scene.sky[1] * share)
    hit = hits.triangle >= 0
    if not hit.any():
        return colours.astype(np.float32)
    seen = Hits(*(part[hit] for part in hits))
    points, normals, towards, slant = _surface(world, pose, directions[hit], seen)
    slant = np.maximum(slant, 0.15)
    material = scene.material[seen.triangle]
    colour = reflectance(scene.materials, material, points, normals,
                         seen.depth / np.float32(camera.fx) / np.sqrt(slant))
    light = np.broadcast_to(scene.ambient * (0.75 + 0.25 * normals[:, 2:]), colour.shape).copy()
    if scene.occlusion:
        shut = _occluded(world, points, normals) if hidden is None else hidden[hit]
        light *= 1 - HIDDEN * shut[:, None]
    shine = np.zeros_like(light)
    gloss = scene.materials.gloss[material]
    for number, (place, strength) in enumerate(zip(scene.lights, scene.strengths)):
        way = place - points
        distance = np.linalg.norm(way, axis=1, keepdims=True)
        way /= distance
        if scene.falling:
            strength = strength * np.minimum((REACH / distance) ** 2, BRIGHTEST)
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
