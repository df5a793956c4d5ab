"""What a low-resolution sensor gives of a known map: cells, and each of its errors by itself."""

import numpy as np
import pytest

from depth_models.data.degradation import (
    CLEAN,
    NOISY,
    SENSOR,
    Degradation,
    bled,
    cell_means,
    low_res_of,
    noised,
    punctured,
    quantized,
    whole_cells,
)
from depth_models.frames import Camera

NAN = np.float32(np.nan)


def rng(seed=1):
    return np.random.default_rng(seed)


def flat(size=(200, 240), depth=2.0):
    return np.full(size, depth, np.float32)


# --- cells


def test_a_cell_is_the_mean_of_its_known_pixels_and_missing_with_under_half_of_them():
    depth = np.float32([[1, 2, 5, 5, 9], [3, NAN, NAN, NAN, 9], [8, NAN, 4, -1, 9], [NAN, NAN, 0, 2, 9],
                        [9, 9, 9, 9, 9]])
    np.testing.assert_array_equal(cell_means(depth, 2), np.float32([[2, 5], [NAN, 3]]))
    assert cell_means(depth, 2).dtype == np.float32


def test_cells_see_what_the_resized_camera_sees():
    camera = Camera(64, 48, 50.0, 51.0, 30.7, 22.2)
    small = camera.resized(16, 12)
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    # a plane whose depth is linear in the image: the mean of a cell is that of its centre
    rays = 4 + (columns - camera.cx) / camera.fx + 0.5 * (rows - camera.cy) / camera.fy
    u, v = np.meshgrid(np.arange(16), np.arange(12))
    expected = 4 + (u - small.cx) / small.fx + 0.5 * (v - small.cy) / small.fy
    np.testing.assert_allclose(cell_means(rays.astype(np.float32), 4), expected, rtol=1e-6)


def test_rows_and_columns_that_make_no_cell_are_left_out_of_everything():
    assert low_res_of(rng(), flat((203, 241)), 8).shape == (25, 30)
    assert whole_cells(np.zeros((203, 241, 3), np.uint8), 8).shape == (200, 240, 3)
    for factor, shape in ((9, (8, 100)), (0, (8, 8))):
        with pytest.raises(ValueError, match='factor must lie in 1 to the smaller side of'):
            whole_cells(flat(shape), factor)


def test_clean_is_the_means_and_draws_nothing():
    generator = rng()
    before = generator.bit_generator.state
    depth = rng().uniform(1, 4, (40, 40)).astype(np.float32)
    np.testing.assert_array_equal(low_res_of(generator, depth, 4, CLEAN), cell_means(depth, 4))
    assert generator.bit_generator.state == before


# --- errors


def test_noise_has_the_sigma_that_is_said_and_leaves_depth_positive():
    near = noised(rng(), flat(depth=2.0), 4.0, Degradation(gaussian=0.03))
    assert np.std(near) == pytest.approx(0.12, rel=0.02) and np.mean(near) == pytest.approx(2, abs=0.002)
    squared = noised(rng(), flat(depth=6.0), 3.0, Degradation(quadratic=0.01))
    assert np.std(squared) == pytest.approx(0.01 * 36 / 3, rel=0.02)
    both = noised(rng(), flat(depth=6.0), 3.0, Degradation(gaussian=0.03, quadratic=0.01))
    assert np.std(both) == pytest.approx(np.hypot(0.09, 0.12), rel=0.02)
    heavy = noised(rng(), flat(depth=2.0), 2.0, Degradation(gaussian=3.0))
    assert heavy.min() == pytest.approx(0.2) and heavy.dtype == np.float32


def test_steps_are_even_in_depth_or_in_inverse_depth():
    depth = np.linspace(0.5, 8, 4000, dtype=np.float32)[None]
    even = np.unique(quantized(depth, 0.25, inverse=False))
    np.testing.assert_allclose(np.diff(even), 0.25, rtol=1e-5)
    inverse = np.unique(1 / quantized(depth, 0.05, inverse=True))
    np.testing.assert_allclose(np.diff(inverse), 0.05, rtol=1e-4)
    assert np.abs(quantized(depth, 0.25, inverse=False) - depth).max() <= 0.1251
    assert quantized(np.float32([[0.01]]), 0.25, inverse=False) == 0.25  # not 0: that would be missing
    # a step has the same size at the median either way
    frame = np.linspace(1.9, 2.1, 400 * 400, dtype=np.float32).reshape(400, 400)
    for inverse_steps in (False, True):
        found = np.unique(low_res_of(rng(), frame, 2, Degradation(step=0.02, inverse_steps=inverse_steps)))
        assert np.median(np.diff(found)) == pytest.approx(0.04, rel=0.06)


def test_holes_have_their_share_alone_and_in_blobs():
    found = punctured(rng(), flat((300, 300)), 0.2)
    missing = np.isnan(found)
    assert missing.mean() == pytest.approx(0.2, abs=0.02)
    around = sum(np.roll(missing, shift, axis) for axis in (0, 1) for shift in (-1, 1))
    # of holes without a pattern (0.8)^4 = 41 % would lie alone, and 0.2 % have four around them
    assert 0.2 < (around[missing] == 0).mean() < 0.4 and (around[missing] == 4).mean() > 0.05
    assert np.isnan(punctured(rng(), flat(), 1.0)).all()


def test_bleeding_moves_cells_at_edges_towards_the_other_surface_and_no_others():
    low_res = flat((100, 100))
    low_res[:, 50:] = 4.0
    low_res[60:70] = NAN
    found = bled(rng(), low_res, 0.5)
    edge = np.zeros_like(low_res, bool)
    edge[:, 49:51] = True
    edge &= np.isfinite(low_res)
    np.testing.assert_array_equal(found[~edge], low_res[~edge])
    moved = edge & (found != low_res)
    assert 0.25 < moved[edge].mean() < 0.75
    away = np.abs(found - low_res)[moved]
    assert away.max() <= 0.5 * 2 and away.mean() == pytest.approx(0.5, rel=0.25)
    slanted = np.broadcast_to(np.linspace(2, 6, 100, dtype=np.float32), (100, 100))
    np.testing.assert_array_equal(bled(rng(), slanted, 1.0), slanted)


def test_all_of_it_is_the_same_of_the_same_seed_and_in_any_unit():
    depth = rng(5).uniform(1, 4, (80, 120)).astype(np.float32)
    depth[:20, :20] = NAN
    one, again, other = (low_res_of(rng(seed), depth, 4, SENSOR) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other, equal_nan=True)
    assert np.isnan(one[:5, :5]).all()
    np.testing.assert_allclose(low_res_of(rng(), 1024 * depth, 4, SENSOR), 1024 * one, rtol=1e-6)
    assert np.isnan(low_res_of(rng(), np.full_like(depth, NAN), 4, SENSOR)).all()
    error = (one - cell_means(depth, 4))[np.isfinite(one)]
    assert 0.04 < np.sqrt(np.mean(error ** 2)) / 2.5 < 0.09


def test_noise_alone_leaves_no_holes_and_is_no_worse_at_edges():
    depth = np.repeat(flat((400, 400)), 4, axis=0)
    depth[:, 200:] = 3.0

    def at_edge(degradation):
        error = np.abs(low_res_of(rng(), depth, 4, degradation) - cell_means(depth, 4))
        return np.nanmean(error[:, 49:51]) / np.nanmean(error), np.isnan(error).mean()

    (worse, holes), (much_worse, more_holes) = at_edge(NOISY), at_edge(SENSOR)
    assert holes == 0 and more_holes == pytest.approx(0.05, abs=0.01)
    assert worse == pytest.approx(1, abs=0.1) and much_worse > 1.5


@pytest.mark.parametrize(('name', 'value', 'expected'), [
    ('gaussian', -0.1, 'gaussian must be 0 or more'), ('quadratic', np.inf, 'quadratic must be 0 or more'),
    ('step', np.nan, 'step must be 0 or more'), ('holes', 1.1, 'holes must lie in 0 to 1'),
    ('bleeding', -1, 'bleeding must lie in 0 to 1')])
def test_strengths_that_make_no_sense_are_refused(name, value, expected):
    with pytest.raises(ValueError, match=expected):
        Degradation(**{name: value})
