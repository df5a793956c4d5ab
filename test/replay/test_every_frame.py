"""Every set of a real bag is answered by the real node, the same every time."""

from pathlib import Path

import numpy as np
import pytest
import super_resolution_networks

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
import recordings
from recordings import FACTOR, INFO, LOW_RES, LOW_RES_INFO, OPTIONS, SPARSE, TRUTH

from depth_models.estimators.stereo import StereoMatcher
from depth_nodes import conversions
from depth_nodes.replay import bags
from depth_nodes.replay.one_bag import replay_bag
from depth_nodes.replay.request import Request

FRAMES = 4
STEREO = {**OPTIONS, 'weights': 'anynet', 'max_disparity': 96}
CAMERA = {'image_rect': recordings.IMAGE, 'camera_info': INFO}
NO_TRUTH = {'truth': 'none'}


@pytest.fixture(scope='module')
def pairs(tmp_path_factory) -> Path:
    return recordings.stereo(tmp_path_factory.mktemp('bags'), FRAMES)


@pytest.fixture(scope='module')
def camera(tmp_path_factory) -> Path:
    return recordings.one_camera(tmp_path_factory.mktemp('bags'), FRAMES)


@pytest.fixture(scope='module')
def upscaler(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp('weights')
    return {'weights': super_resolution_networks.write(folder / 'plain.safetensors', FACTOR),
            'weights_guided': super_resolution_networks.write(folder / 'guided.safetensors', guided=True)}


def disparities(bag: Path) -> list[np.ndarray]:
    return [conversions.read_disparity(m.message(), m.topic)
            for m in bags.read(bag) if m.topic.endswith('/disparity')]


def test_two_runs_give_the_same_bits_and_those_are_the_matchers_own(pairs, tmp_path):
    results = [replay_bag(pairs, Request('stereo', parameters=STEREO, record=tmp_path / name))
               for name in ('one', 'two')]
    recorded = [[(m.topic, m.time_ns, m.message()) for m in bags.read(tmp_path / name)]  # padding may differ
                for name in ('one', 'two')]
    assert recorded[0] == recorded[1]
    assert len(recorded[0]) == 5 * FRAMES  # disparity, depth, its camera_info, confidence, points
    for part in ('figures', 'self_checks', 'stamp_ns', 'stage'):
        assert results[0]['series'][part] == results[1]['series'][part]
    matcher = StereoMatcher.from_pretrained('anynet', max_disparity=96, **OPTIONS)
    found = disparities(tmp_path / 'one')
    read = [m for m in bags.read(pairs) if m.topic.endswith('image_rect')]
    for number, disparity in enumerate(found):
        left, right = (conversions.read_image(m.message(), m.topic) for m in read[2 * number:2 * number + 2])
        np.testing.assert_array_equal(disparity, matcher.compute(left, right).disparity)


def test_pairs_are_measured_against_the_true_disparity_of_the_bag(pairs):
    result = replay_bag(pairs, Request('stereo', parameters=STEREO), command='depth-nodes replay x')
    summary, series = result['summary'], result['series']
    assert (summary['frames'], summary['answered'], summary['dropped']) == (FRAMES, FRAMES, 0)
    assert '/stereo/ground_truth/disparity' in result['about']['truth']
    # a node that mixes up sides, scales or stamps is tens of pixels off
    assert 0.1 < summary['figures']['epe'] < 8.0
    assert summary['figures']['epe'] == pytest.approx(np.mean(series['figures']['epe']))
    assert series['stage'] == [4] * FRAMES
    np.testing.assert_allclose(series['t'], np.arange(FRAMES) / recordings.RATE)
    assert all(latency > 0 for latency in series['latency_ms'])
    assert result['distance'] and result['sparsification'] and result['cloud']['count'] > 1000
    shown = result['pictures']
    assert shown['by'] == 'epe' and len(shown['best']) == len(shown['worst']) == 1
    assert shown['best'][0]['figure'] == min(series['figures']['epe'])
    assert result['about']['command'] == 'depth-nodes replay x'
    assert result['about']['estimator']['model'] == 'anynet'


def test_without_truth_the_checks_that_need_none_tell(pairs):
    result = replay_bag(pairs, Request('stereo', parameters={**STEREO, 'stage': 2}, left_right=True, frames=2,
                                       **NO_TRUTH))
    checks = result['summary']['self_checks']
    assert result['summary']['figures'] == {} and result['about']['truth'] is None
    assert result['summary']['frames'] == 2 and result['series']['stage'] == [2, 2]
    assert 0 < checks['photometric'] < 40  # grey levels
    assert 0 < checks['left_right'] < 0.7  # a right view that is mixed up agrees nowhere
    assert 0 < checks['planarity_share'] <= 1
    assert any('no ground truth' in note for note in result['about']['notes'])


def test_a_frame_that_cannot_be_used_is_said_and_the_others_are_answered(pairs, tmp_path):
    def messages():
        for number, recorded in enumerate(bags.read(pairs)):
            message = recorded.message()
            if number < 5 and recorded.topic == '/stereo/right/image_rect':
                message.encoding = 'rgb7'
            yield recorded.topic, recorded.time_ns, message

    bags.write(tmp_path / 'spoilt', messages())
    result = replay_bag(tmp_path / 'spoilt', Request('stereo', parameters={**STEREO, 'stage': 1}))
    assert result['series']['dropped'] == [1, 0, 0, 0]
    assert result['series']['latency_ms'][0] is None and result['series']['figures']['epe'][0] is None
    said = "1 frames could not be used: right/image_rect: encoding is 'rgb7'"
    assert any(said in note for note in result['about']['notes'])


@pytest.mark.parametrize('node', ['mono', 'coarse_to_fine'])
def test_nodes_with_one_camera(camera, node):
    result = replay_bag(camera, Request(node, parameters=OPTIONS, topics=CAMERA, truth=f'topic:{TRUTH}'))
    figures = result['summary']['figures']
    assert result['summary']['answered'] == FRAMES and result['unit'] == 'm'
    assert 0 < figures['abs_rel'] < 5 and figures['density'] > 0.9
    assert 'photometric' not in result['summary']['self_checks']


def test_a_scale_is_fitted_to_the_depths_that_the_bag_has_beside_the_images(tmp_path):
    stretched = recordings.one_camera(tmp_path, 2, stretched=4.0)

    def run(scale: str) -> float:
        request = Request('mono', parameters={**OPTIONS, 'scale': scale}, truth=f'topic:{TRUTH}',
                          topics={**CAMERA, 'sparse_depth/image': SPARSE})
        return replay_bag(stretched, request)['summary']['figures']['abs_rel']

    assert run('none') > 0.6  # the network's own metres
    assert run('median') < 0.4


def test_sparse_depth_is_made_dense(camera, tmp_path):
    request = Request('sparse_depth', parameters=OPTIONS, truth=f'topic:{TRUTH}', record=tmp_path / 'found',
                      topics={**CAMERA, 'sparse_depth/image': SPARSE})
    figures = replay_bag(camera, request)['summary']['figures']
    assert figures['abs_rel'] < 0.05 and figures['density'] > 0.99
    again = Request('sparse_depth', parameters=OPTIONS, record=tmp_path / 'again', topics=request.topics)
    replay_bag(camera, again)
    one, two = ([m.message() for m in bags.read(tmp_path / name)] for name in ('found', 'again'))
    assert one and one == two


def test_low_resolution_is_brought_to_that_of_the_image(camera, upscaler):
    topics = {**CAMERA, 'low_res/image_rect': LOW_RES, 'low_res/camera_info': LOW_RES_INFO}
    result = replay_bag(camera, Request(
        'super_resolution', parameters={**OPTIONS, **upscaler, 'method': 'bicubic'}, topics=topics,
        truth=f'topic:{TRUTH}'))
    assert result['summary']['answered'] == FRAMES
    assert result['summary']['figures']['abs_rel'] < 0.1  # of bicubic, which does not depend on weights
    guided = replay_bag(camera, Request('super_resolution', parameters={**OPTIONS, **upscaler}, topics=topics,
                                        truth=f'topic:{TRUTH}', frames=1))
    assert guided['series']['stage'] == [2]


def test_a_node_that_cannot_be_made_is_an_error_in_a_sentence(pairs):
    with pytest.raises(OSError, match='nowhere'):
        replay_bag(pairs, Request('stereo', parameters={**OPTIONS, 'weights': '/nowhere/x.safetensors'}))
    with pytest.raises(ValueError, match='stage'):
        replay_bag(pairs, Request('stereo', parameters={**OPTIONS, 'stage': 9}))
