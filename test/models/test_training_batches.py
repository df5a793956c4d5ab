"""The pairs of a step: the same wherever and whenever they are drawn, and true after every change."""

from functools import partial

import cv2
import numpy as np
import pytest

pytest.importorskip('yaml')
torch = pytest.importorskip('torch')

from depth_models.data.formats import write_pfm
from depth_models.data.samples import StereoSample
from depth_models.training.augment import augmented, cropped, stretched
from depth_models.training.batches import StepBatches, TimedBatches, share_of_rank
from depth_models.training.config import AugmentConfig, DataConfig, SourceConfig
from depth_models.training.stereo_batches import Mixture, draw_batch
from depth_models.training.stereo_checks import warp_errors

TINY = DataConfig(batch=4, height=32, width=64, max_disparity=64)


def noise_pair(seed=1, size=(60, 100), d=6.0):
    """A smooth noise pair of one disparity; the last column band of the left image is unknown."""
    height, width = size
    wide = np.random.default_rng(seed).integers(0, 256, (height, width + 20, 3), np.uint8)
    wide = cv2.GaussianBlur(wide, (0, 0), 1.5)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    disparity = np.full(size, d, np.float32)
    disparity[:, :int(d)] = np.nan
    return StereoSample(wide[:, :width], wide[:, int(d):width + int(d)], disparity)


def write_pairs(folder, pairs):
    for number, pair in enumerate(pairs):
        at = folder / f'pair{number}'
        at.mkdir(parents=True)
        for name, image in (('im0.png', pair.left), ('im1.png', pair.right)):
            cv2.imwrite(str(at / name), image[..., ::-1])
        write_pfm(at / 'disp0.pfm', pair.disparity)
    return SourceConfig('pairs', path=str(folder))


def mixture(config):
    return Mixture(config.sources, config.augment)


def same(one, two):
    return one.step == two.step and all(torch.equal(a, b) for a, b in zip(one[:5], two[:5]))


@pytest.fixture(scope='module')
def steps_7_to_10():
    return [draw_batch(mixture(TINY), TINY, step) for step in range(7, 11)]


@pytest.mark.parametrize('workers', [0, 2])
def test_a_loader_gives_the_steps_in_order_from_where_it_starts(steps_7_to_10, workers):
    loader = TimedBatches(StepBatches(partial(draw_batch, mixture(TINY), TINY), 7, range(4)),
                          workers=workers, prefetch=2, pin_memory=False)
    batches = iter(loader)
    for expected in steps_7_to_10:
        assert same(next(batches), expected)
    assert loader.waited > 0
    batches.close()


def test_steps_seeds_and_pairs_differ(steps_7_to_10):
    other = draw_batch(mixture(TINY), DataConfig(**{**TINY.__dict__, 'seed': 2}), 7)
    lefts = [*steps_7_to_10[0].left, *steps_7_to_10[1].left, *other.left]
    assert len({left.numpy().tobytes() for left in lefts}) == 12


def test_devices_share_a_batch_out_without_a_gap(steps_7_to_10):
    shares = [draw_batch(mixture(TINY), TINY, 7, share_of_rank(4, rank, 2)) for rank in range(2)]
    assert torch.equal(torch.cat([share.left for share in shares]), steps_7_to_10[0].left)
    assert torch.equal(torch.cat([share.valid for share in shares]), steps_7_to_10[0].valid)
    with pytest.raises(ValueError, match=r'data\.batch must be a multiple of the 3 devices, got 4'):
        share_of_rank(4, 0, 3)


def test_blank_pairs_hold_nothing_to_match():
    config = DataConfig(**{**TINY.__dict__, 'batch': 12, 'blank_share': 0.5})
    batch = draw_batch(mixture(config), config, 0)
    blank = ~batch.matchable.flatten(1).any(1)
    assert 0 < blank.sum() < 12
    spread = batch.left.float().flatten(1).std(1)
    assert (spread[blank] < 6).all() and (spread[~blank] > 6).any()


def test_sources_get_their_share_and_each_is_drawn_whole(tmp_path):
    flat = [StereoSample(*(np.full((40, 80, 3), level, np.uint8) for _ in range(2)),
                         np.full((40, 80), 5, np.float32)) for level in (10, 20)]
    files = write_pairs(tmp_path, flat)
    plain = SourceConfig('pairs', weight=3.0, path=files.path, augment=False)
    config = DataConfig(**{**TINY.__dict__, 'batch': 60, 'blank_share': 0.0,
                           'sources': (SourceConfig('layered'), plain)})
    batch = draw_batch(mixture(config), config, 0)
    levels = [{10: 'a', 20: 'b'}.get(int(left[0, 0, 0])) if left.float().std() == 0 else None
              for left in batch.left]
    read = sum(level is not None for level in levels)
    assert 35 <= read <= 54  # 45 of 60
    assert {'a', 'b'} <= set(levels)


def test_unknown_disparity_and_one_beyond_the_range_are_not_valid(tmp_path):
    pair = noise_pair(size=(32, 64))
    far = pair.disparity.copy()
    far[:, 40:] = 70.0
    source = write_pairs(tmp_path, [StereoSample(pair.left, pair.right, far)])
    config = DataConfig(**{**TINY.__dict__, 'batch': 1, 'blank_share': 0.0, 'sources': (
        SourceConfig('pairs', path=source.path, augment=False),)})
    batch = draw_batch(mixture(config), config, 3)
    expected = torch.zeros(32, 64, dtype=torch.bool)
    expected[:, 6:40] = True
    assert torch.equal(batch.valid[0, 0], expected)
    assert torch.isfinite(batch.disparity).all()  # NaN times a weight of 0 would be NaN


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(OSError, match='/nowhere'):
        Mixture([SourceConfig('pairs', path='/nowhere')], AugmentConfig())


# --- what makes more of pairs that are read


def true_of(sample):
    """Whether the disparity explains the left image by the right one, better than 2 px off."""
    true, more, less, none = warp_errors(sample)
    return true < 0.6 * min(more, less, none)


def test_a_stretched_pair_has_a_stretched_disparity():
    for scale in (0.8, 1.25):
        wide = stretched(noise_pair(d=8.0), scale)
        assert wide.left.shape == (60, round(100 * scale), 3)
        assert np.nanmean(wide.disparity) == pytest.approx(8 * scale, rel=0.02)
        assert np.isnan(wide.disparity).any() and true_of(wide)


def test_a_crop_is_the_same_window_of_everything():
    pair = noise_pair()
    ramp = StereoSample(pair.left, pair.right, np.arange(6000, dtype=np.float32).reshape(60, 100),
                        np.ones((60, 100), bool))
    crop = cropped(np.random.default_rng(3), ramp, (32, 64))
    y, x = divmod(int(crop.disparity[0, 0]), 100)
    window = np.s_[y:y + 32, x:x + 64]
    assert (y, x) != (0, 0)
    for part in ('left', 'right', 'disparity', 'visible'):
        assert np.array_equal(getattr(crop, part), getattr(ramp, part)[window])


def test_what_a_small_image_lacks_is_unknown():
    crop = cropped(np.random.default_rng(0), noise_pair(size=(20, 100)), (32, 128))
    assert crop.left.shape == (32, 128, 3) and crop.disparity.shape == (32, 128)
    assert np.isnan(crop.disparity[20:]).all() and np.isnan(crop.disparity[:, 100:]).all()
    assert np.isfinite(crop.disparity[:20, 6:100]).all()
    assert (crop.left[19] == crop.left[25]).all()


def test_augmented_pairs_differ_and_stay_true():
    pair = noise_pair(size=(80, 160))
    config = AugmentConfig(largest_scale=1.3, vertical_flip=0.5, camera_effects=0.5)
    made = [augmented(np.random.default_rng(seed), pair, config) for seed in range(12)]
    assert len({sample.left.tobytes() for sample in made}) == 12
    assert all(true_of(sample) for sample in made)
    again = augmented(np.random.default_rng(5), pair, config)
    assert np.array_equal(again.right, made[5].right)
