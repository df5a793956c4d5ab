"""What is asked of a replay is checked before anything is opened."""

import argparse

import pytest

from depth_nodes.replay import command
from depth_nodes.replay.request import Request


def asked(*words: str) -> Request:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return Request.of(parser.parse_args(['bag', '--node', 'stereo', *words]))


def test_pairs_of_names_and_values_are_read_as_a_parameter_file_would(tmp_path):
    parameters = ('stage=2', 'use_color=false', 'max_range=50.0', 'weights=anynet', 'some=[1, -2.5]')
    request = asked(*(word for each in parameters for word in ('--param', each)),
                    '--topic', 'left/image_rect=/a/b=c', '--camera-info', 'left/camera_info=left.yaml')
    assert request.parameters == {'stage': 2, 'use_color': False, 'max_range': 50.0, 'weights': 'anynet',
                                  'some': [1, -2.5]}
    assert request.topics == {'left/image_rect': '/a/b=c'}
    assert str(request.cameras['left/camera_info']) == 'left.yaml'
    assert request.mode == 'every-frame' and asked('--realtime').mode == 'realtime'


@pytest.mark.parametrize('words, why', [
    (('--rate', '0', '--realtime'), '--rate must be over 0, got 0'),
    (('--rate', '2'), '--rate and --loop need --realtime'),
    (('--realtime', '--loop', '0'), '--loop must be 1 or more, got 0'),
    (('--frames', '-1'), '--frames must be 0'),
    (('--slop', '-0.1'), '--slop must be 0 s or more'),
    (('--left-right', '--realtime'), '--left-right needs'),
    (('--truth', '/a/b'), "--truth must be auto, none, topic:/NAME or folder:DIR, got '/a/b'"),
    (('--truth-kind', 'disparity'), '--truth-kind is of the files of --truth folder:DIR'),
    (('--topic', 'left'), "--topic takes NAME=VALUE, got 'left'"),
    (('--config', '/no/such.yaml'), '--config /no/such.yaml: there is no such file')])
def test_what_makes_no_sense_is_said(words, why):
    with pytest.raises((ValueError, OSError)) as raised:
        asked(*words)
    assert why in str(raised.value)


def test_a_recording_is_never_written_over(tmp_path):
    with pytest.raises(FileExistsError, match='is there already'):
        asked('--record', str(tmp_path))


def test_the_nodes_of_the_command_are_those_that_topics_are_found_for():
    pytest.importorskip('rclpy')
    from depth_nodes.replay.kinds import MAKERS
    from depth_nodes.replay.topics import KINDS

    assert set(command.NODES) == set(KINDS) == set(MAKERS)
