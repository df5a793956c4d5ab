"""From a bag to the report in one command, and what is said where that cannot be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
import recordings

ROOT = Path(__file__).parents[2]
QUICKLY = [word for name, value in {**recordings.OPTIONS, 'weights': 'anynet', 'max_disparity': 96}.items()
           for word in ('--param', f'{name}={value}')]


def depth_nodes(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, '-m', 'depth_models.cli', *map(str, words)], capture_output=True,
                          text=True, timeout=110, cwd=ROOT)


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    return recordings.stereo(tmp_path_factory.mktemp('bags'), 3)


def test_a_bag_becomes_a_report_and_two_reports_a_comparison(bag, tmp_path):
    for stage in (1, 2):
        done = depth_nodes('replay', bag, '--node', 'stereo', *QUICKLY, '--param', f'stage={stage}',
                           '--report', tmp_path / f'stage_{stage}')
        assert done.returncode == 0, done.stdout + done.stderr
        assert '3 of 3 answered' in done.stdout
        assert f'wrote {tmp_path}/stage_{stage}/report.html' in done.stdout
        assert 'truth: disparity on /stereo/ground_truth/disparity' in done.stdout  # what was chosen is said
    page = (tmp_path / 'stage_2/report.html').read_text()
    assert 'data:image/jpeg;base64,' in page
    result = json.loads((tmp_path / 'stage_2/report.json').read_text())
    assert f'replay {bag} --node stereo' in result['about']['command']
    assert result['series']['stage'] == [2, 2, 2] and 'pictures' not in result
    done = depth_nodes('compare', tmp_path / 'stage_1', tmp_path / 'stage_2',
                       '--report', tmp_path / 'both.html')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'epe' in done.stdout and (tmp_path / 'both.html').stat().st_size > 10_000


def test_true_disparity_without_a_pair_is_said_to_be_of_no_use(bag, tmp_path):
    done = depth_nodes('replay', bag, '--node', 'mono', '--param', 'engine=torch', '--frames', 2,
                       '--topic', 'image_rect=/stereo/left/image_rect', '--topic',
                       'camera_info=/stereo/left/camera_info', '--truth',
                       'topic:/stereo/ground_truth/disparity', '--report', tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / 'report.json').read_text())
    assert 'abs_rel' not in result['series']['figures']
    assert any('2 frames have true disparity and were compared with nothing' in note
               for note in result['about']['notes'])


def test_of_several_bags_one_that_is_none_does_not_stop_the_others(bag, tmp_path):
    (tmp_path / 'broken.mcap').write_bytes(b'this is no bag')
    done = depth_nodes('replay', tmp_path / 'broken.mcap', bag, '--node', 'stereo', *QUICKLY, '--param',
                       'stage=1', '--frames', 1, '--report', tmp_path / 'reports')
    assert done.returncode == 1
    assert (tmp_path / 'reports/stereo/report.html').is_file()
    assert '1 of 2 bags have no report' in done.stderr and 'broken.mcap' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('words, why', [
    (('/no/such/bag', '--node', 'stereo'), '/no/such/bag'),
    (('{bag}', '--node', 'stereo', '--topic', 'left/image_rect=/no/such/topic'), '/no/such/topic'),
    (('{bag}', '--node', 'super_resolution'), 'low_res/image_rect'),
    (('{bag}', '--node', 'stereo', '--param', 'weights=/no/such.safetensors'), '/no/such.safetensors'),
    (('{bag}', '--node', 'stereo', '--param', 'wheights=anynet'), 'no such parameter'),
    (('{bag}', '--node', 'stereo', '--truth', 'folder:/no/such/folder'), '/no/such/folder'),
    (('{bag}', '--node', 'stereo', '--truth-to-camera', *16 * '0'), 'must be a rotation and a translation')])
def test_what_cannot_be_is_one_sentence(bag, tmp_path, words, why):
    done = depth_nodes('replay', *(word.format(bag=bag) for word in words), '--report', tmp_path / 'none')
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith('depth-nodes replay: ') and why in last, done.stderr
    assert 'Traceback' not in done.stderr and not (tmp_path / 'none').exists()


def test_without_ros_the_command_says_what_to_install(bag):
    done = subprocess.run(
        [sys.executable, '-c', 'import sys; sys.modules["rclpy"] = None\n'
         f'from depth_models import cli; cli.main(["replay", {str(bag)!r}, "--node", "stereo"])'],
        capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.strip().count('\n') == 0
    assert "pip install 'depth_nodes[ros,demo]'" in done.stderr
