"""The parallel prefix is the recurrence of the paper, pixel after pixel."""

import pytest
import torch

from depth_models.networks.spn import propagate


def by_hand(values: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
    """h[t] = (1 - g[t]) x[t] + g[t] h[t-1] along the last axis, as a loop."""
    columns = [values[..., 0]]
    for t in range(1, values.shape[-1]):
        columns.append((1 - gates[..., t]) * values[..., t] + gates[..., t] * columns[-1])
    return torch.stack(columns, dim=-1)


@pytest.mark.parametrize('width', [1, 2, 3, 13, 64])
def test_it_equals_the_loop_over_columns(width):
    values, gates = torch.rand(2, 2, 5, width), torch.rand(2, 2, 5, width)
    torch.testing.assert_close(
        propagate(values, gates, axis=-1, reverse=False), by_hand(values, gates))


def test_the_four_directions_are_flips_and_transposes_of_one_another():
    values, gates = torch.rand(1, 1, 7, 11), torch.rand(1, 1, 7, 11)
    leftwards = by_hand(values.flip(-1), gates.flip(-1)).flip(-1)
    downwards = by_hand(values.mT, gates.mT).mT
    upwards = by_hand(values.flip(-2).mT, gates.flip(-2).mT).mT.flip(-2)
    torch.testing.assert_close(propagate(values, gates, axis=-1, reverse=True), leftwards)
    torch.testing.assert_close(propagate(values, gates, axis=-2, reverse=False), downwards)
    torch.testing.assert_close(propagate(values, gates, axis=-2, reverse=True), upwards)


def test_a_closed_gate_lets_nothing_through():
    values = torch.tensor([[[[1.0, 9.0, 9.0, 9.0]]]])
    gates = torch.tensor([[[[0.9, 0.5, 0.0, 0.5]]]])
    # by hand: 1; 0.5 * 9 + 0.5 * 1 = 5; 9; 9
    assert propagate(values, gates, axis=-1, reverse=False).flatten().tolist() == [1, 5, 9, 9]
