"""What sensors measure of a depth map: where, how much, how well."""

from dataclasses import replace

import numpy as np
import pytest

from depth_models.data.sparse_patterns import (
    MOST_DENSITY,
    PATTERNS,
    PRESETS,
    Errors,
    Preset,
    corners,
    gradient,
    grid,
    measure,
    noisy,
    sample,
    scan_lines,
    uniform,
)
from depth_models.frames import Camera

H, W = 240, 320


@pytest.fixture(scope='module')
def scene():
    """A slanted wall behind two boxes, textured alike in the image; a corner is unknown."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:H, :W]
    depth = (3 + 0.01 * columns + 0.002 * rows).astype(np.float32)
    depth[60:160, 80:160], depth[120:200, 200:260] = 1.5, 2.0
    image = np.clip(40 * depth[..., None] + rng.normal(0, 3, (H, W, 3)), 0, 255).astype(np.uint8)
    depth[:40, :40] = np.nan
    return depth, image


def measured(sparse):
    return np.isfinite(sparse)


@pytest.mark.parametrize('name', PRESETS)
def test_presets_measure_truth_or_say_that_they_err(scene, name):
    depth, image = scene
    sparse = sample(name, np.random.default_rng(1), depth, image)
    assert sparse.shape == depth.shape and sparse.dtype == np.float32
    known = measured(sparse)
    assert not known[:40, :40].any() and (sparse[known] > 0).all()
    wrong = np.abs(sparse[known] - depth[known]) > 1e-6
    if name == 'uniform10_outliers':
        assert 0.08 < wrong.mean() < 0.12
    elif name == 'scanlines':  # at borders it sees behind; never before
        assert 0 < wrong.mean() < 0.1 and (sparse[known] >= depth[known]).all()
    else:
        assert not wrong.any()
    np.testing.assert_array_equal(sparse, sample(name, np.random.default_rng(1), depth, image))
    assert not np.array_equal(known, measured(sample(name, np.random.default_rng(2), depth, image)))


@pytest.mark.parametrize('density', [0.001, 0.01, 0.05, MOST_DENSITY])
@pytest.mark.parametrize('name', [name for name in PATTERNS if name != 'corners'])
def test_densities_are_what_is_asked_for(scene, name, density):
    depth, image = scene[0].copy(), scene[1]
    depth[:40, :40] = 3.0  # all known
    found = np.mean([measured(PATTERNS[name](np.random.default_rng(seed), depth, image, density)).mean()
                     for seed in range(4)])
    if name == 'grid':  # whole steps: 2 px are 25 %
        assert found == pytest.approx(1 / round(density ** -0.5) ** 2, rel=0.12)
    else:
        assert found == pytest.approx(density, rel=0.12 if density > 0.001 else 0.35)


def test_uniform_is_even(scene):
    depth = np.ones((400, 400), np.float32)
    known = measured(uniform(np.random.default_rng(0), depth, np.zeros((400, 400, 3), np.uint8), 0.1))
    parts = known.reshape(4, 100, 4, 100).mean((1, 3))
    assert parts.min() > 0.085 and parts.max() < 0.115


@pytest.mark.parametrize('of_depth', [False, True])
def test_gradients_are_measured_where_they_are(scene, of_depth):
    depth, image = scene
    known = measured(gradient(np.random.default_rng(0), depth, image, 0.01, of_depth=of_depth))
    border = np.zeros(depth.shape, bool)
    border[58:162, 78:162] = border[118:202, 198:262] = True
    border[63:157, 83:157] = border[123:197, 203:257] = False
    assert known[border].mean() > 5 * known[~border].mean()


def test_gradients_of_a_plain_image_are_measured_evenly():
    depth, image = np.ones((200, 200), np.float32), np.full((200, 200, 3), 90, np.uint8)
    found = measured(gradient(np.random.default_rng(0), depth, image, 0.1))
    assert found.mean() == pytest.approx(0.1, rel=0.1)


def test_a_grid_is_one(scene):
    depth, image = scene
    rows, columns = np.nonzero(measured(grid(np.random.default_rng(3), depth, image, 0.04)))
    assert set(np.diff(np.unique(rows))) == set(np.diff(np.unique(columns))) == {5}


def test_scan_lines_lie_at_constant_elevation(scene):
    depth, image = np.full((H, W), 2.0, np.float32), scene[1]
    camera = Camera(W, H, 200.0, 200.0, 159.5, 119.5)
    known = measured(scan_lines(np.random.default_rng(0), depth, image, 0.02, camera=camera))
    rows, columns = np.nonzero(known)
    stretch = np.hypot(1, (columns - camera.cx) / camera.fx)
    heights = np.sort((rows - camera.cy) / stretch)
    gaps = np.diff(heights)
    lines = np.split(heights, np.nonzero(gaps > 4)[0] + 1)
    assert len(lines) > 8
    assert all(np.ptp(line) < 1.01 for line in lines)  # what rounding to a row leaves
    middles = [line.mean() for line in lines]
    assert np.ptp(np.diff(middles)) < 2.0
    nearest = np.abs((rows - camera.cy) / stretch - np.array(middles)[:, None]).argmin(0)
    apart = np.concatenate([np.diff(np.sort(columns[nearest == line])) for line in range(len(middles))])
    assert np.median(apart) <= 4 and apart.min() >= 3
    assert (apart > 20).sum() >= 3  # pulses are lost in runs too


def test_lidars_see_behind_borders_only(scene):
    depth, image = scene
    sparse = scan_lines(np.random.default_rng(5), depth, image, 0.05, see_through=1.0)
    known = measured(sparse)
    behind = known & (sparse > depth + 0.5)
    assert behind.any() and np.isin(depth[behind], (1.5, 2.0)).all()  # on the boxes
    exact = scan_lines(np.random.default_rng(5), depth, image, 0.05, see_through=0.0)
    np.testing.assert_array_equal(measured(exact), known)
    np.testing.assert_array_equal(exact[known], depth[known])


def test_corners_are_at_corners_and_apart():
    depth, image = np.ones((H, W), np.float32), np.zeros((H, W, 3), np.uint8)
    image[50:100, 60:120] = image[150:190, 200:280] = 255
    rows, columns = np.nonzero(measured(corners(np.random.default_rng(1), depth, image, 0.002)))
    at = {(r, c) for r in (50, 100, 150, 190) for c in (60, 120, 200, 280)}
    assert 6 <= len(rows) <= 8  # of eight, not every one is matched
    assert all(min(abs(r - row) + abs(c - column) for r, c in at) <= 3 for row, column in zip(rows, columns))
    assert not measured(corners(np.random.default_rng(1), depth, np.zeros_like(image), 0.002)).any()


def test_noise_grows_with_depth_as_it_says():
    depth = np.repeat(np.array([2.0, 20.0], np.float32)[:, None], 40_000, axis=1)
    errors = Errors(constant=0.01, relative=0.001, quadratic=0.002)
    found = noisy(np.random.default_rng(0), depth, depth, errors)
    for row, expected in zip(found - depth, (0.01 + 0.002 + 0.008, 0.01 + 0.02 + 0.8)):
        assert row.std() == pytest.approx(expected, rel=0.02) and abs(row.mean()) < 0.03 * expected
    assert noisy(np.random.default_rng(0), depth, depth, Errors()) is depth


def test_outliers_are_anywhere_in_the_range_of_the_scene(scene):
    depth, image = scene
    errors = Errors(outliers=0.3)
    sparse = measure(Preset('uniform', 0.2, errors), np.random.default_rng(0), depth, image)
    wrong = measured(sparse) & (sparse != depth)
    assert wrong.sum() / measured(sparse).sum() == pytest.approx(0.3, abs=0.03)
    assert sparse[wrong].min() < 1.6 and sparse[wrong].max() > np.nanmax(depth) - 0.2
    assert np.nanmin(sparse) >= np.nanmin(depth) and np.nanmax(sparse) <= np.nanmax(depth)


def test_noise_never_puts_anything_behind_the_camera():
    depth = np.full((100, 100), 5.0, np.float32)
    assert (noisy(np.random.default_rng(0), depth, depth, Errors(constant=20.0)) > 0).all()


@pytest.mark.parametrize('wrong, says', [
    (lambda d, i: sample('gaussian', np.random.default_rng(0), d, i), 'preset must be one of .* gaussian'),
    (lambda d, i: uniform(np.random.default_rng(0), d, i, 0.5), 'density must lie in 0.001 to 0.2, got 0.5'),
    (lambda d, i: grid(np.random.default_rng(0), d, i[1:], 0.1), r'sizes differ: image \[239, 320\]'),
    (lambda d, i: Preset('spiral', 0.1), 'pattern must be one of uniform, .* got spiral'),
    (lambda d, i: replace(PRESETS['grid'], density=0.0), 'density must lie in .* got 0'),
    (lambda d, i: Errors(outliers=1.5), 'outliers must be a share in 0 to 1, got 1.5'),
    (lambda d, i: Errors(quadratic=-1.0), 'quadratic must be 0 or more and finite, got -1'),
])
def test_what_is_wrong_is_said(scene, wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong(*scene)
