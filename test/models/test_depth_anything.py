"""Depth Anything behind the face of the mono networks: a tiny one of the same class, untrained."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from depth_models.estimators.depth_anything import FARTHEST, NAMES, DepthAnything
from depth_models.estimators.relative_depth import RelativeDepth
from depth_models.metric_scale import MetricScale

transformers = pytest.importorskip('transformers', reason='the optional extra depth_anything')
PATCH = 14


def tiny(kind: str = 'relative', max_depth: int = 1) -> torch.nn.Module:
    torch.manual_seed(3)
    config = transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(
            image_size=70, patch_size=PATCH, hidden_size=24, num_attention_heads=2,
            num_hidden_layers=4, out_indices=[1, 2, 3, 4], reshape_hidden_states=False),
        reassemble_hidden_size=24, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        head_hidden_size=4, depth_estimation_type=kind, max_depth=max_depth)
    model = transformers.DepthAnythingForDepthEstimation(config).eval()
    for name, parameter in model.named_parameters():  # answers that differ, as of a trained one
        if 'conv' in name or 'projection' in name:
            torch.nn.init.normal_(parameter, std=0.22)
    torch.nn.init.constant_(model.head.conv3.bias, 1.0)
    return model


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp('tiny')
    tiny().save_pretrained(path)
    return str(path)


def picture(height: int = 70, width: int = 98) -> np.ndarray:
    noise = np.random.default_rng(4).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.blur(noise, (9, 9))


def estimator(model: torch.nn.Module | None = None, **options) -> DepthAnything:
    return DepthAnything(model or tiny(), **{
        'engine': 'torch', 'device': 'cpu', 'precision': 'fp32', 'shorter_side': 70, **options})


def said(model: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """What the model itself says of an image, by the preprocessing of its authors."""
    pixels = (image / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        tensor = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))
        return model(pixel_values=tensor).predicted_depth[0].numpy()


def test_relative_depth_is_one_over_what_the_network_says():
    expected = said(tiny(), picture())
    assert expected.std() > 0.01
    estimate = estimator().compute(picture())
    np.testing.assert_allclose(1 / estimate.depth - FARTHEST, expected, rtol=1e-3, atol=1e-4)
    assert not estimate.metric
    assert estimate.depth.dtype == np.float32
    assert estimate.confidence.shape == estimate.depth.shape and np.isnan(estimate.confidence).all()
    assert (estimate.stage, estimate.scale) == (1, 1.0)
    assert list(estimate.seconds) == ['preparation', 'stage_1', 'finish']


def test_as_relative_depth_it_is_what_the_network_says():
    relative = RelativeDepth(estimator()).compute(picture())
    np.testing.assert_allclose(relative, said(tiny(), picture()) + FARTHEST, rtol=1e-3)
    assert RelativeDepth(estimator()).source == 'depth_anything'


def test_what_is_farthest_stays_finite():
    model = tiny()
    torch.nn.init.constant_(model.head.conv3.bias, -100.0)
    depth = estimator(model).compute(picture()).depth
    np.testing.assert_allclose(depth, 1 / FARTHEST, rtol=1e-5)


def test_a_metric_network_tells_metres():
    model = tiny('metric', max_depth=20)
    estimate = estimator(model).compute(picture())
    assert estimate.metric
    np.testing.assert_allclose(estimate.depth, said(model, picture()), rtol=1e-3)
    assert 1 < estimate.depth.mean() < 20


@pytest.mark.parametrize('height, width', [(1, 1), (33, 70), (140, 150)])
def test_any_size_comes_back_in_its_own_size(height, width):
    depth = estimator().compute(picture(height, width)).depth
    assert depth.shape == (height, width)
    assert np.isfinite(depth).all() and depth.min() > 0


@pytest.mark.parametrize('size, grid', [
    ((480, 640), (518, 686)), ((375, 1242), (518, 1722)), ((1080, 720), (784, 518))])
def test_the_network_sees_images_of_the_size_of_its_training_and_their_shape(size, grid):
    assert DepthAnything(tiny(), engine='torch')._key(size, 1.0) == grid
    half = DepthAnything(tiny(), engine='torch')._key(size, 0.5)
    assert all(side % PATCH == 0 for side in half)
    assert half[0] / grid[0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize('engine', ['openvino', 'onnxruntime'])
def test_an_engine_agrees_with_torch(engine):
    pytest.importorskip(engine)
    pytest.importorskip('onnx')
    expected, depth = (estimator(engine=name).compute(picture(), scale=0.5).depth
                       for name in ('torch', engine))
    assert np.std(1 / expected) > 0.01
    np.testing.assert_allclose(1 / depth, 1 / expected, rtol=2e-3)


def test_a_fit_makes_it_metric():
    estimate = estimator().compute(picture())
    metric = 1 / (0.4 * (1 / estimate.depth) + 0.05)
    sparse = np.where(np.random.default_rng(0).random(metric.shape) < 0.05, metric, np.nan)
    metric_scale = MetricScale('affine')
    fit = metric_scale.update(estimate.depth, sparse.astype(np.float32))
    assert fit.mode == 'affine', fit
    np.testing.assert_allclose(metric_scale.apply(estimate.depth), metric, rtol=1e-2)


def test_weights_of_a_folder(folder):
    loaded = DepthAnything.from_pretrained(folder, engine='torch', device='cpu', shorter_side=70)
    np.testing.assert_allclose(loaded.compute(picture()).depth, estimator().compute(picture()).depth,
                               rtol=1e-4)
    assert loaded.describe()['weights'] == folder
    assert loaded.describe()['model'] == 'depth_anything'


def cut(weights: Path, path: Path) -> None:
    path.write_bytes(weights.read_bytes()[:5000])


def without_a_tensor(weights: Path, path: Path) -> None:
    tensors = load_file(weights)
    del tensors['head.conv1.weight']
    save_file(tensors, path, metadata={'format': 'pt'})


@pytest.mark.parametrize('change, reason', [
    (cut, 'the weights of .* are truncated, damaged or of another shape'),
    (without_a_tensor, 'the weights of .* lack 1 tensors, the first one is head.conv1.weight')])
def test_damaged_weights_are_refused(folder, tmp_path, change, reason):
    (tmp_path / 'config.json').write_bytes((Path(folder) / 'config.json').read_bytes())
    change(Path(folder) / 'model.safetensors', tmp_path / 'model.safetensors')
    with pytest.raises(ValueError, match=reason):
        DepthAnything.from_pretrained(str(tmp_path), engine='torch')


def test_other_models_and_unknown_names_are_refused(tmp_path):
    (tmp_path / 'config.json').write_text(json.dumps({'model_type': 'dinov2'}))
    with pytest.raises(ValueError, match='is a dinov2, not a depth_anything'):
        DepthAnything.from_pretrained(str(tmp_path))
    with pytest.raises(ValueError, match=r'model must be one of depth_anything_v2_small, .*, a name of'):
        DepthAnything.from_pretrained('depth_anything_v3')


def run(code: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=100,
                          env={**os.environ, **environment})
    return done.stdout.strip() + done.stderr


LOAD = ('from depth_models.estimators.depth_anything import DepthAnything\n'
        'try:\n    DepthAnything.from_pretrained()\n'
        'except (OSError, ImportError) as error:\n    print(type(error).__name__, error)\n')


def test_offline_with_no_cached_weights_it_says_what_to_do(tmp_path):
    out = run(LOAD, HF_HUB_OFFLINE='1', HF_HOME=str(tmp_path))
    name = NAMES['depth_anything_v2_small']
    assert out.startswith(f'OSError {name} is neither a folder with config.json'), out
    assert f'run `hf download {name}`' in out
    assert '\n' not in out


def test_without_transformers_it_says_what_to_install():
    out = run("import sys; sys.modules['transformers'] = None\n" + LOAD)
    assert out.startswith('ImportError Depth Anything needs transformers, but'), out
    assert out.endswith('pip install "transformers>=4.45"')
