"""Generated pairs by number, and `depth-nodes generate`."""

import argparse

import cv2
import numpy as np
import pytest

from depth_models.data import generate
from depth_models.data.generate import GeneratedStereo
from depth_models.data.layered_scenes import render_stereo
from depth_models.data.shards import ShardedStereo

SMALL = ('--size', '64', '32', '--max-disparity', '24', '--scenes', 'layered', '--seed', '5')


def run(*arguments):
    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    generate.run(parser.parse_args([str(argument) for argument in arguments]))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_pair_depends_on_the_seed_and_its_number_only():
    pairs = GeneratedStereo(10, seed=5, size=(32, 64), max_disparity=24.0, scenes='layered')
    expected = render_stereo(np.random.default_rng([5, 7]), (32, 64), 24.0)
    for found in (pairs[7], GeneratedStereo(8, 5, (32, 64), 24.0, 'layered')[7]):
        np.testing.assert_array_equal(found.left, expected.left)
        np.testing.assert_array_equal(found.right, expected.right)
        np.testing.assert_array_equal(found.disparity, expected.disparity)
        np.testing.assert_array_equal(found.visible, expected.visible)
    assert not np.array_equal(pairs[6].left, expected.left)
    assert len(list(GeneratedStereo(2, 5, (32, 64), 24.0, 'layered'))) == 2
    with pytest.raises(IndexError, match='pair 10 of 10'):
        pairs[10]


@pytest.mark.parametrize(('options', 'message'), [
    ({'scenes': 'rooms'}, "scenes must be one of world, layered, mixed, got 'rooms'"),
    ({'count': 0}, 'count must be at least 1 and seed at least 0, got 0 and 1'),
    ({'seed': -1}, 'got 4 and -1'),
    ({'size': (8, 64)}, 'got 64x8 px and 192 px'),
    ({'max_disparity': 256.0}, 'max_disparity from 16 to under 256 px, got 512x256 px and 256 px'),
    ({'max_disparity': float('nan')}, 'and nan px')])
def test_what_cannot_be_generated_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GeneratedStereo(**{'count': 4, **options})


def test_the_number_of_processes_does_not_change_a_byte(tmp_path, capsys):
    run(tmp_path / 'one', '--count', 5, '--per-shard', 2, '--jobs', 1, *SMALL)
    assert '5 pairs in ' in (out := capsys.readouterr().out) and 'pairs a second' in out
    run(tmp_path / 'two', '--count', 5, '--per-shard', 2, '--jobs', 2, *SMALL)
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')
    pairs = ShardedStereo(tmp_path / 'two')
    assert len(pairs) == 5
    assert pairs.about == {'seed': 5, 'size': [32, 64], 'max_disparity': 24.0, 'scenes': 'layered',
                           'per_shard': 2}
    expected = render_stereo(np.random.default_rng([5, 4]), (32, 64), 24.0)
    np.testing.assert_array_equal(pairs[4].left, expected.left)
    np.testing.assert_array_equal(pairs[4].visible, expected.visible)
    assert np.abs(pairs[4].disparity - expected.disparity).max() <= 1 / 512


def test_a_removed_shard_is_drawn_again_and_the_same(tmp_path, capsys):
    run(tmp_path, '--count', 6, '--per-shard', 2, '--jobs', 1, *SMALL)
    before = contents(tmp_path)
    (tmp_path / 'shard-00001.tar').unlink()
    capsys.readouterr()
    run(tmp_path, '--count', 6, '--per-shard', 2, '--jobs', 1, *SMALL)
    assert '6 pairs in ' in (out := capsys.readouterr().out) and ', 2 of them written now' in out
    assert contents(tmp_path) == before


def test_the_preview_is_a_sheet_and_no_shards(tmp_path):
    run(tmp_path / 'out', '--count', 3, '--preview', tmp_path / 'sheet.png', *SMALL)
    picture = cv2.imread(str(tmp_path / 'sheet.png'))
    corners = []
    for pair in GeneratedStereo(3, 5, (32, 64), 24.0, 'layered'):
        for image in (pair.left, pair.right, np.repeat(np.uint8(255) * pair.visible[..., None], 3, axis=2)):
            shown = cv2.resize(image[..., ::-1], (360, 180), interpolation=cv2.INTER_NEAREST)
            distance = cv2.matchTemplate(picture, shown, cv2.TM_SQDIFF)
            y, x = np.unravel_index(np.argmin(distance), distance.shape)
            np.testing.assert_array_equal(picture[y:y + 180, x:x + 360], shown)
            corners.append((y, x))
    rows, columns = zip(*corners)
    assert len(set(rows)) == 3 and rows[0] < rows[3] < rows[6]  # a row a pair
    assert len(set(columns)) == 3 and columns[0] < columns[1] < columns[2]
    assert not (tmp_path / 'out').exists()


def test_out_is_needed_unless_for_a_preview():
    with pytest.raises(ValueError, match='OUT is missing'):
        run('--count', 3)
