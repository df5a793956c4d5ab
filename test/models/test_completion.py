"""Dense depth without learning, on maps whose answer is known."""

import numpy as np
import pytest

pytest.importorskip('scipy', reason='the optional extra baselines')
from depth_models.evaluation import completion
from depth_models.evaluation.completion import (
    METHODS,
    griddata_linear,
    inpaint,
    linear,
    morphological,
    nearest,
)

NAN = np.nan


def tilted(height: int = 40, width: int = 60) -> np.ndarray:
    """A plane in the sense of linear interpolation: depth linear in the image; m."""
    rows, columns = np.mgrid[:height, :width]
    return (2 + 0.02 * rows + 0.03 * columns).astype(np.float32)


def of(depth: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    chosen = np.random.default_rng(seed).random(depth.shape) < share
    return np.where(chosen, depth, np.float32(NAN))


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('share', [0.002, 0.1, 0.5])
def test_every_pixel_is_answered_within_what_was_measured(method, share):
    sparse = of(tilted(), share)
    sparse[20, 30] = 3.0
    before = sparse.copy()
    dense = METHODS[method](sparse)
    np.testing.assert_array_equal(sparse, before)
    assert dense.shape == sparse.shape and dense.dtype == np.float32
    assert dense.min() >= np.nanmin(sparse) - 1e-3 and dense.max() <= np.nanmax(sparse) + 1e-3
    if share > 0.05:
        assert np.median(np.abs(dense / tilted() - 1)) < 0.05


@pytest.mark.parametrize('method', METHODS)
def test_one_pixel_is_the_answer_everywhere_and_none_is_an_error(method):
    sparse = np.full((12, 70), NAN, np.float32)
    with pytest.raises(ValueError, match='sparse depth of 70x12 px has no measured pixel'):
        METHODS[method](sparse)
    sparse[5, 60] = 7.5
    np.testing.assert_allclose(METHODS[method](sparse), 7.5, rtol=1e-3)


def test_the_nearest_is_the_nearest_in_the_image():
    sparse = np.full((1, 9), NAN, np.float32)
    sparse[0, [1, 6]] = 1.0, 2.0
    np.testing.assert_array_equal(nearest(sparse), [[1, 1, 1, 1, 2, 2, 2, 2, 2]])


def test_linear_is_exact_within_the_triangles_and_the_nearest_outside():
    sparse = np.full((40, 60), NAN, np.float32)
    corners = (slice(5, 36, 30), slice(10, 51, 40))
    sparse[corners] = tilted()[corners]
    dense, within = linear(sparse), griddata_linear(sparse)
    inside = (slice(5, 36), slice(10, 51))
    np.testing.assert_allclose(dense[inside], tilted()[inside], atol=1e-4)
    assert np.isfinite(within[inside]).all() and np.isnan(within).sum() == 40 * 60 - 31 * 41
    assert dense[0, 0] == tilted()[5, 10] and dense[39, 59] == tilted()[35, 50]
    line = np.full((9, 9), NAN, np.float32)
    line[4] = 2.0  # no triangle
    np.testing.assert_array_equal(linear(line), np.full((9, 9), 2.0))


def test_inpainting_keeps_what_was_measured_and_centimetres_of_a_hundred_metres():
    depth = tilted() * 20
    sparse = of(depth, 0.2)
    known = np.isfinite(sparse)
    dense = inpaint(sparse)
    np.testing.assert_allclose(dense[known], depth[known], atol=1e-2)
    assert np.median(np.abs(dense / depth - 1)) < 0.02


def test_what_is_near_grows_over_what_is_far():
    sparse = np.full((40, 60), NAN, np.float32)
    sparse[::4, ::4] = 20.0
    sparse[16:28:4, 28:40:4] = 2.0  # the farther ones of its neighbours are 4 px away
    dense = morphological(sparse)
    assert (dense[17:24, 29:36] < 3).all() and (dense[:10] > 19).all()
    top = np.full((60, 40), NAN, np.float32)
    top[45:, ::3], top[45:, 1::3] = 5.0, 5.0
    np.testing.assert_allclose(morphological(top), 5.0)  # up to the top


def test_without_scipy_it_is_said_what_to_install(monkeypatch):
    def missing(name: str):
        raise ImportError(f'No module named {name!r}')

    monkeypatch.setattr(completion, 'import_module', missing)
    for method in (nearest, linear):
        with pytest.raises(ImportError, match=r'need scipy, but .* pip install depth_nodes\[baselines\]'):
            method(of(tilted(), 0.1))
    assert np.isfinite(morphological(of(tilted(), 0.1))).all()
