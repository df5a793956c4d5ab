"""Worlds of meshes, ray-cast: stereo pairs and single views with exact depth, from one scene."""

from depth_models.data.world.scenes import draw_scene
from depth_models.data.world.views import View, render_view, render_world

__all__ = ['View', 'draw_scene', 'render_view', 'render_world']
