"""Depth from one image: numpy in, numpy out, any size, within the stages and the time asked for."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from clocks import Clock

from depth_models import pretrained
from depth_models.estimators.mono import MonoEstimator
from depth_models.estimators.prepared import SCALES
from depth_models.networks.mono_networks import KINDS

SIZE = 64, 96


def network(kind: str = 'mono_unet') -> torch.nn.Module:
    """Untrained, with what a trained one has: answers that differ, a correction."""
    torch.manual_seed(5)
    net = KINDS[kind].network(None)
    for part in net.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    return net


def untrained(kind: str = 'mono_unet', engine: str = 'torch', **options) -> MonoEstimator:
    return MonoEstimator(network(kind), engine=engine, device='cpu', **options)


def picture(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    """Blurred noise, uint8 [H,W,3]."""
    noise = np.random.default_rng(4).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.blur(noise, (9, 9))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize('height, width', [(1, 1), (32, 32), (33, 70), (120, 161)])
def test_any_size_comes_back_in_its_own_size(kind, height, width):
    estimate = untrained(kind).compute(picture(height, width))
    assert estimate.depth.shape == estimate.confidence.shape == (height, width)
    assert estimate.depth.dtype == estimate.confidence.dtype == np.float32
    assert 0 < estimate.depth.min() <= estimate.depth.max() <= KINDS[kind].config().max_depth
    assert 0 <= estimate.confidence.min() <= estimate.confidence.max() <= 1
    assert estimate.metric


def test_depth_is_what_the_network_says_in_metres(kind):
    net = network(kind).eval()
    estimator = MonoEstimator(net, engine='torch', device='cpu')
    with torch.inference_mode():
        outputs = net(torch.from_numpy(picture())[None])
    if kind == 'mono_unet':
        outputs = [outputs]
    assert estimator.stages == len(outputs)
    for stage, output in enumerate(outputs, start=1):
        estimate = estimator.compute(picture(), stage=stage)
        assert estimate.stage == stage
        assert estimate.depth.std() > 0.01  # there is something to compare
        np.testing.assert_allclose(
            estimate.depth, output.depth[0, 0] * KINDS[kind].config().max_depth, rtol=1e-4)
        np.testing.assert_allclose(
            estimate.confidence, torch.sigmoid(output.confidence)[0, 0], atol=1e-5)


@pytest.mark.parametrize('engine', ['openvino', 'onnxruntime'])
def test_an_engine_agrees_with_torch(kind, engine):
    pytest.importorskip(engine)
    pytest.importorskip('onnx')
    image = picture(50, 90)  # stretched
    expected, estimate = (untrained(kind, name, precision='fp32').compute(image)
                          for name in ('torch', engine))
    assert estimate.stage == expected.stage
    np.testing.assert_allclose(estimate.depth, expected.depth, rtol=1e-3)
    np.testing.assert_allclose(estimate.confidence, expected.confidence, atol=1e-3)


def test_an_estimate_stays_what_it_is_when_the_next_image_comes():
    estimator = untrained()
    first = estimator.compute(picture())
    depth, confidence = first.depth.copy(), first.confidence.copy()
    estimator.compute(picture()[::-1])
    np.testing.assert_array_equal(first.depth, depth)
    np.testing.assert_array_equal(first.confidence, confidence)


def test_grey_and_colour_of_the_same_grey_picture_are_one():
    grey = picture()[..., 0]
    estimator = untrained()
    np.testing.assert_array_equal(
        estimator.compute(grey).depth, estimator.compute(np.repeat(grey[..., None], 3, axis=2)).depth)


def test_a_size_that_is_no_multiple_is_stretched_to_the_next_one():
    image = picture(60, 90)
    stretched = cv2.resize(image, (96, 64), interpolation=cv2.INTER_CUBIC)
    expected = cv2.resize(untrained().compute(stretched).depth, (90, 60))
    np.testing.assert_allclose(untrained().compute(image).depth, expected, rtol=1e-5)


def test_the_fine_network_runs_where_the_deadline_allows():
    clock = Clock(step=0.010)
    estimator = untrained('coarse_to_fine', clock=clock)
    assert estimator.compute(picture()).stage == 2  # learns the costs
    assert estimator.compute(picture(), deadline=clock.now).stage == 1
    assert estimator.compute(picture(), deadline=clock.now + 0.02).stage == 1
    assert estimator.compute(picture(), deadline=clock.now + 0.20).stage == 2
    for stage in (1, 2):  # a fixed one ignores it
        assert estimator.compute(picture(), stage=stage, deadline=clock.now).stage == stage


def test_what_each_part_took_is_told():
    estimate = untrained('coarse_to_fine', clock=Clock(step=0.010)).compute(picture())
    assert list(estimate.seconds) == ['preparation', 'stage_1', 'stage_2', 'finish']
    assert all(seconds >= 0.0099 for seconds in estimate.seconds.values())


@pytest.mark.parametrize('scale', [0.5, 0.25])
def test_a_smaller_image_is_seen_and_the_estimate_keeps_its_size(kind, scale):
    image = picture(128, 256)
    estimate = untrained(kind).compute(image, scale=scale)
    assert estimate.scale == scale
    small = cv2.resize(image, (round(256 * scale), round(128 * scale)), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(untrained(kind).compute(small).depth, (256, 128))
    np.testing.assert_allclose(estimate.depth, expected, rtol=1e-5)


def test_the_scale_is_as_large_as_the_budget_allows():
    estimator = untrained(clock=Clock(step=0.0))
    assert not estimator.make_ready(SIZE, SCALES)
    assert estimator.make_ready(SIZE, SCALES)
    for grid, cost in (((64, 96), 0.040), ((32, 48), 0.010), ((16, 32), 0.003)):
        estimator.costs.add(('mono_unet', 1), grid, cost, now=0.0)
    assert [estimator.scale_for(SIZE, seconds) for seconds in (0.050, 0.020, 0.005, 0.001)] == [
        1.0, 0.5, 0.25, 0.25]


@pytest.mark.parametrize('size', [(48, 64), (96, 128), (192, 256)])
def test_images_are_brought_to_the_size_that_the_network_knows(size):
    image = picture(96, 128)
    estimator = untrained(shorter_side=96)
    expected = estimator.compute(image)
    resized = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    estimate = estimator.compute(resized)
    assert estimate.depth.shape == size
    # the same up to what resizing loses
    again = cv2.resize(estimate.depth, (128, 96))
    assert np.median(np.abs(again / expected.depth - 1)) < 0.02
    assert estimator.make_ready(size)  # one compiled size for all of them
    assert len(estimator._prepared) == 1


def written(path, kind: str, notes: dict[str, str], **changes) -> str:
    net = KINDS[kind].network(replace(KINDS[kind].config(), **changes))
    pretrained.write(path, net, kind, net.config, notes)
    return str(path)


def test_weights_of_a_file_bring_their_config_and_the_size_of_their_training(tmp_path, kind):
    path = written(tmp_path / 'a.safetensors', kind, {'shorter_side': '32'}, max_depth=7.0)
    estimator = MonoEstimator.from_pretrained(path, engine='torch')
    assert estimator.describe()['model'] == kind
    assert estimator.describe()['max_depth_m'] == '7'
    assert estimator.compute(picture()).depth.max() < 7
    assert estimator.make_ready((320, 480))  # 32 x 48 as well
    kept = MonoEstimator.from_pretrained(path, engine='torch', shorter_side=0)
    kept.make_ready(SIZE)
    assert not kept.make_ready((320, 480))


def test_the_next_start_gets_ready_for_the_last_size(monkeypatch, tmp_path):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    untrained(engine='onnxruntime').compute(picture(70, 90))
    again = untrained(engine='onnxruntime')
    again.warm_up()
    assert again.make_ready((70, 90))


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'image must be uint8 \[H,W\] or \[H,W,3\], got float64'):
        untrained().compute(picture() / 1.0)
    with pytest.raises(ValueError, match='image is empty'):
        untrained().compute(np.empty((0, 5), np.uint8))
    with pytest.raises(ValueError, match=r'stage must be 0\.\.1, got 2'):
        untrained().compute(picture(), stage=2)
    with pytest.raises(ValueError, match=r'stage must be 0\.\.2, got 3'):
        untrained('coarse_to_fine').compute(picture(), stage=3)
    with pytest.raises(ValueError, match='shorter_side must be 0 or more px, got -1'):
        untrained(shorter_side=-1)
    with pytest.raises(ValueError, match='a mono network must be one of mono_unet, coarse_to_fine, got'):
        MonoEstimator(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match='holds weights of anynet, not mono_unet or coarse_to_fine'):
        MonoEstimator.from_pretrained('anynet')
    with pytest.raises(FileNotFoundError, match='no weights at'):
        MonoEstimator.from_pretrained(str(tmp_path / 'none.safetensors'))
