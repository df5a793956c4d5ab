"""`make demo` does the main job: every figure of it comes from a run of the node."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')

KEYS = {'frames_in', 'frames_out', 'dropped', 'latency_ms_p50', 'latency_ms_p99', 'stage_mean',
        'density', 'epe_px', 'bad2'}


def test_the_demo_measures_a_run_of_the_node(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'depth_nodes.demo', '--out', str(tmp_path), '--stage', '2'],
        capture_output=True, text=True, timeout=110, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary.keys() == KEYS
    assert summary['frames_in'] == 75
    assert 0 < summary['frames_out'] <= 75
    assert summary['stage_mean'] == 2.0
    assert summary['density'] > 0.99
    # OpenCV's matchers reach 3.1 px on the full-size pair; a node that mixes up sides, scales or
    # stamps is tens of pixels off
    assert summary['epe_px'] < 8.0
    assert summary['bad2'] < 0.8
    for name in ('left', 'disparity', 'depth', 'error', 'confidence', 'points', 'sheet'):
        picture = cv2.imread(str(tmp_path / f'{name}.png'))
        assert picture is not None and picture.std() > 10, name
        assert str(tmp_path / f'{name}.png') in done.stdout
