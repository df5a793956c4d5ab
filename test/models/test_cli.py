"""The command line: what it writes is used here as somebody else would use it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from depth_models import cli
from depth_models.estimators.stereo import StereoMatcher


@pytest.mark.parametrize('weights', ['anynet', 'anynet_wide'])
def test_exported_stages_run_elsewhere_and_give_what_the_matcher_gives(tmp_path, weights):
    pytest.importorskip('onnx')
    runtime = pytest.importorskip('onnxruntime')
    cli.main(['export', str(tmp_path / 'made'), '--weights', weights, '--width', '128', '--height', '64',
              '--max-disparity', '64'])
    described = json.loads((tmp_path / 'made' / 'graphs.json').read_text())
    images = np.random.default_rng(2).integers(0, 256, (2, 64, 128, 3), np.uint8)
    board = {'images': images, 'left_image': images[:1]}
    for graph in described['graphs']:
        session = runtime.InferenceSession(str(tmp_path / 'made' / graph['file']))
        outputs = session.run(graph['outputs'], {name: board[name] for name in graph['inputs']})
        board.update(zip(graph['outputs'], outputs))
    matcher = StereoMatcher.from_pretrained(weights, engine='torch', max_disparity=64)
    estimate = matcher.compute(*images)
    found = board['disparity_4'][0, 0]
    step = 128 // found.shape[-1]  # px of the image for one of the stage's grid
    cells = estimate.disparity.reshape(64 // step, step, 128 // step, step)
    middle = slice((step - 1) // 2, step // 2 + 1)
    centres = cells[:, middle, :, middle].mean((1, 3))
    assert np.abs(found * step - centres)[1:-1, 1:-1].mean() < 0.5


@pytest.mark.parametrize('arguments, reason', [
    (['--width', '100'], 'width must be a positive multiple of 32 px, got 100'),
    (['--weights', '/nowhere.safetensors'], 'no weights at /nowhere.safetensors')])
def test_mistakes_are_one_line(tmp_path, arguments, reason):
    done = subprocess.run([sys.executable, '-m', 'depth_models.cli', 'export', str(tmp_path), *arguments],
                          capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert done.stderr.startswith(f'depth-nodes export: {reason}')
    assert done.stderr.count('\n') == 1
