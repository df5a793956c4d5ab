"""Ray-cast worlds: exact where geometry says what is right, alike in both views, never out of range."""

import sys

import cv2
import numpy as np
import pytest

pytest.importorskip('embreex', reason='worlds are ray-cast by embreex (pip install depth_nodes[train])')
pytest.importorskip('trimesh')

from depth_models.data.scene_shares import SceneShares
from depth_models.data.world import rays, render_view, render_world, shapes, views
from depth_models.data.world.materials import draw_furnishings, draw_materials, reflectance
from depth_models.data.world.places import Place
from depth_models.data.world.scenes import Scene, draw_scene
from depth_models.data.world.things import Builder, cupboards, notices
from depth_models.frames import Camera

CAMERA = Camera(80, 60, 70.0, 70.0, 39.5, 29.5)
FORWARD = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)  # looks along y, z is up
SEEDS = range(8)


def scene_of(*meshes: shapes.Mesh) -> Scene:
    return Scene(
        mesh=shapes.joined(list(meshes)),
        material=np.repeat(np.arange(len(meshes)), [len(mesh.corners) for mesh in meshes]),
        materials=draw_materials(np.random.default_rng(4), np.ones(len(meshes))),
        lights=np.array([[0, -100, 100]], np.float32), strengths=np.ones((1, 3), np.float32),
        ambient=np.full(3, 0.5, np.float32), sky=np.ones((2, 3), np.float32),
        places=(Place(np.zeros(3, np.float32), np.array([0, 1, 0], np.float32)),), shadows=False)


def depth_of(*meshes: shapes.Mesh, near: float = 0.0) -> np.ndarray:
    pose = rays.Pose(np.zeros(3, np.float32), FORWARD, near)
    hits = rays.World(scene_of(*meshes)).cast(pose, views.directions_of(CAMERA, FORWARD))
    return hits.depth.reshape(CAMERA.height, CAMERA.width)


def test_a_wall_has_its_depth_along_the_optical_axis_everywhere():
    wall = shapes.box((100, 0.5, 100)).moved(np.eye(3), [0, 5.25, 0])
    np.testing.assert_allclose(depth_of(wall), 5.0, rtol=1e-5)


def test_a_sphere_is_where_the_quadratic_equation_puts_it():
    ball = shapes.sphere(1.0, detail=5).moved(np.eye(3), [0.4, 4.0, -0.3])
    columns, rows = np.meshgrid(np.arange(80.0), np.arange(60.0))
    ray = np.stack([(columns - 39.5) / 70, np.ones_like(rows), -(rows - 29.5) / 70], -1)
    along, length2 = ray @ [0.4, 4.0, -0.3], (ray ** 2).sum(-1)
    root = along ** 2 - length2 * (0.16 + 16 + 0.09 - 1.0)
    inside = root > 0.3  # off the rim, where a triangle or two decide
    found = depth_of(ball)
    np.testing.assert_allclose(found[inside], ((along - np.sqrt(np.maximum(root, 0))) / length2)[inside],
                               atol=5e-3)
    assert inside.mean() > 0.1
    assert (found[root < -0.1] == rays.SKY).all()


def test_what_stands_before_the_near_plane_is_cut_away():
    wall = shapes.box((100, 0.5, 100)).moved(np.eye(3), [0, 5.25, 0])
    finger = shapes.box((0.2, 0.2, 0.2)).moved(np.eye(3), [0, 1.0, 0])
    assert depth_of(wall, finger).min() == pytest.approx(0.9, rel=1e-4)
    np.testing.assert_allclose(depth_of(wall, finger, near=2.0), 5.0, rtol=1e-5)


@pytest.mark.parametrize('seed', SEEDS)
def test_disparity_is_focal_length_times_baseline_over_depth_and_within_range(seed):
    sample = render_world(np.random.default_rng([3, seed]), (64, 128), max_disparity=48)
    camera = sample.camera
    assert np.isfinite(sample.disparity).all()
    assert sample.disparity.min() > 0
    assert sample.disparity.max() <= 48
    depth = camera.left.fx * camera.baseline / sample.disparity
    assert depth.max() <= rays.SKY * 1.001
    assert camera.principal_point_difference == 0
    # the right camera agrees: where it sees the point, its own disparity there is the same
    assert 0.2 < sample.visible.mean() <= 1


@pytest.mark.parametrize('seed', SEEDS)
def test_the_right_view_warped_by_the_truth_is_the_left_view(seed):
    rng = np.random.default_rng([5, seed])
    world = rays.World(draw_scene(rng))
    camera, pose = views.draw_camera(rng, world, (96, 192))
    stereo = views.draw_baseline(rng, world, camera, pose, 64)
    aside = pose._replace(eye=pose.eye + pose.turn[:, 0] * np.float32(stereo.baseline))
    (left, depth), (right, right_depth) = (views.see(world, camera, p) for p in (pose, aside))
    disparity, other = (camera.fx * stereo.baseline / d for d in (depth, right_depth))
    seen = views.visible_from_right(disparity.astype(np.float32), other.astype(np.float32))
    x, y = np.meshgrid(np.arange(192, dtype=np.float32), np.arange(96, dtype=np.float32))

    def error(shift: float) -> float:
        there = (x - disparity - shift).astype(np.float32)
        warped = cv2.remap(right, there, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = seen & (there > 0)
        # median: a highlight or the side of a thing looks different from the two places
        return float(np.abs(warped - left).mean(2)[inside].mean())

    assert error(0) < 0.75 * min(error(2), error(-2))


def test_a_hidden_pixel_is_one_that_the_right_view_shows_something_nearer_for():
    left = np.full((1, 12), 2.0, np.float32)
    left[:, 6:9] = 5.0  # a thing 3 px nearer; in the right view it covers columns 1..3
    right = np.full((1, 12), 2.0, np.float32)
    right[:, 1:4] = 5.0
    visible = views.visible_from_right(left, right)[0]
    assert visible.tolist() == [False, False] + [True] + [False] * 3 + [True] * 6


@pytest.mark.parametrize('seed', SEEDS)
def test_visible_is_what_a_ray_from_the_right_camera_to_the_point_says(seed):
    rng = np.random.default_rng([6, seed])
    world = rays.World(draw_scene(rng))
    camera, pose = views.draw_camera(rng, world, (64, 128))
    stereo = views.draw_baseline(rng, world, camera, pose, 48)
    aside = pose._replace(eye=pose.eye + pose.turn[:, 0] * np.float32(stereo.baseline))
    ways = views.directions_of(camera, pose.turn)
    depth = world.cast(pose, ways).depth
    points = pose.eye + ways * depth[:, None]
    # the same depth in both, so this ray too is 1 long along the optical axis
    met = world.cast(aside, ((points - aside.eye) / depth[:, None]).astype(np.float32)).depth
    seen = (met > 0.99 * depth).reshape(64, 128)
    disparity, other = (camera.fx * stereo.baseline / world.cast(p, ways).depth.reshape(64, 128)
                        for p in (pose, aside))
    inside = np.arange(128) - disparity >= 0
    visible = views.visible_from_right(disparity, other)
    assert not visible[~inside].any()
    assert (visible == seen)[inside].mean() > 0.93  # half a pixel of tolerance at every edge


def test_a_view_of_nothing_but_sky_is_sky():
    pose = rays.Pose(np.zeros(3, np.float32), FORWARD)
    behind = rays.World(scene_of(shapes.box((1, 1, 1)).moved(np.eye(3), [0, -9, 0])))
    colours, depth = views.see(behind, CAMERA, pose)
    assert (depth == rays.SKY).all()
    np.testing.assert_allclose(colours, 255)


def test_the_same_state_of_the_generator_gives_the_same_pair():
    one, two = (render_world(np.random.default_rng(9), (64, 96)) for _ in range(2))
    for name in ('left', 'right', 'disparity', 'visible'):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    other = render_world(np.random.default_rng(10), (64, 96))
    assert (one.left != other.left).any()


def test_a_single_view_has_metric_depth_and_its_camera():
    view = render_view(np.random.default_rng(2), (64, 96))
    assert view.image.shape == (64, 96, 3) and view.image.dtype == np.uint8
    assert view.depth.shape == (64, 96) and view.depth.dtype == np.float32
    assert (view.depth > 0).all() and np.isfinite(view.depth).all()
    assert (view.camera.width, view.camera.height) == (96, 64)
    assert view.image.std() > 5


def test_a_room_seen_from_inside_is_furnished_and_near():
    inside = SceneShares(room=0, outdoors=0, table=0, floating=0, inside=1)
    depths = np.stack([render_view(np.random.default_rng(seed), (48, 64), inside).depth
                       for seed in range(12)])
    assert depths.max() < 15  # walls all around
    assert depths.std(axis=(1, 2)).min() > 0.005  # no view of one plane straight ahead
    assert np.median(depths.max(axis=(1, 2)) / depths.min(axis=(1, 2))) > 2


def test_people_choose_calmer_colours_than_chance_does():
    sizes = np.full(40, 0.5)
    chosen, chance = ([draw(np.random.default_rng(seed)) for seed in range(20)] for draw in (
        lambda rng: draw_furnishings(rng, sizes, 6), lambda rng: draw_materials(rng, sizes)))

    def colourful(materials):
        return float(np.mean([np.ptp((one.dark + one.bright) / 2, axis=1).mean() for one in materials]))

    def contrast(materials):
        return float(np.mean([np.abs(one.bright - one.dark).mean() for one in materials]))

    assert colourful(chosen) < 0.8 * colourful(chance) and contrast(chosen) < 0.8 * contrast(chance)
    for one in chosen:
        assert one.dark.min() > 0 and one.bright.max() <= 1
        # ceilings: bright and plain
        assert one.dark[1].min() > 0.4 and (one.bright - one.dark)[1].max() < 0.1
        walls = ((one.dark + one.bright) / 2)[2:6]
        # all alike, but for one of them at most
        assert max(np.isclose(walls, wall, atol=0.02).all(1).sum() for wall in walls) >= 3


def test_cupboards_stand_before_their_wall_and_notices_hang_on_it():
    turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # the wall along -y, the room towards x
    for seed in range(10):
        build = Builder(np.random.default_rng(seed))
        cupboards(build, np.zeros(3), turn, 2.0)
        worktop = build.meshes[1].corners.reshape(-1, 3)
        assert 0.7 < worktop[:, 2].max() < 1.0 and 0.45 <= worktop[:, 0].max() <= 0.65
        assert np.ptp(worktop[:, 1]) == pytest.approx(2.0) and abs(worktop[:, 0].min()) < 1e-6
        hung = Builder(np.random.default_rng(seed))
        notices(hung, np.zeros(3), turn, 2.0, (1.0, 2.0))
        corners = np.concatenate([mesh.corners.reshape(-1, 3) for mesh in hung.meshes])
        assert corners[:, 0].min() > -1e-6 and corners[:, 0].max() <= 0.1 + 1e-6
        assert corners[:, 2].min() > 0.7 and corners[:, 2].max() < 2.3


def test_shares_choose_the_scenes_and_the_even_ones_are_the_default():
    rng = [np.random.default_rng(4) for _ in range(3)]
    default, even, outside = (draw_scene(rng[0]), draw_scene(rng[1], SceneShares()),
                            draw_scene(rng[2], SceneShares(room=0, outdoors=1, table=0, floating=0)))
    np.testing.assert_array_equal(default.mesh.corners, even.mesh.corners)
    assert np.abs(outside.mesh.corners).max() > 30
    with pytest.raises(ValueError, match='shares of scenes must be at least 0'):
        SceneShares(room=-1)


def test_textures_far_away_average_out_instead_of_aliasing():
    materials = draw_materials(np.random.default_rng(6), np.full(64, 0.5))
    rng = np.random.default_rng(7)
    which = rng.integers(0, 64, 4000)
    points = rng.uniform(-3, 3, (4000, 3)).astype(np.float32)
    normals = np.tile(np.float32([0, 0, 1]), (4000, 1))
    swing = [np.std(reflectance(materials, which, points, normals, np.full(4000, size, np.float32))
                    - (materials.dark[which] + materials.bright[which]) / 2) for size in (1e-4, 1.0)]
    assert swing[1] < 0.75 * swing[0]


@pytest.mark.parametrize('size, searched', [((8, 64), 64), ((64, 64), 8)])
def test_a_view_too_small_or_a_range_too_short_is_refused(size, searched):
    with pytest.raises(ValueError, match='size must be at least 16 x 16 px and max_disparity 16 px'):
        render_world(np.random.default_rng(1), size, searched)


def test_without_embreex_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'embreex', None)
    monkeypatch.setitem(sys.modules, 'embreex.mesh_construction', None)
    with pytest.raises(ImportError, match=r'pip install depth_nodes\[train\]'):
        render_world(np.random.default_rng(1), (64, 64))


def test_meshes_face_outwards_and_have_unit_normals():
    rng = np.random.default_rng(3)
    for mesh in (shapes.box((1, 2, 3)), shapes.sphere(1.5), shapes.cylinder(0.5, 2.0), shapes.torus(1, 0.2),
                 shapes.cylinder(0.5, 2.0, top=0.0), shapes.blob(rng, 1.0, 0.2),
                 shapes.rods(np.zeros((2, 3)), np.array([[0, 0, 1], [1, 1, 0.0]]), 0.1)):
        np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=-1), 1, atol=1e-4)
        a, b, c = mesh.corners.transpose(1, 0, 2)
        face = np.cross(b - a, c - a)
        agree = np.einsum('ti,ti->t', face, mesh.normals.mean(1))
        assert (agree[np.linalg.norm(face, axis=1) > 1e-6] > 0).all()
