"""What the staged networks promise, the paper's and the wide one."""

import pytest
import torch
from torch import nn

from depth_models.networks.anynet import AnyNet, AnyNetConfig
from depth_models.networks.anynet_wide import AnyNetWide, AnyNetWideConfig, convex_upsampling
from depth_models.networks.stereo_networks import KINDS, config_from, kind_of


@pytest.fixture(params=[AnyNet, AnyNetWide])
def network(request) -> nn.Module:
    torch.manual_seed(3)
    return request.param().eval()


def image(height: int, width: int) -> torch.Tensor:
    return 255 * torch.rand(1, height, width, 3, generator=torch.Generator().manual_seed(2))


def modules_run(network: nn.Module, stages: int) -> set[str]:
    ran: set[str] = set()
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: ran.add(name))
    states = network.stages(image(32, 64), image(32, 64))
    for _ in range(stages):
        next(states)
    return ran


def test_the_one_of_the_papers_size_has_35_to_45_thousand_parameters():
    assert 35_000 <= sum(p.numel() for p in AnyNet().parameters()) <= 45_000


@pytest.mark.parametrize('stages, allowed', [
    (1, ('search',)), (2, ('search', 'refine.0')), (3, ('search', 'refine')),
    (4, ('search', 'refine', 'propagate'))])
def test_stages_not_asked_for_are_not_computed(network, stages, allowed):
    ran = modules_run(network, stages)
    assert ran
    assert {name for name in ran if not name.startswith(allowed)} == set()


def test_every_stage_runs_every_module_of_its_own(network):
    leaves = {n for n, m in network.named_modules() if not list(m.children())}
    assert modules_run(network, 4) == leaves


@pytest.mark.parametrize('kind, cells', [(AnyNet, (16, 8, 4, 4)), (AnyNetWide, (8, 4, 4, 1))])
def test_grids_get_finer_and_outputs_have_the_size_of_the_image(kind, cells):
    network = kind().eval()
    with torch.no_grad():
        states = list(network.stages(image(64, 96), image(64, 96)))
        outputs = network(image(64, 96), image(64, 96))
    assert [tuple(s.disparity.shape[-2:]) for s in states] == [(64 // c, 96 // c) for c in cells]
    for output in outputs:
        assert output.disparity.shape == output.confidence.shape == (1, 1, 64, 96)
    assert [output.match_logits is not None for output in outputs] == [True, False, False, False]


@pytest.mark.parametrize('searched', [32, 64, 256])
def test_any_multiple_can_be_searched_with_the_same_weights(network, searched):
    with torch.no_grad():
        output = network(image(32, 320), image(32, 320), searched)[0]
    cell = searched // output.match_logits.shape[1]
    # a mean of candidates 0, cell, ... cannot lie beyond the last one
    assert output.disparity.min() >= 0 and output.disparity.max() <= searched - cell + 1e-3


def test_a_shifted_image_is_matched_before_any_training(network):
    """Training starts from matching: the cost itself already speaks for the right candidate."""
    shift = 32
    left = image(64, 320)
    right = torch.roll(left, shifts=-shift, dims=2)
    with torch.no_grad():
        logits = network(left, right, 64)[0].match_logits
    cell = 64 // logits.shape[1]
    found = logits[:, :, 1:-1, shift // cell + 1:-1].argmax(1)
    assert (found == shift // cell).float().mean() > 0.7


def test_left_and_right_go_through_the_encoder_in_one_batch(network):
    sizes = []
    network.search.encoder.register_forward_hook(lambda _, args, __: sizes.append(args[0].shape[0]))
    next(network.stages(image(32, 64).expand(3, -1, -1, -1), image(32, 64).expand(3, -1, -1, -1)))
    assert sizes == [6]


def test_confidence_does_not_bend_the_matching(network):
    network.train()
    for _, confidence, _ in network(image(32, 64), image(32, 64)):
        network.zero_grad()
        confidence.sum().backward(retain_graph=True)
        moved = {n for n, p in network.named_parameters()
                 if p.grad is not None and p.grad.abs().sum() > 0}
        assert moved
        assert {n for n in moved if 'confidence' not in n} == set()


@pytest.mark.parametrize('searched', [0, -32, 100])
def test_a_range_that_is_no_multiple_is_refused(network, searched):
    multiple = KINDS[kind_of(network)].multiple
    with pytest.raises(ValueError, match=f'positive multiple of {multiple} px, got {searched}'):
        next(network.stages(image(32, 64), image(32, 64), searched))


def test_an_image_size_that_is_no_multiple_is_refused(network):
    with pytest.raises(ValueError, match='got 40 and 64'):
        next(network.stages(image(40, 64), image(40, 64)))


def test_config_names_the_field_and_the_value():
    with pytest.raises(ValueError, match='channels must be three positive numbers'):
        AnyNetConfig(channels=(8, 0, 16))
    with pytest.raises(ValueError, match='radii must be 2 positive numbers'):
        AnyNetWideConfig(radii=(3,))
    with pytest.raises(ValueError, match='multiples of groups'):
        AnyNetWideConfig(groups=(5, 4))


def test_a_config_of_plain_values_is_the_config_itself(network):
    kind = kind_of(network)
    given = {'channels': list(network.config.channels), 'confidence_channels': 8}
    assert config_from(kind, given) == network.config
    with pytest.raises(ValueError, match=f'{kind} has no width; it has .*channels'):
        config_from(kind, {'width': 3})


def test_upsampling_with_equal_weights_is_the_mean_of_nine_and_counts_finer_columns():
    disparity = torch.arange(12.0).reshape(1, 1, 3, 4)
    fine = convex_upsampling(disparity, torch.zeros(1, 9 * 4, 3, 4), 2)
    assert fine.shape == (1, 1, 6, 8)
    # of the cell in row 1, column 1: the nine around it have the mean 5, in columns twice as fine 10
    torch.testing.assert_close(fine[0, 0, 2:4, 2:4], torch.full((2, 2), 10.0))


def test_upsampling_sends_each_sub_cell_where_its_weights_point():
    disparity = torch.arange(9.0).reshape(1, 1, 3, 3)
    weights = torch.full((1, 9, 4, 3, 3), -50.0)
    for sub_cell, neighbour in enumerate((0, 2, 6, 8)):  # the corners
        weights[:, neighbour, sub_cell] = 50.0
    fine = convex_upsampling(disparity, weights.flatten(1, 2), 2)
    torch.testing.assert_close(fine[0, 0, 2:4, 2:4], 2 * torch.tensor([[0.0, 2.0], [6.0, 8.0]]))
