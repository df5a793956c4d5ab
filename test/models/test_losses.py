"""What the losses ask for, on maps small enough to reason about."""

import pytest
import torch

from depth_models.networks.cost_volume import StageOutput
from depth_models.training.losses import is_right, match_loss, stereo_loss


def everywhere(target: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(target, dtype=torch.bool)


def logits_of(shares: dict[int, float], candidates: int = 4) -> torch.Tensor:
    """[1,candidates,1,1] whose softmax gives the shares, nearly nothing elsewhere."""
    values = torch.full((1, candidates, 1, 1), -30.0)
    for candidate, share in shares.items():
        values[:, candidate] = torch.tensor(share).log()
    return values


def test_a_cell_of_one_disparity_asks_for_the_two_candidates_beside_it():
    target = torch.full((1, 1, 8, 8), 12.0)  # cells of 8 px: halfway between candidates 1 and 2
    right = match_loss(logits_of({1: 0.5, 2: 0.5}), target, everywhere(target))
    assert right.item() == pytest.approx(0.6931, abs=1e-3)  # ln 2, the entropy of a half and a half
    for wrong in ({1: 0.9, 2: 0.1}, {0: 0.5, 3: 0.5}):
        assert match_loss(logits_of(wrong), target, everywhere(target)) > right + 0.3


def test_a_cell_on_an_edge_asks_for_both_surfaces_and_not_for_the_middle():
    target = torch.zeros(1, 1, 8, 8)
    target[..., :6] = 24.0  # three quarters of the cell at candidate 3, the rest at candidate 0
    both = match_loss(logits_of({3: 0.75, 0: 0.25}), target, everywhere(target))
    assert both.item() == pytest.approx(0.5623, abs=0.01)
    assert match_loss(logits_of({2: 0.5, 1: 0.5}), target, everywhere(target)) > both + 5


def test_cells_may_be_of_another_height_than_width_and_land_where_they_lie():
    target = torch.zeros(1, 1, 4, 16)
    target[..., 2:, 8:] = 8.0  # the lower right one of 2 x 2 cells, each 2 px high and 8 px wide
    logits = torch.full((1, 2, 2, 2), -20.0)
    logits[:, 0] = 20.0
    logits[:, :, 1, 1] = logits[:, :, 1, 1].flip(1)
    assert match_loss(logits, target, everywhere(target)) < 0.01
    assert match_loss(logits.flip(2), target, everywhere(target)) > 1


def test_unknown_pixels_do_not_vote_and_nothing_known_costs_nothing():
    target = torch.full((1, 1, 8, 8), 8.0)
    target[..., 4:] = float('nan')
    valid = target.isfinite()
    target = target.nan_to_num(100.0)
    assert match_loss(logits_of({1: 1.0}), target, valid) < 1e-3
    assert match_loss(logits_of({1: 1.0}), target, torch.zeros_like(valid)) == 0


def outputs(disparity: torch.Tensor, confidence: float = 0.0) -> list[StageOutput]:
    return [StageOutput(disparity, torch.full_like(disparity, confidence)) for _ in range(4)]


def test_pixels_of_unknown_disparity_count_for_nothing():
    target = torch.full((1, 1, 4, 4), 10.0)
    valid = everywhere(target)
    valid[..., 0] = False
    wild = target.clone()
    wild[..., 0] = 1e3
    matchable = everywhere(target)
    assert stereo_loss(outputs(wild), target, valid=valid, matchable=matchable) == stereo_loss(
        outputs(target), target, valid=valid, matchable=matchable)


def test_in_a_blank_pair_only_confidence_is_judged_and_should_be_low():
    target = torch.full((1, 1, 4, 4), 10.0)
    valid, blank = everywhere(target), torch.zeros_like(target, dtype=torch.bool)
    unsure, sure = (stereo_loss(outputs(target, c), target, valid=valid, matchable=blank) for c in (-4, 4))
    assert unsure < 0.1 < sure
    off = stereo_loss(outputs(target + 50, -4), target, valid=valid, matchable=blank)
    assert off == unsure


def test_right_is_under_3_px_or_under_5_percent():
    target = torch.tensor([10.0, 10.0, 100.0, 100.0])
    assert is_right(target + torch.tensor([2.9, 3.1, 4.9, 5.1]), target).tolist() == [
        True, False, True, False]
