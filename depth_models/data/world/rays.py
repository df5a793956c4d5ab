"""Rays into a scene: what they hit first, and whether they get to a light."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_models.data.world.scenes import Scene

SKY = 2000.0  # m: where what no ray hits is taken to be

Rays = NDArray[Any]  # float32 [N,3]


class Pose(NamedTuple):
    """Where a camera is and what it sees: nothing nearer than `near`."""

    eye: NDArray[Any]  # [3] m
    turn: NDArray[Any]  # [3,3] its axes (right, down, forward) as columns
    near: float = 0.0  # m along the optical axis; what lies before is cut away


class Hits(NamedTuple):
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

    def cast(self, pose: Pose, directions: Rays) -> Hits:
        """First hits of rays [N,3] whose component along the optical axis is 1."""
        origins = (pose.eye + np.float32(pose.near) * directions).astype(np.float32)
        found = self._embree.run(origins, directions, output=1)
        triangle = np.asarray(found['primID'], np.int64)
        sky, along = np.float32(SKY), found['tfar'] + np.float32(pose.near)
        depth = np.minimum(np.where(triangle >= 0, along, sky).astype(np.float32), sky)
        return Hits(triangle, depth, np.stack([found['u'], found['v']], 1))

    def in_shadow(self, points: Rays, light: Rays) -> NDArray[np.bool_]:
        """[N] whether something stands between a point and the light."""
        way = light - points
        found = self._embree.run(np.ascontiguousarray(points + 1e-3 * way / np.linalg.norm(
            way, axis=1, keepdims=True)), np.ascontiguousarray(way), np.ones(len(way), np.float32),
            query='OCCLUDED')  # no further than the light
        return np.asarray(found) == 0
