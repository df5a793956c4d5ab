"""Shards: what comes out is what went in, in any order, with plain tar too; what is broken is said."""

import json
import pickle
import tarfile

import cv2
import numpy as np
import pytest

from depth_models.data.samples import StereoSample
from depth_models.data.shards import ShardedStereo, decode_sample, encode_sample
from depth_models.data.write_shards import write_shards
from depth_models.frames import Camera, StereoCamera

CAMERA = StereoCamera(Camera(48, 32, 50.5, 51.0, 23.25, 15.0), 0.12, 24.5)


def sample(number, height=32, width=48):
    rng = np.random.default_rng(number)
    left, right = rng.integers(0, 256, (2, height, width, 3), np.uint8)
    disparity = rng.uniform(1 / 256, 255.99, (height, width)).astype(np.float32)
    disparity[rng.random((height, width)) < 0.1] = np.nan
    visible = rng.random((height, width)) < 0.8
    return StereoSample(left, right, disparity, visible, CAMERA)


class Drawn:
    """Samples that are counted as they are drawn."""

    def __init__(self, count):
        self.count = count
        self.drawn = []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.drawn.append(index)
        return sample(index)


def same(found, expected):
    np.testing.assert_array_equal(found.left, expected.left)
    np.testing.assert_array_equal(found.right, expected.right)
    np.testing.assert_array_equal(np.isnan(found.disparity), np.isnan(expected.disparity))
    assert found.disparity.dtype == np.float32
    assert np.nanmax(np.abs(found.disparity - expected.disparity)) <= 1 / 512
    np.testing.assert_array_equal(found.visible, expected.visible)
    assert found.camera == expected.camera


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_samples_are_read_back_in_any_order(tmp_path):
    seen = []
    assert write_shards(Drawn(7), tmp_path / 'out', per_shard=3, progress=seen.append) == 7
    assert seen == [1] * 7
    assert sorted(contents(tmp_path / 'out')) == [
        'index.json', 'shard-00000.tar', 'shard-00001.tar', 'shard-00002.tar']
    pairs = ShardedStereo(tmp_path / 'out')
    assert len(pairs) == 7 and pairs.names == [f'{number:08d}' for number in range(7)]
    for number in (6, 0, 3, 5, -1):
        same(pairs[number], sample(number % 7))
    with pytest.raises(IndexError):
        pairs[7]
    same(pickle.loads(pickle.dumps(pairs))[2], sample(2))


def test_what_a_sample_does_not_know_stays_unknown():
    files = encode_sample(StereoSample(*(getattr(sample(1), name) for name in
                                         ('left', 'right', 'disparity'))))
    assert sorted(files) == ['disparity.png', 'left.png', 'right.png']
    found = decode_sample(files, 'x')
    assert found.visible is None and found.camera is None


def test_plain_tar_and_an_image_reader_see_the_same(tmp_path):
    write_shards(Drawn(2), tmp_path, per_shard=2)
    with tarfile.open(tmp_path / 'shard-00000.tar') as tar:
        assert tar.getnames() == [f'0000000{number}.{suffix}' for number in range(2) for suffix in (
            'left.png', 'right.png', 'disparity.png', 'visible.png', 'camera.json')]
        files = {name: tar.extractfile(name).read() for name in tar.getnames()}
    left = cv2.imdecode(np.frombuffer(files['00000001.left.png'], np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(left[..., ::-1], sample(1).left)
    steps = cv2.imdecode(np.frombuffer(files['00000001.disparity.png'], np.uint8), cv2.IMREAD_UNCHANGED)
    expected = np.nan_to_num(np.rint(sample(1).disparity * 256))
    np.testing.assert_array_equal(steps, expected)
    assert files['00000001.visible.png'][24] == 1  # bits of a sample, in the header
    assert json.loads(files['00000001.camera.json'])['baseline'] == 0.12


def test_a_run_that_ended_early_goes_on_and_draws_nothing_twice(tmp_path):
    write_shards(Drawn(7), tmp_path / 'whole', per_shard=3)
    out = tmp_path / 'out'
    write_shards(Drawn(7), out, per_shard=3)
    (out / 'shard-00001.tar').unlink()
    (out / 'shard-00001.tar.part').write_bytes(b'what a killed run left')
    last = out / 'shard-00002.tar'
    last.write_bytes(last.read_bytes()[:-100])
    samples, seen = Drawn(7), []
    assert write_shards(samples, out, per_shard=3, progress=seen.append) == 4
    assert samples.drawn == [3, 4, 5, 6]
    assert sum(seen) == 7
    assert contents(out) == contents(tmp_path / 'whole')


def test_a_set_can_grow(tmp_path):
    write_shards(Drawn(8), tmp_path / 'whole', per_shard=3)
    write_shards(Drawn(4), tmp_path / 'out', per_shard=3)
    samples = Drawn(8)
    assert write_shards(samples, tmp_path / 'out', per_shard=3) == 5
    assert samples.drawn == [3, 4, 5, 6, 7]
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_shards_are_entered_only_when_they_are_whole(tmp_path):
    class Failing(Drawn):
        def __getitem__(self, index):
            if index == 4:
                raise RuntimeError('no such sample')
            return super().__getitem__(index)

    with pytest.raises(RuntimeError, match='no such sample'):
        write_shards(Failing(7), tmp_path, per_shard=3)
    assert len(ShardedStereo(tmp_path)) == 3
    assert not (tmp_path / 'shard-00001.tar').exists()


def test_another_set_is_not_mixed_in(tmp_path):
    write_shards(Drawn(4), tmp_path, per_shard=2, about={'seed': 1, 'size': (32, 48)})
    before = contents(tmp_path)
    with pytest.raises(ValueError, match='holds shards of another set: per_shard 2, not 3; seed 1, not 2'):
        write_shards(Drawn(4), tmp_path, per_shard=3, about={'seed': 2, 'size': (32, 48)})
    with pytest.raises(ValueError, match='holds 4 samples already, more than the 2 asked for'):
        write_shards(Drawn(2), tmp_path, per_shard=2, about={'seed': 1, 'size': (32, 48)})
    with pytest.raises(ValueError, match='must be at least 1, got 0 and 1'):
        write_shards(Drawn(2), tmp_path, per_shard=0)
    assert contents(tmp_path) == before
    assert ShardedStereo(tmp_path).about == {'seed': 1, 'size': [32, 48], 'per_shard': 2}


def test_a_disparity_that_shards_cannot_hold_is_refused(tmp_path):
    class Near(Drawn):
        def __getitem__(self, index):
            return StereoSample(*[np.zeros((4, 4, 3), np.uint8)] * 2, np.full((4, 4), 300, np.float32))

    with pytest.raises(ValueError, match=r'disparity: this format holds 0 to 255\.996 px, got 300'):
        write_shards(Near(1), tmp_path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-700])


@pytest.mark.parametrize(('spoil', 'kind', 'message'), [
    (lambda out: (out / 'index.json').unlink(), ValueError,
     'expected a folder of shards, .*; found shard-00000.tar, shard-00001.tar'),
    (lambda out: (out / 'index.json').write_text('{'), ValueError, 'index.json: not an index of shards'),
    (lambda out: (out / 'index.json').write_text('[]'), ValueError, 'index.json: not an index of shards'),
    (lambda out: (out / 'index.json').write_text('{"format": 9, "shards": []}'), ValueError,
     'index.json: format 9, this version reads 1'),
    (lambda out: (out / 'shard-00001.tar').unlink(), FileNotFoundError,
     'shard-00001.tar: no such shard, but index.json lists it'),
    (lambda out: cut(out / 'shard-00001.tar'), ValueError,
     r'shard-00001.tar: \d+ bytes, but index.json says \d+: the shard is cut off')])
def test_a_set_that_is_not_whole_is_refused_when_it_is_opened(tmp_path, spoil, kind, message):
    write_shards(Drawn(4), tmp_path, per_shard=2)
    spoil(tmp_path)
    with pytest.raises(kind, match=message):
        ShardedStereo(tmp_path)


def test_a_shard_with_other_bytes_is_said_by_sample(tmp_path):
    write_shards(Drawn(2), tmp_path, per_shard=2)
    path = tmp_path / 'shard-00000.tar'
    data = bytearray(path.read_bytes())
    data[512:700] = bytes(188)  # the start of the first image
    path.write_bytes(data)
    pairs = ShardedStereo(tmp_path)
    with pytest.raises(ValueError, match=r'shard-00000\.tar: 00000000\.left\.png: not an image'):
        pairs[0]
    same(pairs[1], sample(1))
