"""Pictures: what is where, what is black, and that a sheet holds all its panels."""

import cv2
import numpy as np
import pytest

from depth_models.evaluation import pictures
from depth_models.frames import Camera
from depth_models.geometry import points_from_depth

NAN = np.nan
BLACK = [0, 0, 0]


def test_unknown_is_black_and_near_is_redder_than_far():
    disparity = np.array([[60.0, 3.0, NAN]], np.float32)
    depth = np.array([[1.0, 20.0, NAN]], np.float32)
    for panel in (pictures.disparity_panel(disparity), pictures.depth_panel(depth)):
        near, far, unknown = panel.picture[0].astype(int)
        assert near[0] > far[0] and far[2] > near[2]
        assert unknown.tolist() == BLACK


def test_the_depth_scale_is_in_metres_and_even_in_inverse_depth():
    bar = pictures.depth_panel(np.ones((2, 2), np.float32), near=1.0, far=5.0).bar
    assert bar.ticks == ((0.0, '5 m'), (0.25, '2.5 m'), (0.5, '1.67 m'), (0.75, '1.25 m'),
                         (1.0, '1 m'))


def test_errors_have_the_colours_of_kitti():
    target = np.array([[20.0, 20.0, 200.0, 20.0, NAN]], np.float32)
    estimate = target + np.array([[0.1, 3.5, 3.5, 50.0, 0.0]], np.float32)
    found = pictures.error_panel(estimate=estimate, target=target).picture[0].tolist()
    # 0.03 of the limit; 3.5 / 3 px; 3.5 of 200 px is 1.75 % = 0.35 of the limit; 50 / 3
    assert found == [[49, 54, 149], [254, 224, 144], [171, 217, 233], [165, 0, 38], BLACK]


def test_lone_points_grow_by_a_pixel_and_dense_maps_do_not():
    lone = np.full((4, 7), NAN, np.float32)
    lone[1, 1], lone[2, 5] = 3.0, 8.0
    np.testing.assert_array_equal(pictures.thickened(lone), [
        [3, 3, 3, NAN, NAN, NAN, NAN],
        [3, 3, 3, NAN, 8, 8, 8],
        [3, 3, 3, NAN, 8, 8, 8],
        [NAN, NAN, NAN, NAN, 8, 8, 8]])
    dense = np.ones((4, 4), np.float32)
    dense[2, 2] = NAN
    np.testing.assert_array_equal(pictures.thickened(dense), dense)


CAMERA = Camera(80, 60, 80.0, 80.0, 39.5, 29.5)


def scene(depth, marks):
    """Points and an image that is grey but for coloured marks [(rows and columns, colour)]."""
    image = np.full((60, 80, 3), 90, np.uint8)
    for place, colour in marks:
        image[place] = colour
    return points_from_depth(np.float32(depth), CAMERA), image


def centre_of(picture, colour):
    """Mean (row, column) of the pixels of a colour."""
    found = np.argwhere((picture == colour).all(-1))
    assert len(found)
    return found.mean(0)


def test_an_unmoved_view_of_a_wall_shows_the_image_itself():
    red, green = (255, 0, 0), (0, 255, 0)
    points, image = scene(np.full((60, 80), 4.0), [(np.s_[13:16, 19:22], red),
                                                   (np.s_[43:46, 59:62], green)])
    picture = pictures.cloud_panel(points, image, raised=0, turned=0).picture
    # the view is scaled about the image centre (29.5, 39.5): marks keep their directions from it
    offset_red = centre_of(picture, red) - (29.5, 39.5)
    offset_green = centre_of(picture, green) - (29.5, 39.5)
    ratio = offset_red / (np.array([14, 20]) - (29.5, 39.5))
    np.testing.assert_allclose(ratio, ratio[0], rtol=0.1)
    np.testing.assert_allclose(offset_green / (np.array([44, 60]) - (29.5, 39.5)), ratio, rtol=0.1)


def test_from_above_what_is_farther_on_the_ground_appears_higher():
    near, far = (255, 0, 0), (0, 255, 0)
    rows = np.arange(60)[:, None] - 29.5
    depth = np.where(rows > 2, 1.0 * 80 / np.maximum(rows, 1), NAN) * np.ones((1, 80))
    points, image = scene(depth, [(np.s_[50:53, 38:41], near), (np.s_[34:37, 38:41], far)])
    picture = pictures.cloud_panel(points, image, raised=30, turned=0).picture
    assert centre_of(picture, far)[0] < centre_of(picture, near)[0]


def test_swung_to_the_side_a_near_thing_moves_against_the_wall_behind_it():
    thing, mark = (255, 0, 0), (0, 255, 0)
    depth = np.full((60, 80), 4.0)
    depth[25:35, 35:45] = 2.0
    points, image = scene(depth, [(np.s_[25:35, 35:45], thing), (np.s_[10:14, 38:42], mark)])
    seen = {turned: pictures.cloud_panel(points, image, raised=0, turned=turned).picture
            for turned in (-15, 15)}
    apart = {turned: centre_of(picture, thing)[1] - centre_of(picture, mark)[1]
             for turned, picture in seen.items()}
    assert apart[15] * apart[-15] < 0 and abs(apart[15]) > 3


def test_nearer_points_hide_farther_ones():
    front = (255, 0, 0)
    depth = np.full((60, 80), 8.0)
    depth[20:40, 30:50] = 2.0
    points, image = scene(depth, [(np.s_[20:40, 30:50], front)])
    picture = pictures.cloud_panel(points, image, raised=0, turned=0).picture
    row, column = centre_of(picture, front).round().astype(int)
    assert (picture[row - 3:row + 4, column - 3:column + 4] == front).all()


def test_a_cloud_without_points_is_an_empty_picture():
    points, image = scene(np.full((60, 80), NAN), [])
    picture = pictures.cloud_panel(points, image, size=(30, 50)).picture
    assert picture.shape == (30, 50, 3) and len(np.unique(picture.reshape(-1, 3), axis=0)) == 1


def test_a_sheet_holds_every_panel_in_its_place_and_can_be_written(tmp_path):
    red, blue = (np.full((40, 60, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    picture = pictures.sheet('two panels', [
        pictures.photo(red, 'first'), pictures.photo(blue, 'second'),
        pictures.disparity_panel(np.full((40, 60), 7.0, np.float32))],
        columns=2, panel_width=120, note='a note')
    first, second = centre_of(picture, (255, 0, 0)), centre_of(picture, (0, 0, 255))
    assert first[0] == second[0] and second[1] > first[1] + 120
    assert ((picture == (255, 0, 0)).all(-1)).sum() == 80 * 120
    pictures.save(tmp_path / 'sheet.png', picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'sheet.png'))[..., ::-1], picture)


def test_columns_without_bars_leave_no_room_for_them():
    image = np.zeros((40, 60, 3), np.uint8)
    photo, map_ = pictures.photo(image), pictures.disparity_panel(np.ones((40, 60), np.float32))

    def width(*panels):
        return pictures.sheet('x', list(panels), columns=2, panel_width=100).shape[1]

    assert width(photo, photo) == 2 * 136 < width(photo, map_) < width(map_, map_)
    assert width(photo, map_, photo, photo) == width(photo, map_)
    assert width(photo, map_, photo) == width(photo, map_)  # and the empty place is as wide


def test_an_empty_sheet_and_an_unwritable_place_are_refused(tmp_path):
    with pytest.raises(ValueError, match='at least one panel'):
        pictures.sheet('nothing', [])
    with pytest.raises(OSError, match='could not be written'):
        pictures.save(tmp_path / 'missing' / 'x.png', np.zeros((2, 2, 3), np.uint8))
