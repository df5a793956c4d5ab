"""The colours of what rays hit: reflectance in the light of lamps and of all around, highlights, the sky."""

from typing import Any

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


def shade(world: World, camera: Camera, pose: Pose, directions: Rays, hits: Hits) -> NDArray[Any]:
    """Colours [N,3] of what the rays hit, band by band."""
    made = np.empty((len(directions), 3), np.float32)
    for start in range(0, len(directions), BAND):
        rays = np.s_[start:start + BAND]
        made[rays] = _shade_band(world, camera, pose, directions[rays], Hits(*(part[rays] for part in hits)))
    return made


def _shade_band(world: World, camera: Camera, pose: Pose, directions: Rays, hits: Hits) -> NDArray[Any]:
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
