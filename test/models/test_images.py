"""What brings images and maps to another size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_models.images import nearest

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(SIZES, SIZES, st.integers(0, 99))
def test_nearest_takes_the_pixel_under_the_centre_and_blends_nothing(size, wanted, seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 9, size).astype(np.float32)
    values[rng.random(size) < 0.3] = np.nan
    found = nearest(values, wanted)
    assert found.shape == wanted and found.dtype == np.float32
    # centres of the wanted pixels, in pixels of the map, both counted from their edges
    rows, columns = ((2 * np.arange(new) + 1) * old / (2 * new) for new, old in zip(wanted, size))
    expected = values[np.ix_(rows.astype(int), columns.astype(int))]
    # where a centre falls on an edge between two pixels either of them is the nearest
    off_edges = np.ix_(rows % 1 > 1e-3, columns % 1 > 1e-3)
    np.testing.assert_array_equal(found[off_edges], expected[off_edges])


def test_a_map_of_that_size_is_returned_as_it_is():
    values = np.ones((3, 5), np.float32)
    assert nearest(values, (3, 5)) is values


@pytest.mark.parametrize('factor', [2, 3, 4])
def test_enlarging_repeats_and_shrinking_undoes_it(factor):
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    larger = nearest(values, (3 * factor, 4 * factor))
    np.testing.assert_array_equal(larger, values.repeat(factor, axis=0).repeat(factor, axis=1))
    np.testing.assert_array_equal(nearest(larger, (3, 4)), values)
