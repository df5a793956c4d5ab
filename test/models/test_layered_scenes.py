"""What the generated pairs promise: disparity that is exactly true of the two images."""

import cv2
import numpy as np
import pytest

from depth_models.data.layered_scenes import (
    LEAST_DISPARITY,
    draw_surfaces,
    render_stereo,
)
from depth_models.data.looks import draw_looks, paint
from depth_models.data.surfaces import Bump, Surface, nearest_surfaces, seen_by_both

SIZE = (96, 160)
EVERYWHERE = (0, 0, 400, 96)


def both_views(surfaces):
    return [nearest_surfaces(surfaces, SIZE, right) for right in (False, True)]


def painted_scene(seed):
    """A random scene without camera effects: its surfaces, both views and both pictures."""
    rng = np.random.default_rng(seed)
    surfaces = draw_surfaces(rng, SIZE, 192.0)
    looks = draw_looks(rng, surfaces, SIZE)
    views = both_views(surfaces)
    return surfaces, views, [paint(looks, *view, right=r) for view, r in zip(views, (0, 1))]


def covers(surface, x, y):
    """Whether points of the left plane lie on the surface."""
    x0, y0, x1, _ = surface.box
    if surface.mask is None:
        return (x > x0 - 0.5) & (x < x1 - 0.5)
    rows = np.broadcast_to(y - y0, x.shape).astype(np.float32)
    return cv2.remap(surface.mask, np.float32(x - x0), rows, cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_CONSTANT, borderValue=0) > 127


def by_exhaustion(surfaces, disparity):
    """Visible where no surface at the right column of the point is nearer; no grid involved."""
    height, width = disparity.shape
    y = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None] - disparity
    hidden = np.zeros(disparity.shape, bool)
    for surface in surfaces:
        x = surface.left_columns(columns, y)
        hidden |= covers(surface, x, y) & (x - columns > disparity + 1e-3)
    return ~hidden & (columns > -0.5) & (columns < width - 0.5)


def far_from_edges(index, visible, by):
    """Pixels with one visible surface all around them."""
    around = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    edge = cv2.morphologyEx(index, cv2.MORPH_GRADIENT, around) > 0
    return cv2.erode((visible & ~edge).astype(np.uint8), around, borderValue=0) > 0


def test_the_nearer_surface_is_seen_in_both_views_and_hides_what_its_disparity_says():
    board = Surface(0.0, 0.0, 21.0, (80, 20, 110, 60))
    (left, disparity), (right, _) = both_views([Surface(0.0, 0.0, 6.0, EVERYWHERE), board])
    assert (left[20:60, 80:110] == 1).all() and (left == 1).sum() == 40 * 30
    assert (right[20:60, 59:89] == 1).all() and (right == 1).sum() == 40 * 30  # 80 - 21 = 59
    assert disparity[40, 90] == 21.0 and disparity[40, 70] == 6.0
    hidden = ~seen_by_both((left, disparity), (right, both_views([board])[1][1]))
    # a background point x is seen at x - 6, which the board covers from 59 to 88: x = 65 to 94
    assert hidden[40, 65:80].all() and not hidden[40, 6:65].any() and not hidden[40, 80:].any()
    assert hidden[40, :6].all()  # outside the right image


def test_a_slanted_plane_has_the_disparity_of_its_equation_in_both_views():
    plane = Surface(0.2, -0.1, 30.0, EVERYWHERE)
    (_, left), (_, right) = both_views([plane])
    assert left[50, 100] == pytest.approx(0.2 * 100 - 0.1 * 50 + 30, abs=1e-4)  # 45
    # left column 100 lies at right column 55, and shows the same disparity there
    assert right[50, 55] == pytest.approx(45.0, abs=1e-4)


@pytest.mark.parametrize('bump', [
    Bump(6.0, 90.0, 40.0, 50.0, 35.0), Bump(-5.0, 90.0, 40.0, 40.0, np.inf),
    Bump(4.0, 80.0, 40.0, np.inf, 30.0), Bump(2.5, 70.0, 40.0, 12.0, -30.0, wave=True)])
def test_the_point_found_for_a_right_column_projects_back_to_that_column(bump):
    surface = Surface(0.15, 0.1, 20.0, EVERYWHERE, bump=bump)
    columns = np.arange(160, dtype=np.float32)[None]
    y = np.arange(96, dtype=np.float32)[:, None]
    x = surface.left_columns(columns, y)
    np.testing.assert_allclose(x - surface.disparity(x, y),
                               np.broadcast_to(columns, x.shape), atol=1e-3)
    step = np.diff(x, axis=1)
    assert (step > 0).all()  # nothing folds over
    slope = np.diff(surface.bump.at(x, y)[0], axis=1) / step
    middle = (x[:, 1:] + x[:, :-1]) / 2
    np.testing.assert_allclose(surface.bump.at(middle, y)[1], slope, atol=2e-2)


@pytest.mark.parametrize('seed', range(6))
def test_the_right_picture_moved_by_the_disparity_is_the_left_picture(seed):
    surfaces, views, (left, right) = painted_scene(seed)
    disparity = views[0][1]
    inner = far_from_edges(views[0][0], by_exhaustion(surfaces, disparity), by=3)
    assert inner.sum() > 300
    y, x = np.mgrid[:SIZE[0], :SIZE[1]].astype(np.float32)

    def residual(extra):
        moved = cv2.remap(right, x - disparity + np.float32(extra), y, cv2.INTER_CUBIC)
        return np.abs(moved - left)[inner].mean()

    assert residual(0.0) < 1.0
    assert residual(0.0) < 0.6 * min(residual(-0.5), residual(0.5))


@pytest.mark.parametrize('seed', range(6))
def test_visible_is_what_testing_every_surface_at_every_point_says(seed):
    surfaces, views, _ = painted_scene(seed)
    expected = by_exhaustion(surfaces, views[0][1])
    assert 0.02 < (~expected).mean() < 0.9
    assert (seen_by_both(*views) == expected).mean() > 0.97
    # what differs lies at the border of the hidden regions, not in them
    border = cv2.morphologyEx(expected.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5))) > 0
    assert (seen_by_both(*views) == expected)[~border].mean() > 0.995


def test_disparity_stays_in_range_and_uses_it():
    found = [render_stereo(np.random.default_rng(seed), (64, 128), 96.0) for seed in range(40)]
    values = np.stack([sample.disparity for sample in found])
    assert values.min() >= LEAST_DISPARITY - 1e-3 and values.max() <= 96.0
    assert np.quantile(values, 0.5) > 8 and np.quantile(values, 0.99) > 60


def test_a_sample_has_the_promised_forms():
    sample = render_stereo(np.random.default_rng(3), (50, 70), 64.0)
    for image in (sample.left, sample.right):
        assert image.dtype == np.uint8 and image.shape == (50, 70, 3)
    assert sample.disparity.dtype == np.float32 and sample.disparity.shape == (50, 70)
    assert sample.visible.dtype == np.bool_ and sample.visible.shape == (50, 70)


def test_the_same_seed_gives_the_same_pair_and_another_one_another():
    first, again, other = (render_stereo(np.random.default_rng([5, k]), (48, 64)) for k in (2, 2, 3))
    np.testing.assert_array_equal(first.left, again.left)
    np.testing.assert_array_equal(first.right, again.right)
    np.testing.assert_array_equal(first.disparity, again.disparity)
    assert not np.array_equal(first.disparity, other.disparity)


@pytest.mark.parametrize('searched', [16, 40, 59])
def test_a_short_range_is_kept_to(searched):
    for seed in range(12):
        disparity = render_stereo(np.random.default_rng([7, seed]), (32, 48), searched).disparity
        assert disparity.min() >= LEAST_DISPARITY - 1e-3
        assert disparity.max() <= searched


def test_a_size_too_small_is_refused_with_the_rule():
    with pytest.raises(ValueError, match='at least 16 x 16 px'):
        render_stereo(np.random.default_rng(0), (8, 64))
