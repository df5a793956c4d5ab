"""What the coarse and the fine network promise, and what one may and may not do to the other."""

import numpy as np
import pytest
import torch
from mono_pictures import moved, picture, settled
from torch import nn
from torch.nn import functional as F

from depth_models.engines import Model, choose
from depth_models.engines.export import to_onnx
from depth_models.networks.coarse_to_fine import PARTS, CoarseToFine, CoarseToFineConfig
from depth_models.networks.mono_graphs import IMAGE, coarse_to_fine_graphs
from depth_models.networks.mono_networks import KINDS, config_from, kind_of


@pytest.fixture
def network() -> CoarseToFine:
    torch.manual_seed(4)
    return settled(CoarseToFine())


def start_of_fine(network: CoarseToFine) -> None:
    """A correction that is not zero, as after a few steps of training."""
    nn.init.normal_(network.fine.correction.weight, std=0.1)


@pytest.mark.parametrize('size', [(32, 32), (64, 96), (224, 224)])
def test_both_have_the_size_of_the_image_and_depth_is_in_0_to_1(network, size):
    start_of_fine(network)
    with torch.no_grad():
        outputs = network(picture(*size, images=2))
    assert len(outputs) == len(PARTS)
    for output in outputs:
        assert output.depth.shape == output.confidence.shape == output.logit.shape == (2, 1, *size)
        assert 0 <= output.depth.min() < output.depth.max() <= 1
        torch.testing.assert_close(output.depth, torch.sigmoid(output.logit))


def test_training_of_fine_starts_from_the_coarse_answer(network):
    with torch.no_grad():
        coarse, fine = network(picture(64, 96))
        assert torch.equal(coarse.depth, fine.depth)
        start_of_fine(network)
        assert not torch.equal(coarse.depth, network.fine(picture(64, 96), coarse).depth)


def test_fine_sees_the_image_and_the_coarse_depth(network):
    """And only around a pixel: it has no downsampling, and what is far away is the coarse one's."""
    start_of_fine(network)
    image = picture(64, 96).float()
    with torch.no_grad():
        coarse = network.coarse(image)
        before = network.fine(image, coarse).logit - coarse.logit
        image[:, 32, 48] = 255 - image[:, 32, 48]
        by_image = network.fine(image, coarse).logit - coarse.logit - before
        coarse = coarse._replace(logit=coarse.logit + 1)
        by_depth = network.fine(image, coarse).logit - coarse.logit - before
    reached = by_image[0, 0].abs() > 1e-6
    assert reached[32, 48] and not reached[:22].any() and not reached[43:].any()
    assert not reached[:, :38].any() and not reached[:, 59:].any()
    assert (by_depth.abs() > 1e-6).float().mean() > 0.99


def test_with_a_window_the_layout_stays_that_of_the_coarse_network():
    torch.manual_seed(4)
    network = settled(CoarseToFine(CoarseToFineConfig(fine_window=9)))
    start_of_fine(network)
    image = picture(64, 96)
    with torch.no_grad():
        coarse, fine = network(image)
        correction = fine.logit - coarse.logit
        network.fine.window = 0
        free = network.fine(image, coarse).logit - coarse.logit
    free_mean, mean = (F.avg_pool2d(change, 32).abs().mean() for change in (free, correction))
    assert mean < 0.2 * free_mean and correction.abs().mean() > 0.01
    # at a corner only what lies in the image counts
    expected = free[0, 0, 0, 0] - free[0, 0, :5, :5].mean()
    torch.testing.assert_close(correction[0, 0, 0, 0], expected, atol=1e-5, rtol=0)


def test_at_the_training_size_the_coarse_network_sees_the_whole_image(network):
    images = picture(224, 224).repeat(2, 1, 1, 1)
    images[1, :16, :16] = 255 - images[1, :16, :16]  # one corner
    with torch.no_grad():
        a, b = network.coarse(images).logit
    assert (a - b).abs()[0, -8:, -8:].min() > 0  # the corner across


def test_coarse_has_no_outlines_finer_than_its_grid(network):
    """It ends at 1/8 and is resized: rows of full size lie on lines between those of 1/8."""
    with torch.no_grad():
        logit = network.coarse(picture(64, 96)).logit[0, 0]
    second = logit[:, 2:] - 2 * logit[:, 1:-1] + logit[:, :-2]
    kinks = (second.abs() > 1e-4).any(0)  # of columns 1, 2, ...
    allowed = {3, 4}  # next to the centre of a cell of 8 px
    assert kinks.any() and {int(c + 1) % 8 for c in kinks.nonzero()[:, 0]} <= allowed


def test_each_phase_has_its_parameters(network):
    coarse, fine = (network.parameters_of(part) for part in PARTS)
    assert {id(p) for p in coarse}.isdisjoint(id(p) for p in fine)
    assert len(coarse) + len(fine) == len(list(network.parameters()))
    assert sum(p.numel() for p in fine) < 0.02 * sum(p.numel() for p in coarse)  # it is a shallow one
    with pytest.raises(ValueError, match="part must be one of coarse, fine, got 'both'"):
        network.parameters_of('both')


def test_with_the_coarse_one_frozen_only_the_fine_one_learns(network):
    network.train()
    network.coarse.eval().requires_grad_(False)
    start_of_fine(network)
    before = {name: value.clone() for name, value in network.coarse.state_dict().items()}
    _, fine = network(picture(64, 96, images=2))
    (fine.depth.sum() + fine.confidence.sum()).backward()
    assert {name for name, _ in network.fine.named_parameters()} == {
        name.removeprefix('fine.') for name in moved(network)}
    assert all(torch.equal(value, before[name]) for name, value in network.coarse.state_dict().items())


def test_coarse_depth_teaches_every_weight_of_its_own(network):
    network.train()
    network.coarse(picture(64, 96, images=2)).depth.sum().backward()
    assert moved(network) == {f'coarse.{name}' for name, _ in network.coarse.named_parameters()
                              if not name.startswith('confidence.')}


def test_confidence_does_not_bend_the_depth(network):
    network.train()
    start_of_fine(network)
    coarse, fine = network(picture(64, 96, images=2))
    coarse.confidence.sum().backward(retain_graph=True)
    assert moved(network) and all(name.startswith('coarse.confidence.') for name in moved(network))
    network.zero_grad()
    fine.confidence.sum().backward()
    assert moved(network) and all(name.startswith('fine.confidence.') for name in moved(network))


def test_a_size_that_is_no_multiple_is_refused(network):
    with pytest.raises(ValueError, match='multiples of 32 px, got 48 and 64'):
        network(picture(48, 64))


@pytest.mark.parametrize('options, message', [
    ({'up_channels': (16, 32, 64)}, 'up_channels must be 2 numbers'),
    ({'up_channels': (16, -8)}, 'up_channels must be positive'),
    ({'fine_dilations': ()}, 'fine_dilations must hold a number for each convolution, got none'),
    ({'fine_window': 8}, 'fine_window must be 0, or odd and at least 3 px, got 8'),
    ({'max_depth': 0.0}, 'max_depth must be positive and finite, got 0.0')])
def test_config_names_the_field_and_the_value(options, message):
    with pytest.raises(ValueError, match=message):
        CoarseToFineConfig(**options)


def test_it_is_known_by_name_and_its_config_comes_from_plain_values(network):
    assert kind_of(network) == 'coarse_to_fine'
    assert config_from('coarse_to_fine', {'fine_dilations': [1, 2, 4, 1]}) == network.config
    assert KINDS['coarse_to_fine'].multiple == 32


@pytest.mark.parametrize('engine', ['torch', 'openvino', 'onnxruntime'])
@pytest.mark.parametrize('as_trained', [False, True])
def test_an_engine_gives_what_the_networks_give(network, engine, as_trained):
    if as_trained:
        network.coarse.input.equalized = network.fine.input.equalized = True
        network.fine.window = 33
    if engine != 'torch':
        pytest.importorskip(engine)
        pytest.importorskip('onnx')
    start_of_fine(network)
    image = picture(64, 96)
    with torch.no_grad():
        outputs = network(image)
    graphs = coarse_to_fine_graphs(network)
    runner = choose(engine, device='cpu', precision='fp32', num_threads=1)[0]
    files = to_onnx(graphs, {IMAGE: image}) if runner.needs_onnx else [b''] * len(graphs)
    steps = Model(runner, graphs, files).run({IMAGE: image.numpy()})
    for number, (tensor, expected) in enumerate(zip(steps, outputs, strict=True), start=1):
        assert expected.depth.std() > 0.003  # there is something to agree on
        np.testing.assert_allclose(tensor(f'depth_{number}'), expected.depth, atol=1e-4)
        np.testing.assert_allclose(tensor(f'confidence_{number}'), expected.confidence, atol=1e-3)
