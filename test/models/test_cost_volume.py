"""Matching costs and regression, on tensors small enough to reason about."""

import pytest
import torch

from depth_models.networks.cost_volume import (
    full_cost,
    full_group_cost,
    peak_argmin,
    residual_cost,
    residual_group_cost,
    resize_disparity,
    soft_argmin,
    spread,
    warp_right_to_left,
)


def shifted_pair(shift: int) -> tuple[torch.Tensor, torch.Tensor]:
    left = torch.rand(1, 3, 8, 32, generator=torch.Generator().manual_seed(1))
    return left, torch.roll(left, shifts=-shift, dims=-1)  # left column x is right column x - shift


def test_warp_brings_a_shifted_right_image_back_onto_the_left():
    left, right = shifted_pair(5)
    warped = warp_right_to_left(right, torch.full((1, 1, 8, 32), 5.0))
    torch.testing.assert_close(warped[:, :, 0, :, 5:], left[..., 5:])  # columns 0..4 have no match


def test_every_disparity_is_warped_by_its_own_values():
    _, right = shifted_pair(5)
    disparities = 4 * torch.rand(1, 3, 8, 32, generator=torch.Generator().manual_seed(2))
    together = warp_right_to_left(right, disparities)
    assert together.shape == (1, 3, 3, 8, 32)
    for index in range(3):
        alone = warp_right_to_left(right, disparities[:, index:index + 1])
        torch.testing.assert_close(together[:, :, index], alone[:, :, 0])


def test_warp_reads_between_columns():
    right = torch.arange(6.0).view(1, 1, 1, 6).expand(1, 1, 2, 6)
    warped = warp_right_to_left(right, torch.full((1, 1, 2, 6), 1.25))
    torch.testing.assert_close(warped[0, 0, 0, 0, 2:], torch.tensor([0.75, 1.75, 2.75, 3.75]))


def test_warp_is_zero_outside_the_right_image():
    warped = warp_right_to_left(torch.ones(1, 1, 2, 6), torch.full((1, 1, 2, 6), 3.0))
    torch.testing.assert_close(warped[0, 0, 0, 0], torch.tensor([0.0, 0, 0, 1, 1, 1]))


def test_full_cost_is_zero_at_the_true_shift_and_nowhere_else():
    left, right = shifted_pair(3)
    cost = full_cost(left, right, 6)
    assert cost.shape == (1, 6, 8, 32)
    assert cost[:, 3, :, 6:].abs().max() == 0
    assert cost[:, [0, 1, 2, 4, 5], :, 6:].min() > 0


def test_residual_cost_is_zero_where_estimate_plus_offset_is_the_shift():
    left, right = shifted_pair(7)
    cost = residual_cost(left, right, torch.full((1, 1, 8, 32), 6.0), radius=2)
    assert cost.shape == (1, 5, 8, 32)  # offsets -2 -1 0 1 2
    assert cost[:, 3, :, 9:].abs().max() < 1e-5
    assert cost[:, [0, 1, 2, 4], :, 9:].min() > 1e-3


def test_soft_argmin_is_the_mean_candidate():
    probability = torch.tensor([0.5, 0.0, 0.25, 0.25]).view(1, 4, 1, 1)
    candidates = torch.tensor([0.0, 3.0, 8.0, 12.0])
    mean = soft_argmin(probability, candidates)
    assert mean.item() == pytest.approx(5.0)
    # by hand: 0.5 * 25 + 0.25 * 9 + 0.25 * 49 = 27
    assert spread(probability, candidates, mean).item() == pytest.approx(27.0 ** 0.5)


def test_resize_disparity_scales_values_with_the_width_and_not_with_the_height():
    resized = resize_disparity(torch.full((1, 1, 4, 8), 3.0), (12, 16))  # height x3, width x2
    torch.testing.assert_close(resized, torch.full((1, 1, 12, 16), 6.0))


def test_one_group_costs_as_no_groups_and_groups_average_to_it():
    left, right = (torch.rand(2, 4, 6, 20, generator=torch.Generator().manual_seed(k)) for k in (1, 2))
    estimate = torch.full((2, 1, 6, 20), 2.3)
    for plain, grouped in ((full_cost(left, right, 5), lambda g: full_group_cost(left, right, 5, g)),
                           (residual_cost(left, right, estimate, 2),
                            lambda g: residual_group_cost(left, right, estimate, 2, g))):
        torch.testing.assert_close(grouped(1)[:, 0], plain)
        assert grouped(2).shape == (2, 2, *plain.shape[1:])
        torch.testing.assert_close(grouped(2).mean(1), plain)
        assert (grouped(2)[:, 0] - grouped(2)[:, 1]).abs().max() > 0.01


def test_the_peak_is_not_pulled_by_a_second_one_far_away():
    probability = torch.tensor([0.3, 0.0, 0.0, 0.1, 0.4, 0.2]).view(1, 6, 1, 1)
    disparity, mass = peak_argmin(probability, torch.arange(6.0))
    assert disparity.item() == pytest.approx((0.3 + 1.6 + 1.0) / 0.7)
    assert mass.item() == pytest.approx(0.7)
