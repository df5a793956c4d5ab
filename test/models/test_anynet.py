"""What the staged network promises."""

import pytest
import torch

from depth_models.networks.anynet import AnyNet, AnyNetConfig, at_full_size


@pytest.fixture
def network() -> AnyNet:
    torch.manual_seed(3)
    return AnyNet().eval()


def image(height: int, width: int) -> torch.Tensor:
    return 255 * torch.rand(1, height, width, 3, generator=torch.Generator().manual_seed(2))


def modules_run(network: AnyNet, stages: int) -> set[str]:
    ran: set[str] = set()
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: ran.add(name))
    states = network.stages(image(32, 64), image(32, 64))
    for _ in range(stages):
        next(states)
    return ran


def test_it_has_35_to_45_thousand_parameters(network):
    assert 35_000 <= sum(p.numel() for p in network.parameters()) <= 45_000


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


def test_grids_are_a_16th_an_8th_and_twice_a_quarter_of_the_image(network):
    with torch.no_grad():
        states = list(network.stages(image(48, 96), image(48, 96)))
    assert [tuple(s.disparity.shape[-2:]) for s in states] == [(3, 6), (6, 12), (12, 24), (12, 24)]
    for state in states:
        disparity, confidence = at_full_size(state)
        assert disparity.shape == confidence.shape == (1, 1, 48, 96)


@pytest.mark.parametrize('searched', [16, 64, 256])
def test_any_multiple_of_16_can_be_searched_with_the_same_weights(network, searched):
    with torch.no_grad():
        state = next(network.stages(image(32, 320), image(32, 320), searched))
    # the mean of candidates 0, 16, ... cannot lie beyond the last one
    assert at_full_size(state)[0].max() <= searched - 16 + 1e-3


def test_left_and_right_go_through_the_encoder_in_one_batch(network):
    sizes = []
    network.search.encoder.register_forward_hook(lambda _, args, __: sizes.append(args[0].shape[0]))
    next(network.stages(image(32, 64).expand(3, -1, -1, -1), image(32, 64).expand(3, -1, -1, -1)))
    assert sizes == [6]


def test_confidence_does_not_bend_the_matching():
    network = AnyNet().train()
    for _, confidence in network(image(32, 64), image(32, 64)):
        network.zero_grad()
        confidence.sum().backward(retain_graph=True)
        moved = {n for n, p in network.named_parameters()
                 if p.grad is not None and p.grad.abs().sum() > 0}
        assert moved
        assert {n for n in moved if 'confidence' not in n} == set()


@pytest.mark.parametrize('searched', [0, -16, 100])
def test_a_range_that_is_no_multiple_of_16_is_refused(network, searched):
    with pytest.raises(ValueError, match=f'positive multiple of 16 px, got {searched}'):
        next(network.stages(image(32, 64), image(32, 64), searched))


def test_an_image_size_that_is_no_multiple_of_16_is_refused(network):
    with pytest.raises(ValueError, match='got 40 and 64'):
        next(network.stages(image(40, 64), image(40, 64)))


def test_config_names_the_field_and_the_value():
    with pytest.raises(ValueError, match='channels must be three positive numbers'):
        AnyNetConfig(channels=(8, 0, 16))
