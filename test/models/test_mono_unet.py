"""What the mono U-Net promises: the report's size and layout, and the same numbers by every engine."""

import numpy as np
import pytest
import torch
from mono_pictures import moved, picture, settled
from torch import nn

from benchmarks.baseline_unet import BaselineUNet
from depth_models.engines import Model, choose
from depth_models.engines.export import to_onnx
from depth_models.networks.mono_graphs import IMAGE, unet_graphs
from depth_models.networks.mono_networks import KINDS, config_from, kind_of
from depth_models.networks.mono_unet import MonoUNet, MonoUNetConfig, UpBlock


@pytest.fixture
def network() -> MonoUNet:
    torch.manual_seed(3)
    return settled(MonoUNet())


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_reports_number_of_parameters_and_so_has_the_baseline(network):
    assert parameters(network) == pytest.approx(1.22e6, rel=0.01)
    assert parameters(BaselineUNet()) == pytest.approx(17.26e6, rel=0.001)


def test_its_layers_are_those_of_section_3_2(network):
    """Convolutions of 3x3 with batch norm on the way down, without on the way up; 101 at 1/16."""
    counts = {part: [sum(isinstance(m, kind) for m in getattr(network, part).modules())
                     for kind in (nn.Conv2d, nn.BatchNorm2d, nn.ReLU)]
              for part in ('features', 'down', 'up')}
    assert counts == {'features': [2, 2, 2], 'down': [8, 8, 8], 'up': [8, 0, 8]}
    assert {m.kernel_size for part in ('features', 'down', 'up') for m in getattr(network, part).modules()
            if isinstance(m, nn.Conv2d)} == {(3, 3)}
    assert network.depth.kernel_size == (3, 3) and network.depth.out_channels == 1
    given = []
    for module in network.modules():
        if isinstance(module, UpBlock):
            module.register_forward_pre_hook(lambda _, args: given.append([tuple(a.shape[1:]) for a in args]))
    network(picture(48, 64))
    assert given[0] == [(101, 3, 4), (101, 6, 8)]  # what comes from below, and the skip connection
    assert [skip[1:] for _, skip in given] == [(6, 8), (12, 16), (24, 32), (48, 64)]


@pytest.mark.parametrize('size', [(16, 16), (48, 80), (240, 320)])
def test_depth_and_confidence_have_the_size_of_the_image_and_depth_is_in_0_to_1(network, size):
    with torch.no_grad():
        output = network(picture(*size, images=2))
    assert output.depth.shape == output.confidence.shape == output.logit.shape == (2, 1, *size)
    assert 0 <= output.depth.min() < output.depth.max() <= 1
    torch.testing.assert_close(output.depth, torch.sigmoid(output.logit))


def test_bytes_and_floats_are_the_same_image(network):
    with torch.no_grad():
        torch.testing.assert_close(network(picture(48, 64)).depth, network(picture(48, 64).float()).depth)


def test_a_row_or_a_column_of_the_image_changes_depth_around_itself(network):
    """Nothing is turned or shifted on the way: what changes at a pixel is centred on it."""
    image = picture(160, 320).float()
    changed = image.clone()
    changed[:, 38:42, 118:122] = 255 - changed[:, 38:42, 118:122]
    with torch.no_grad():
        difference = (network(changed).logit - network(image).logit).abs()[0, 0]
    rows, columns = torch.meshgrid(torch.arange(160.0), torch.arange(320.0), indexing='ij')
    weight = difference / difference.sum()
    assert float((weight * rows).sum()) == pytest.approx(39.5, abs=8)
    assert float((weight * columns).sum()) == pytest.approx(119.5, abs=8)


def test_a_size_that_is_no_multiple_is_refused(network):
    with pytest.raises(ValueError, match='multiples of 16 px, got 40 and 64'):
        network(picture(40, 64))


def test_confidence_does_not_bend_the_depth(network):
    network.train()
    network(picture(48, 64, images=2)).confidence.sum().backward()
    assert moved(network) and all(name.startswith('confidence.') for name in moved(network))


def test_depth_teaches_every_weight_of_its_own(network):
    network.train()
    network(picture(48, 64, images=2)).depth.sum().backward()
    assert moved(network) == {name for name, _ in network.named_parameters()
                              if not name.startswith('confidence.')}


@pytest.mark.parametrize('options, message', [
    ({'down_channels': (16, 32, 101)}, r'down_channels must be 4 numbers, got \(16, 32, 101\)'),
    ({'up_channels': (16, 0, 8, 8)}, 'up_channels must be positive'),
    ({'inner_channels': (16, 16)}, 'inner_channels must be 4 numbers'),
    ({'max_depth': float('inf')}, 'max_depth must be positive and finite, got inf'),
    ({'max_depth': -1.0}, 'max_depth must be positive and finite, got -1.0')])
def test_config_names_the_field_and_the_value(options, message):
    with pytest.raises(ValueError, match=message):
        MonoUNetConfig(**options)


def test_it_is_known_by_name_and_its_config_comes_from_plain_values(network):
    assert kind_of(network) == 'mono_unet'
    config = config_from('mono_unet', {'up_channels': [64, 32, 16, 16], 'max_depth': 80.0})
    assert config == MonoUNetConfig(max_depth=80.0)
    assert parameters(KINDS['mono_unet'].network(config)) == parameters(network)
    with pytest.raises(ValueError, match=r'mono_unet has no width; it has .*max_depth'):
        config_from('mono_unet', {'width': 3})
    with pytest.raises(ValueError, match=r'a mono network must be one of .*mono_unet.*, got Linear'):
        kind_of(nn.Linear(1, 1))


@pytest.mark.parametrize('engine', ['torch', 'openvino', 'onnxruntime'])
@pytest.mark.parametrize('equalized', [False, True])
def test_an_engine_gives_what_the_network_gives(network, engine, equalized):
    network.input.equalized = equalized
    if engine != 'torch':
        pytest.importorskip(engine)
        pytest.importorskip('onnx')
    image = picture(48, 64)
    with torch.no_grad():
        expected = network(image)
    graphs = unet_graphs(network)
    runner = choose(engine, device='cpu', precision='fp32', num_threads=1)[0]
    files = to_onnx(graphs, {IMAGE: image}) if runner.needs_onnx else [b'']
    [tensor] = Model(runner, graphs, files).run({IMAGE: image.numpy()})
    assert expected.depth.std() > 0.01  # there is something to agree on
    np.testing.assert_allclose(tensor('depth_1'), expected.depth, atol=1e-4)
    np.testing.assert_allclose(tensor('confidence_1'), expected.confidence, atol=1e-3)
