"""The library's face: numpy in, numpy out, any size, within the stages and the time asked for."""

import numpy as np
import pytest
import torch
from clocks import Clock

from depth_models.estimators.prepared import SCALES
from depth_models.estimators.stereo import StereoMatcher
from depth_models.networks.anynet import AnyNet
from depth_models.networks.anynet_wide import AnyNetWide


def untrained(engine: str = 'torch', **options) -> StereoMatcher:
    torch.manual_seed(5)
    return StereoMatcher(AnyNet(), engine=engine, **options)


def pair(shift: int, height: int = 96, width: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A blurred noise texture on a plane at one disparity."""
    rng = np.random.default_rng(4)
    wide = np.kron(rng.integers(0, 256, (height // 4 + 1, (width + shift) // 4 + 2, 3)),
                   np.ones((4, 4, 1)))
    wide = ((wide + np.roll(wide, 1, 1) + np.roll(wide, 2, 1)) / 3).astype(np.uint8)
    return wide[:height, :width], wide[:height, shift:shift + width]


@pytest.mark.parametrize('network', [AnyNet, AnyNetWide])
@pytest.mark.parametrize('height, width', [(1, 1), (16, 16), (33, 70), (375, 1242)])
def test_any_size_comes_back_in_its_own_size(height, width, network):
    left, right = (np.zeros((height, width, 3), np.uint8) for _ in range(2))
    estimate = StereoMatcher(network(), engine='torch').compute(left, right, stage=4)
    assert estimate.disparity.shape == estimate.confidence.shape == (height, width)
    assert estimate.disparity.dtype == estimate.confidence.dtype == np.float32
    assert np.isfinite(estimate.disparity).all()
    assert 0 <= estimate.confidence.min() <= estimate.confidence.max() <= 1


@pytest.mark.parametrize('weights', ['anynet', 'anynet_wide'])
@pytest.mark.parametrize('shift', [7, 24, 61])
def test_the_shipped_weights_find_the_shift_of_a_textured_plane(shift, weights):
    left, right = pair(shift)
    estimate = StereoMatcher.from_pretrained(weights).compute(left, right)
    inner = np.s_[8:-8, shift + 24:-24]
    assert np.median(np.abs(estimate.disparity[inner] - shift)) < 1.0
    assert estimate.stage == 4


def test_grey_and_colour_of_the_same_grey_picture_are_one():
    left, right = (image[..., 0] for image in pair(9))
    matcher = untrained()
    grey = matcher.compute(left, right)
    colour = matcher.compute(*(np.repeat(image[..., None], 3, axis=2) for image in (left, right)))
    np.testing.assert_array_equal(grey.disparity, colour.disparity)


def test_moving_the_right_image_and_the_range_together_adds_to_the_disparity():
    left, right = pair(20)
    moved = np.concatenate([right[:, 12:], np.repeat(right[:, -1:], 12, axis=1)], axis=1)
    plain = untrained(max_disparity=64).compute(left, right)
    offset = untrained(min_disparity=12, max_disparity=76).compute(left, moved)
    assert (offset.min_disparity, offset.max_disparity) == (12, 76)
    # not the first columns, which looked where the moved image ends, nor the last, where it is made up
    inner = np.s_[:, 80:200]
    np.testing.assert_allclose(offset.disparity[inner], plain.disparity[inner] + 12, atol=0.01)


def test_a_fixed_stage_is_reached_and_not_passed_whatever_the_deadline():
    for stage in (1, 2, 3, 4):
        assert untrained().compute(*pair(8), stage=stage, deadline=0.0).stage == stage


def test_the_deadline_stops_the_stages_that_would_break_it():
    clock = Clock(step=0.010)
    matcher = untrained(clock=clock)
    left, right = pair(8)
    everything = matcher.compute(left, right)  # learns the costs
    assert everything.stage == 4
    assert matcher.compute(left, right, deadline=clock.now).stage == 1
    reached = [matcher.compute(left, right, deadline=clock.now + seconds).stage
               for seconds in (0.02, 0.05, 0.08, 0.12, 0.20)]
    assert reached == sorted(reached)
    assert reached[0] == 1 and reached[-1] == 4 and len(set(reached)) >= 3


def test_what_each_part_took_is_told():
    estimate = untrained(clock=Clock(step=0.010)).compute(*pair(8), stage=2)
    assert list(estimate.seconds) == ['preparation', 'stage_1', 'stage_2', 'finish']
    assert all(seconds >= 0.0099 for seconds in estimate.seconds.values())


def test_mistakes_are_named():
    left, right = pair(8)
    with pytest.raises(ValueError, match='left is 256x96 but right is 250x96'):
        untrained().compute(left, right[:, :250])
    with pytest.raises(ValueError, match=r'left must be uint8 \[H,W\] or \[H,W,3\], got float64'):
        untrained().compute(left / 1.0, right)
    with pytest.raises(ValueError, match=r'stage must be 0\.\.4, got 5'):
        untrained().compute(left, right, stage=5)
    with pytest.raises(ValueError, match='max_disparity must be above min_disparity'):
        untrained(min_disparity=64, max_disparity=64)
    with pytest.raises(ValueError, match='engine must be one of auto, torch'):
        untrained('tensorflow')


def test_every_stage_is_told_as_soon_as_it_is_there():
    told = []
    last = untrained().compute(*pair(8), stage=3, on_stage=told.append)
    assert [estimate.stage for estimate in told] == [1, 2]
    assert last.stage == 3
    np.testing.assert_array_equal(told[1].disparity, untrained().compute(*pair(8), stage=2).disparity)
    assert 'intermediate' in last.seconds


@pytest.mark.parametrize('scale', [0.5, 0.25])
def test_smaller_images_give_the_disparity_of_the_pair(scale):
    left, right = pair(24, height=192, width=512)
    matcher = StereoMatcher.from_pretrained('anynet', engine='torch')
    estimate = matcher.compute(left, right, scale=scale)
    assert estimate.disparity.shape == (192, 512)
    assert (estimate.scale, estimate.max_disparity) == (scale, 192)
    assert np.median(np.abs(estimate.disparity[16:-16, 60:-24] - 24)) < 2.0


def test_a_smaller_scale_keeps_the_start_of_the_range():
    left, right = pair(20)
    estimate = untrained(min_disparity=-32, max_disparity=64).compute(left, right, scale=0.5)
    assert estimate.min_disparity == -32
    assert estimate.disparity.min() >= -32 - 1e-3


def test_the_scale_is_as_large_as_the_deadline_allows():
    clock = Clock(step=0.0)
    matcher = untrained(clock=clock)
    size = (64, 128)
    assert not matcher.make_ready(size, SCALES)
    assert matcher.make_ready(size, SCALES)
    for (height, width), cost in zip([(64, 128), (32, 64), (16, 32)],
                                     [0.040, 0.010, 0.003]):
        matcher.costs.add(('anynet', 1), (height, width), cost, now=0.0)
    assert [matcher.scale_for(size, seconds) for seconds in (0.050, 0.020, 0.005, 0.001)] == [
        1.0, 0.5, 0.25, 0.25]


def test_a_larger_scale_is_taken_back_only_with_room():
    matcher = untrained(clock=Clock(step=0.0))
    left, right = pair(8, height=64, width=128)
    matcher.make_ready((64, 128), SCALES)
    matcher.costs.add(('anynet', 1), (64, 128), 0.040, now=0.0)
    matcher.costs.add(('anynet', 1), (32, 64), 0.010, now=0.0)
    matcher.compute(left, right, stage=1, scale=0.5)
    assert matcher.scale_for((64, 128), 0.042) == 0.5
    assert matcher.scale_for((64, 128), 0.050) == 1.0
