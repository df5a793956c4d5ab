"""The command line: what it writes is used here as somebody else would use it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from depth_models import cli
from depth_models.estimators.stereo import StereoMatcher


def test_exported_stages_run_elsewhere_and_give_what_the_matcher_gives(tmp_path):
    pytest.importorskip('onnx')
    runtime = pytest.importorskip('onnxruntime')
    cli.main(['export', str(tmp_path / 'made'), '--width', '128', '--height', '64',
              '--max-disparity', '48'])
    described = json.loads((tmp_path / 'made' / 'graphs.json').read_text())
    images = np.random.default_rng(2).integers(0, 256, (2, 64, 128, 3), np.uint8)
    board = {'images': images, 'left_image': images[:1]}
    for graph in described['graphs']:
        session = runtime.InferenceSession(str(tmp_path / 'made' / graph['file']))
        outputs = session.run(graph['outputs'], {name: board[name] for name in graph['inputs']})
        board.update(zip(graph['outputs'], outputs))
    matcher = StereoMatcher.from_pretrained('anynet', engine='torch', max_disparity=48)
    estimate = matcher.compute(*images)
    coarse = board['disparity_4'][0, 0] * 128 / board['disparity_4'].shape[-1]
    centres = estimate.disparity.reshape(16, 4, 32, 4)[:, 1:3, :, 1:3].mean((1, 3))
    assert np.abs(coarse - centres)[1:-1, 1:-1].mean() < 0.5


@pytest.mark.parametrize('arguments, reason', [
    (['--width', '100'], 'width must be a positive multiple of 16 px, got 100'),
    (['--weights', '/nowhere.safetensors'], 'no weights at /nowhere.safetensors')])
def test_mistakes_are_one_line(tmp_path, arguments, reason):
    done = subprocess.run([sys.executable, '-m', 'depth_models.cli', 'export', str(tmp_path), *arguments],
                          capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert done.stderr.startswith(f'depth-nodes export: {reason}')
    assert done.stderr.count('\n') == 1
