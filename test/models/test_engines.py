"""Every engine gives the numbers of eager torch, and says what it cannot."""

import builtins
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from depth_models.engines import choice as choosing
from depth_models.engines import choose
from depth_models.estimators.stereo import StereoMatcher, load_network


@pytest.fixture(scope='module', params=['anynet', 'anynet_wide'])
def network(request):
    return load_network(request.param)


def pair(height: int = 90, width: int = 250) -> tuple[np.ndarray, np.ndarray]:
    """Two walls: at 9 px of disparity above, at 33 below."""
    rng = np.random.default_rng(8)
    wide = np.kron(rng.integers(0, 256, (height // 3 + 1, width // 3 + 12, 3)), np.ones((3, 3, 1)))
    wide, half = wide.astype(np.uint8), height // 2
    right = np.concatenate([wide[:half, 9:width + 9], wide[half:height, 33:width + 33]])
    return wide[:height, :width], right


@pytest.fixture(params=['openvino', 'onnxruntime'])
def engine(request):
    pytest.importorskip(request.param)
    pytest.importorskip('onnx')
    return request.param


def test_the_stages_of_the_torch_engine_are_the_network(network):
    left, right = pair(96, 256)
    matcher = StereoMatcher(network, engine='torch', device='cpu', max_disparity=64)
    tensors = [torch.from_numpy(image)[None] for image in (left, right)]
    with torch.inference_mode():
        for stage, (disparity, logit, _) in enumerate(network(*tensors, 64), start=1):
            estimate = matcher.compute(left, right, stage=stage)
            np.testing.assert_allclose(estimate.disparity, disparity[0, 0], atol=1e-3)
            np.testing.assert_allclose(estimate.confidence, torch.sigmoid(logit)[0, 0], atol=1e-4)


@pytest.mark.parametrize('stage', [1, 2, 3, 4])
def test_an_engine_agrees_with_torch(engine, network, stage):
    expected, estimate = (
        StereoMatcher(network, engine=name, device='cpu', precision='fp32', max_disparity=64)
        .compute(*pair(), stage=stage) for name in ('torch', engine))
    assert expected.disparity.std() > 1  # there is something to agree on
    difference = np.abs(estimate.disparity - expected.disparity)
    assert difference.mean() < 0.05
    assert np.quantile(difference, 0.999) < 0.5
    np.testing.assert_allclose(estimate.confidence, expected.confidence, atol=0.02)


def test_an_estimate_stays_what_it_is_when_the_next_pair_comes(engine, network):
    matcher = StereoMatcher(network, engine=engine, device='cpu', max_disparity=64)
    first = matcher.compute(*pair())
    disparity, confidence = first.disparity.copy(), first.confidence.copy()
    matcher.compute(*(image[:, ::-1] for image in pair()))
    np.testing.assert_array_equal(first.disparity, disparity)
    np.testing.assert_array_equal(first.confidence, confidence)


def test_sizes_can_come_in_turn(engine, network):
    matcher = StereoMatcher(network, engine=engine, device='cpu', max_disparity=64)
    for height, width in ((90, 250), (48, 80), (90, 250)):
        assert matcher.compute(*pair(height, width)).disparity.shape == (height, width)


def test_what_is_chosen_says_why():
    chosen, why = choose(device='cpu')
    assert chosen.device == 'cpu' and chosen.precision in ('fp32', 'bf16')
    assert why


def test_an_engine_that_is_not_there_is_passed_over_with_the_reason(monkeypatch):
    without(monkeypatch, 'openvino', 'onnxruntime')
    chosen, why = choose(device='cpu')
    assert chosen.name == 'torch'
    assert "not openvino: No module named 'openvino'" in why or choosing.platform.machine() != 'x86_64'
    assert "not onnxruntime: No module named 'onnxruntime'" in why
    with pytest.raises(ValueError, match=r'engine is openvino, but .*; pip install openvino onnx'):
        choose('openvino')


@pytest.mark.parametrize('machine, first', [('x86_64', 'openvino'), ('aarch64', 'onnxruntime')])
def test_the_best_engine_of_a_processor_comes_first(monkeypatch, machine, first):
    monkeypatch.setattr(choosing.platform, 'machine', lambda: machine)
    names = [name for name, _, _ in choosing.candidates('cpu')]
    assert names[0] == first and names[-1] == 'torch'


def test_on_a_gpu_onnx_runtime_comes_first_and_torch_second(monkeypatch):
    monkeypatch.setattr(choosing, 'has_gpu', lambda: True)
    assert [(name, device) for name, device, _ in choosing.candidates('auto')][:2] == [
        ('onnxruntime', 'cuda'), ('torch', 'cuda')]
    assert all(device == 'cpu' for _, device, _ in choosing.candidates('cpu'))


@pytest.mark.parametrize('options, reason', [
    ({'engine': 'tensorflow'}, 'engine must be one of auto, torch, openvino, onnxruntime, got'),
    ({'device': 'tpu'}, 'device must be one of auto, cpu, cuda, got'),
    ({'precision': 'int8'}, 'precision must be one of auto, fp32, bf16, got')])
def test_unknown_names_are_refused_with_the_allowed_ones(options, reason):
    with pytest.raises(ValueError, match=reason):
        choose(**options)


@pytest.mark.parametrize('flags, able', [
    ('flags : fpu avx512f avx512_bf16', True), ('flags : amx_bf16 amx_int8', True),
    ('flags : fpu avx512f avx512_vnni', False), ('', False)])
def test_bf16_is_used_where_the_processor_computes_with_it(tmp_path, flags, able):
    engine = pytest.importorskip('depth_models.engines.openvino_engine')
    (tmp_path / 'cpuinfo').write_text(flags)
    assert engine.has_bf16(tmp_path / 'cpuinfo') == able
    assert not engine.has_bf16(tmp_path / 'nowhere')


def test_bf16_stays_near(network):
    pytest.importorskip('openvino')
    try:
        matcher = StereoMatcher(network, engine='openvino', precision='bf16', max_disparity=64)
    except ValueError as error:
        pytest.skip(str(error))
    expected = StereoMatcher(network, engine='torch', device='cpu', max_disparity=64).compute(*pair())
    difference = np.abs(matcher.compute(*pair()).disparity - expected.disparity)
    assert difference.mean() < 0.3
    assert np.quantile(difference, 0.99) < 3.0


def test_what_an_engine_cannot_is_refused():
    pytest.importorskip('onnxruntime')
    with pytest.raises(ValueError, match='bf16, which ONNX Runtime has not on CPUs'):
        choose('onnxruntime', device='cpu', precision='bf16')
    with pytest.raises(ValueError, match=r'engine openvino runs on the CPU|there is no GPU'):
        choose('openvino', device='cuda')


def without(monkeypatch, *names: str) -> None:
    """Importing these fails, as where they are not installed."""
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name.split('.')[0] in names or any(f'{n}_engine' in name for n in names):
            raise ModuleNotFoundError(f'No module named {name.split(".")[-1].removesuffix("_engine")!r}')
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', importing)


def test_signals_are_handled_after_engines_have_come_and_gone(engine):
    """In a process of its own, and with the stack for signals that Python's faulthandler brings."""
    script = textwrap.dedent("""
        import faulthandler, gc, os, signal, sys
        import torch
        from depth_models.engines import Model, choose
        from depth_models.engines.export import to_onnx
        from depth_models.networks.graph import Graph

        faulthandler.enable()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        graph = Graph('twice', torch.nn.Conv2d(1, 1, 3), ('image',), ('made',))
        files = to_onnx([graph], {'image': torch.zeros(1, 1, 8, 8)})
        models = [Model(choose(sys.argv[1], precision='fp32')[0], [graph], files) for _ in range(2)]
        while models:
            del models[0]  # the first one goes first
            gc.collect()
        os.kill(os.getpid(), signal.SIGTERM)
    """)
    done = subprocess.run([sys.executable, '-c', script, engine], timeout=100, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
