"""Furnished rooms: libraries are read to scale, things stand where people put them, lamps light them."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip('embreex', reason='worlds are ray-cast by embreex (pip install depth_nodes[train])')
pytest.importorskip('trimesh')

from furniture_libraries import PIECES, write_library

from depth_models.data.depth_datasets import GeneratedViews
from depth_models.data.scene_shares import SceneShares
from depth_models.data.world import homes, rays, shapes, views
from depth_models.data.world.furniture import open_library
from depth_models.data.world.materials import draw_materials
from depth_models.data.world.places import Place
from depth_models.data.world.room import Room
from depth_models.data.world.scenes import Scene, draw_scene
from depth_models.data.world.things import Builder
from depth_models.frames import Camera

HOMES = SceneShares(room=0, outdoors=0, table=0, floating=0, home=1)
SEEDS = range(12)
DOWN = np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]], np.float32)  # a camera that looks at the floor


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp('furniture'))


@pytest.fixture(scope='module')
def library(folder):
    return open_library(folder)


def named(library, name):
    return next(piece for piece in library.pieces if piece.name == name)


def test_a_library_is_read_as_its_table_says(library):
    assert [piece.name for piece in library.pieces] == [row[0] for row in PIECES if row[0] != 'Exterior door']
    upper = named(library, 'Upper cabinet')
    assert upper.size == (0.6, 0.35, 0.7)
    assert upper.elevation == 1.4
    assert named(library, 'Chair').top == 0.45  # where one sits, not where its back ends
    assert named(library, 'Sofa').top == 0.8
    assert named(library, 'Plant').top is None


def test_a_piece_stands_on_the_origin_in_its_size_with_its_front_to_y(library):
    body, front = sorted(named(library, 'Lower cabinet').parts, key=lambda part: part.bright[1], reverse=True)
    corners = np.concatenate([part.mesh.corners.reshape(-1, 3) for part in (body, front)])
    np.testing.assert_allclose(corners.min(0), [-0.3, -0.3, 0], atol=1e-6)
    np.testing.assert_allclose(corners.max(0), [0.3, 0.3, 0.88], atol=1e-6)
    assert front.mesh.corners[..., 1].min() == pytest.approx(0.24, abs=1e-6)  # a tenth of its depth
    np.testing.assert_allclose(front.bright, [1.0, 0.0009, 0.0009], atol=1e-6)
    outwards = body.mesh.corners.mean(1) - body.mesh.corners.reshape(-1, 3).mean(0)
    assert (np.einsum('ni,ni->n', outwards, body.mesh.normals.mean(1)) > 0).all()


def test_without_a_library_the_error_says_what_to_install(tmp_path):
    with pytest.raises(FileNotFoundError, match='apt install sweethome3d-furniture'):
        open_library(tmp_path)


@pytest.mark.parametrize('seed', SEEDS)
def test_things_stand_in_the_room_and_the_camera_between_them(library, seed):
    build = Builder(np.random.default_rng([1, seed]))
    room, _ = homes.furnish(build, library)
    half = room.size[:2] / 2
    for mesh in build.meshes[homes.SHELL:]:
        flat = mesh.corners.reshape(-1, 3)
        assert (np.abs(flat[:, :2]) < half + 0.35).all()
        assert flat[:, 2].min() > -0.05
    for place in (homes.stand(room) for _ in range(20)):
        assert (np.abs(place.eye[:2]) < half).all()
        assert 0.25 < place.eye[2] < 2.0
        assert np.linalg.norm(place.target - place.eye) > 0.5


def test_some_cameras_look_over_tables_at_the_room_behind_them(library):
    seen = []
    for seed in range(12):
        build = Builder(np.random.default_rng([6, seed]))
        room, _ = homes.furnish(build, library)
        places = [homes.stand(room) for _ in range(40)]
        over = [place for place in places if place.clear == homes.NEAR_A_TABLE]
        seen.append((bool(room.tables), len(over)))
        for place in over:
            away = [np.abs(table.turn.T @ (place.eye - table.at))[:2] - table.size[:2] / 2
                    for table in room.tables]
            nearest = int(np.argmin([beside.max() for beside in away]))
            assert away[nearest].max() < 0.65
            assert 0.25 < place.eye[2] - room.tables[nearest].size[2] < 1.0
    assert all(count == 0 for tables, count in seen if not tables)
    counts = [count for tables, count in seen if tables]
    assert counts and 0.2 < np.mean(counts) / 40 < 0.5


def test_there_are_all_kinds_of_rooms_and_kitchens_have_worktops_along_a_wall(library):
    kinds = set()
    for seed in range(60):
        build = Builder(np.random.default_rng([2, seed]))
        room, kind = homes.furnish(build, library)
        kinds.add(kind)
        if kind == 'kitchen':
            assert any(_is_worktop(mesh, room.size) for mesh in build.meshes)
    assert kinds == {'kitchen', 'living', 'office', 'bedroom', 'bathroom'}


def _is_worktop(mesh: shapes.Mesh, size: np.ndarray) -> bool:
    flat = mesh.corners.reshape(-1, 3)
    low, high = flat.min(0), flat.max(0)
    at_a_wall = (np.abs(np.abs([low[:2], high[:2]]) - size[:2] / 2) < 1e-5).any()
    return bool(at_a_wall and 0.7 < low[2] < high[2] < 1.01 and (high - low)[:2].max() > 0.5 * size[:2].min())


def test_nothing_is_put_where_something_stands(library):
    room = Room(Builder(np.random.default_rng(3)), library, np.array([4.0, 3.0, 2.5]))
    assert room.take(np.array([0.0, 0, 0]), np.eye(3), (1.0, 1.0, 0.7))
    assert not room.take(np.array([0.9, 0, 0]), np.eye(3), (1.0, 1.0, 0.7))
    assert room.take(np.array([1.1, 0, 0]), np.eye(3), (1.0, 1.0, 0.7))
    assert not room.take(np.array([-1.8, 0, 0]), np.eye(3), (1.0, 0.5, 0.7))  # through the wall
    assert room.take(np.array([-1.7, 0, 0]), room.turn(1), (1.0, 0.5, 0.7))  # turned along it


@pytest.mark.parametrize('wall', range(4))
def test_a_wall_is_where_the_room_ends_and_faces_into_it(library, wall):
    room = Room(Builder(np.random.default_rng(3)), library, np.array([4.0, 3.0, 2.5]))
    at = room.foot(wall, 0.0)
    assert np.linalg.norm(at) == pytest.approx((1.5, 2.0)[wall % 2])
    np.testing.assert_allclose(room.turn(wall) @ [0, 1, 0], -at / np.linalg.norm(at), atol=1e-12)


def test_the_same_state_of_the_generator_gives_the_same_view(folder):
    one, two = (GeneratedViews(4, seed=5, size=(48, 64), scenes=HOMES, furniture=folder)[2] for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.depth, two.depth)
    other = GeneratedViews(4, seed=5, size=(48, 64), scenes=HOMES, furniture=folder)[3]
    assert (one.depth != other.depth).any()


def test_views_of_homes_are_near_and_lit(folder):
    seen = GeneratedViews(12, seed=6, size=(48, 64), scenes=HOMES, furniture=folder)
    assert all(np.isfinite(view.depth).all() for view in seen)  # no sky in a room
    assert 0.7 < np.median([np.median(view.depth) for view in seen]) < 4
    assert 60 < np.mean([view.image.mean() for view in seen]) < 200


def lamp_over(*meshes: shapes.Mesh, high: float = 2.0, **changes) -> np.ndarray:
    """Light on a plain floor [48,48] below a lamp at 0, 0, high; there is a ceiling above it."""
    floor = shapes.box((20, 20, 0.1)).moved(np.eye(3), np.array([0, 0, -0.05]))
    ceiling = shapes.box((20, 20, 0.1)).moved(np.eye(3), np.array([0, 0, high + 1.0]))
    every = [floor, ceiling, *meshes]
    materials = draw_materials(np.random.default_rng(4), np.ones(len(every))).painted(
        {number: (np.full(3, 0.5), np.full(3, 0.5)) for number in range(len(every))})
    scene = Scene(
        mesh=shapes.joined(every),
        material=np.repeat(np.arange(len(every)), [len(mesh.corners) for mesh in every]),
        materials=dataclasses.replace(materials, gloss=np.zeros(len(every), np.float32)),
        lights=np.array([[0, 0, high]], np.float32), strengths=np.ones((1, 3), np.float32),
        ambient=np.zeros(3, np.float32), sky=np.ones((2, 3), np.float32),
        places=(Place(np.array([0, 0, 1], np.float32), np.zeros(3, np.float32)),), shadows=1)
    scene = dataclasses.replace(scene, **changes)
    camera = Camera(48, 48, 24.0, 24.0, 23.5, 23.5)
    return views.see(rays.World(scene), camera, rays.Pose(scene.places[0].eye, DOWN))[0][..., 0] / 255


def test_a_lamp_below_a_ceiling_lights_the_floor_and_what_stands_between_does_not_let_it():
    assert lamp_over()[24, 24] == pytest.approx(0.5, rel=0.01)
    plate = shapes.box((0.3, 0.3, 0.02)).moved(np.eye(3), np.array([0, 0, 1.5]))  # behind the camera
    shaded = lamp_over(plate)
    assert shaded[24, 24] == 0
    assert shaded[24, 2] > 0.2  # beyond its shadow, which reaches to 0.6 m


def test_the_light_of_lamps_falls_with_the_square_of_the_distance():
    near, far = (lamp_over(high=high, falling=True)[24, 24] for high in (2.0, 4.0))
    assert near == pytest.approx(0.5, rel=0.01)
    assert far == pytest.approx(near / 4, rel=0.02)


def test_ambient_light_is_less_where_something_is_near():
    wall = shapes.box((0.1, 20, 20)).moved(np.eye(3), np.array([-1.0, 0, 0]))
    lit = lamp_over(wall, ambient=np.ones(3, np.float32), strengths=np.zeros((1, 3), np.float32),
                    occlusion=64)
    middle = lit[8:40]
    assert middle[:, 2].mean() < 0.8 * middle[:, 40].mean()  # beside the wall, and away from it
    alone = lamp_over(wall, ambient=np.ones(3, np.float32), strengths=np.zeros((1, 3), np.float32))
    assert alone[24, 2] == pytest.approx(alone[24, 40], rel=0.01)


def test_hidden_light_is_no_noise_and_stays_on_its_own_surface():
    block = shapes.box((20, 1, 0.5)).moved(np.eye(3), np.array([0, 0.5, 0.25]))  # along a row of the image
    lit = lamp_over(block, ambient=np.ones(3, np.float32), strengths=np.zeros((1, 3), np.float32),
                    occlusion=8)
    top, beside, away = lit[17], lit[26], lit[44]
    assert top.mean() > 1.15 * beside.mean()  # the floor right beside it, of the same colour
    assert away.mean() > 1.15 * beside.mean()
    for row in (top, beside, away):
        assert row[4:44].std() < 0.035 * row.mean()  # of eight rays alone it is 0.17


def chosen(**wanted) -> np.ndarray:
    """Where the camera is of a scene with two places: 0.2 m before a wall, and 3 m, where a box shows too."""
    wall = shapes.box((20, 0.1, 20)).moved(np.eye(3), np.array([0, 5.05, 0]))
    block = shapes.box((1, 1, 1)).moved(np.eye(3), np.array([1, 4.5, 0]))
    rng = np.random.default_rng(5)
    scene = Scene(
        mesh=shapes.joined([wall, block]), material=np.repeat([0, 1], len(wall.corners)),
        materials=draw_materials(rng, np.ones(2)), lights=np.zeros((1, 3), np.float32),
        strengths=np.ones((1, 3), np.float32), ambient=np.zeros(3, np.float32),
        sky=np.ones((2, 3), np.float32), shadows=0,
        places=tuple(Place(np.array([0, y, 0]), np.array([0, 5.0, 0]), **wanted) for y in (4.8, 2.0)))
    return views.draw_camera(rng, rays.World(scene), (48, 64))[1].eye


def test_a_camera_stands_where_it_has_room_before_it():
    assert chosen(clear=0.1)[1] == pytest.approx(4.8)
    assert chosen(clear=0.5)[1] == pytest.approx(2.0)
    assert chosen(clear=9.0)[1] == pytest.approx(2.0)  # nowhere is room: the last one


def test_a_camera_stands_where_enough_things_show():
    assert chosen(things=1)[1] == pytest.approx(4.8)
    assert chosen(things=2)[1] == pytest.approx(2.0)
    assert chosen(things=3)[1] == pytest.approx(2.0)


def test_a_home_without_furniture_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='sweethome3d'):
        draw_scene(np.random.default_rng(1), HOMES, tmp_path)
