"""Enlarging without learning: places kept, holes filled, edges of the image followed, noise averaged."""

import cv2
import numpy as np
import pytest

from depth_models.data.degradation import cell_means
from depth_models.evaluation import upsampling
from depth_models.evaluation.upsampling import METHODS, enlarged, holes_filled

NAN = np.float32(np.nan)
GUIDED = ['joint_bilateral', 'guided_filter']


def grey(values):
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=2)


def scene(size=(64, 96), edge=42):
    """Two walls, near and dark, far and bright, with a slanted border that no grid of cells follows."""
    columns, rows = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    far = columns + rows // 3 > edge
    return np.where(far, np.float32(4), np.float32(2)), grey(np.where(far, 200, 40))


def rmse(found, depth):
    return float(np.sqrt(np.mean((found - depth) ** 2)))


@pytest.mark.parametrize('factor', [2, 4, 8])
@pytest.mark.parametrize('method', METHODS)
def test_what_is_even_stays_so_and_a_slant_stays_in_its_place(method, factor):
    image = grey(np.full((64, 96), 120))
    flat = enlarged(method, np.full((64 // factor, 96 // factor), 2.5, np.float32), image, noisy=True)
    assert flat.shape == (64, 96) and flat.dtype == np.float32
    np.testing.assert_allclose(flat, 2.5, rtol=1e-5)
    slanted = np.broadcast_to(np.linspace(2, 5, 96, dtype=np.float32), (64, 96))
    error = enlarged(method, cell_means(slanted, factor), image) - slanted
    inside = error[2 * factor:-2 * factor, 2 * factor:-2 * factor]
    step = 3 / 95 * factor  # from cell to cell
    assert abs(inside.mean()) < 1e-3 * step  # half a pixel off would be half of 1 / factor
    assert np.abs(inside).max() <= (0.51 * step if method == 'nearest' else 0.05 * step)


@pytest.mark.parametrize('method', GUIDED)
def test_what_looks_at_the_image_has_sharper_edges_than_interpolation(method):
    depth, image = scene()
    low_res = cell_means(depth, 4)
    even = grey(np.full(depth.shape, 120))
    seeing, blind, bicubic = (rmse(enlarged(name, low_res, guide), depth) for name, guide in (
        (method, image), (method, even), ('bicubic', image)))
    assert seeing < 0.9 * bicubic and seeing < blind


@pytest.mark.parametrize('method', GUIDED)
def test_noise_is_averaged_where_it_is_known_to_be_there(method):
    depth, image = scene()
    noisy = cell_means(depth, 4)
    noisy += np.random.default_rng(1).normal(0, 0.1, noisy.shape).astype(np.float32)
    as_if_clean, known = (rmse(enlarged(method, noisy, image, noisy=is_noisy), depth)
                          for is_noisy in (False, True))
    assert known < 0.95 * as_if_clean < rmse(enlarged('bicubic', noisy, image), depth)


def test_the_guided_filter_is_that_of_the_equations():
    rng = np.random.default_rng(2)
    image = rng.integers(0, 255, (12, 12, 3), np.uint8)
    low_res = rng.uniform(1, 3, (3, 3)).astype(np.float32)
    found = enlarged('guided_filter', low_res, image, noisy=True)
    radius, epsilon = round(4 * upsampling.GUIDED[True].radius), upsampling.GUIDED[True].epsilon
    pad = [(radius, radius)] * 2
    colours = np.pad(image / 255, [*pad, (0, 0)], 'symmetric')
    depth = np.pad(enlarged('bicubic', low_res, image).astype(np.float64), pad, 'symmetric')
    side = 2 * radius + 1
    slope, offset = np.zeros((12, 12, 3)), np.zeros((12, 12))
    for row, column in np.ndindex(12, 12):
        window = (slice(row, row + side), slice(column, column + side))
        guide, values = colours[window].reshape(-1, 3), depth[window].ravel()
        slope[row, column] = np.linalg.solve(np.cov(guide.T, bias=True) + epsilon * np.eye(3),
                                             guide.T @ values / side ** 2 - guide.mean(0) * values.mean())
        offset[row, column] = values.mean() - slope[row, column] @ guide.mean(0)
    slope, offset = np.pad(slope, [*pad, (0, 0)], 'symmetric'), np.pad(offset, pad, 'symmetric')
    expected = [slope[r:r + side, c:c + side].reshape(-1, 3).mean(0) @ (image[r, c] / 255)
                + offset[r:r + side, c:c + side].mean() for r, c in np.ndindex(12, 12)]
    np.testing.assert_allclose(found, np.reshape(expected, (12, 12)), rtol=1e-4)


def test_the_joint_bilateral_filter_without_edges_in_the_image_is_a_gaussian_blur():
    low_res = np.random.default_rng(3).uniform(1, 3, (20, 20)).astype(np.float32)
    image = grey(np.full((80, 80), 90))
    found = enlarged('joint_bilateral', low_res, image, noisy=True)
    sigma = 4 * upsampling.JOINT_BILATERAL[True].sigma_space
    down, right = np.mgrid[-7:8, -7:8]
    inside = down ** 2 + right ** 2 <= (1.5 * sigma) ** 2
    kernel = np.where(inside, np.exp(-(down ** 2 + right ** 2) / (2 * sigma ** 2)), 0)
    blurred = cv2.filter2D(enlarged('bicubic', low_res, image), -1, kernel / kernel.sum())
    np.testing.assert_allclose(found[8:-8, 8:-8], blurred[8:-8, 8:-8], rtol=1e-5)


@pytest.mark.parametrize('method', METHODS)
def test_holes_are_what_surrounds_them_and_filled_alike_for_all(method):
    depth, image = scene()
    low_res = cell_means(depth, 4)
    low_res[3:6, 15:18] = NAN  # well within the far wall
    found = enlarged(method, low_res, image)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[12:24, 60:72], 4, rtol=1e-2)
    np.testing.assert_array_equal(found, enlarged(method, holes_filled(low_res), image))
    known = np.isfinite(low_res)
    np.testing.assert_array_equal(holes_filled(low_res)[known], low_res[known])


def test_mistakes_are_one_sentence():
    depth, image = scene()
    with pytest.raises(ValueError, match=r'method must be one of nearest, .*, got .linear.'):
        enlarged('linear', cell_means(depth, 4), image)
    with pytest.raises(ValueError, match='whole multiple of'):
        enlarged('bicubic', np.ones((15, 24), np.float32), image)
    with pytest.raises(ValueError, match='24x16 px has no known pixel'):
        enlarged('bicubic', np.full((16, 24), NAN), image)
