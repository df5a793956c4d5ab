"""Parameter files of robots: whatever the namespace, what is for the node is found, or said to lack."""

from pathlib import Path

import pytest

pytest.importorskip('rclpy')
from depth_nodes.replay.node_config import as_declared, read_config

ROOT = Path(__file__).parents[2]


def config(tmp_path, text: str) -> dict:
    (tmp_path / 'robot.yaml').write_text(text)
    return read_config(tmp_path / 'robot.yaml', 'stereo')


@pytest.mark.parametrize('text', [
    'stereo_node: {ros__parameters: {stage: 2}}',
    '/front/stereo_node: {ros__parameters: {stage: 2}}',
    'front: {stereo_node: {ros__parameters: {stage: 2}}, mono_node: {ros__parameters: {stage: 1}}}',
    '/**: {ros__parameters: {stage: 2}}',
    '/**: {ros__parameters: {stage: 1}, stereo_node: {ros__parameters: {stage: 2}}}',
    '/**/stereo_node: {ros__parameters: {stage: 1}}\n/a/stereo_node: {ros__parameters: {stage: 2}}'])
def test_the_parameters_of_a_node_are_found_whatever_its_namespace(tmp_path, text):
    assert config(tmp_path, text) == {'stage': 2}


@pytest.mark.parametrize('text, why', [
    ('mono_node: {ros__parameters: {stage: 2}}', 'no parameters for stereo_node, it has some for /mono_node'),
    ('{', 'is no YAML file'), ('', 'it has some for nobody'),
    ('a: {stereo_node: {ros__parameters: {stage: 2}}}\nb: {stereo_node: {ros__parameters: {stage: 1}}}',
     'different parameters for /a/stereo_node, /b/stereo_node')])
def test_a_file_that_cannot_be_meant_is_an_error(tmp_path, text, why):
    with pytest.raises(ValueError, match=why):
        config(tmp_path, text)


@pytest.mark.parametrize('kind', ['stereo', 'mono', 'coarse_to_fine', 'sparse_depth', 'super_resolution'])
def test_the_shipped_files_are_read_and_name_no_other_parameters(kind):
    found = read_config(ROOT / 'config' / f'{kind}.yaml', kind)
    assert found['max_range'] == 100.0
    as_declared(found, kind)


def test_a_parameter_that_a_node_does_not_have_is_said():
    with pytest.raises(ValueError, match=r'wheights: stereo_node has no such parameter, it has .*weights'):
        as_declared({'wheights': 'anynet'}, 'stereo')


def test_whole_numbers_become_floats_where_the_node_has_floats():
    found = as_declared({'latency_budget_ms': 160, 'stage': 2, 'use_color': True}, 'stereo')
    assert found == {'latency_budget_ms': 160.0, 'stage': 2, 'use_color': True}
    assert [type(value) for value in found.values()] == [float, int, bool]
    identity = as_declared({'points_to_camera': [1, 0, 0, 0.5]}, 'sparse_depth')
    assert [type(value) for value in identity['points_to_camera']] == [float] * 4
