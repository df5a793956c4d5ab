"""A real bag is played over real DDS to the real node, at its pace; what comes back is judged."""

import time
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
import recordings
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from recordings import INFO, OPTIONS
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_nodes import conversions
from depth_nodes.replay import bags
from depth_nodes.replay.one_bag import replay_bag
from depth_nodes.replay.play import Player, later, restamped, stamp_of
from depth_nodes.replay.recorded import Recorded
from depth_nodes.replay.request import Request
from depth_nodes.replay.spool import Spool

FRAMES = 4
# nothing is in a hurry: what is dropped on a busy machine would be the machine's
PATIENT = {**OPTIONS, 'weights': 'anynet', 'max_disparity': 96, 'stage': 2, 'latency_budget_ms': 10000.0}
SLOWLY = 0.25  # of the recorded pace


@pytest.fixture(scope='module')
def pairs(tmp_path_factory) -> Path:
    return recordings.stereo(tmp_path_factory.mktemp('bags'), FRAMES)


def outputs(path: Path, topic: str) -> dict[int, np.ndarray]:
    """By the stamp [ns]."""
    return {stamp_of(m.data): conversions.read_disparity(m.message(), topic)
            for m in bags.read(path) if m.topic == topic}


def test_what_the_node_answers_over_dds_is_what_it_answers_without(pairs, tmp_path):
    result = replay_bag(pairs, Request('stereo', parameters=PATIENT, realtime=True, rate=SLOWLY,
                                       record=tmp_path / 'live'))
    summary, about = result['summary'], result['about']
    assert summary['frames'] == FRAMES and summary['answered'] >= FRAMES - 1  # best effort may lose one
    assert about['mode'] == 'realtime' and 'anynet' in about['estimator']['model']
    assert summary['deadline_missed_share'] == 0.0
    assert summary['seconds'] >= (FRAMES - 1) / recordings.RATE / SLOWLY
    assert 0.1 < summary['figures']['epe'] < 8.0 and summary['self_checks']['photometric'] > 0
    assert set(result['series']['stage']) <= {2, None}
    replay_bag(pairs, Request('stereo', parameters=PATIENT, record=tmp_path / 'still'))
    live, still = (outputs(tmp_path / name, '/replay/disparity') for name in ('live', 'still'))
    assert len(live) == summary['answered'] and live.keys() <= still.keys()
    for stamp, disparity in live.items():
        np.testing.assert_array_equal(disparity, still[stamp])


def test_loops_go_on_in_time_and_calibrations_that_came_once_are_repeated(tmp_path):
    kept: set[str] = set()

    def once():
        for recorded in bags.read(recordings.one_camera(tmp_path, 2)):
            if recorded.topic != INFO or recorded.topic not in kept:
                kept.add(recorded.topic)
                yield recorded.topic, recorded.time_ns, recorded.message()

    bags.write(tmp_path / 'once', once())
    result = replay_bag(tmp_path / 'once', Request(
        'sparse_depth', parameters={**OPTIONS, 'latency_budget_ms': 10000.0}, realtime=True, loops=2,
        rate=0.1, topics={'image_rect': recordings.IMAGE, 'camera_info': INFO,
                          'sparse_depth/image': recordings.SPARSE}, truth=f'topic:{recordings.TRUTH}'))
    stamps = result['series']['stamp_ns']
    assert len(stamps) == 4 and np.all(np.diff(stamps) > 0)
    assert stamps[2] - stamps[0] == stamps[3] - stamps[1]
    assert result['summary']['answered'] >= 3 and result['summary']['figures']['abs_rel'] < 0.05
    assert any('made anew' in note for note in result['about']['notes'])


def test_a_node_that_cannot_start_is_an_error_in_a_sentence(pairs):
    with pytest.raises(ChildProcessError, match='the node ended with 1 before it was ready'):
        replay_bag(pairs, Request('stereo', parameters={**PATIENT, 'weights': '/nowhere/x.safetensors'},
                                  realtime=True))


def test_messages_go_out_as_they_were_recorded_when_they_are_due(context):
    node = rclpy.create_node('player_test', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    info = CameraInfo(width=7, d=[0.5])
    recorded = [Recorded('/played/camera_info', 5_000_000_000 + 100_000_000 * number,
                         'sensor_msgs/msg/CameraInfo', serialize_message(info)) for number in range(4)]
    heard: list[tuple[str, float, bytes]] = []
    node.create_subscription(CameraInfo, '/played/camera_info', lambda data: heard.append(
        ('info', time.monotonic(), bytes(data))), qos_profile_sensor_data, raw=True)
    clocks: list[int] = []
    node.create_subscription(Clock, '/clock', lambda m: clocks.append(
        m.clock.sec * 1_000_000_000 + m.clock.nanosec), 10)
    player = Player(node, [('/played/camera_info', 'sensor_msgs/msg/CameraInfo')], qos_profile_sensor_data,
                    clock=True)
    until(lambda: player.heard() and node.count_subscribers('/clock') == 1, executor)
    began = time.monotonic()
    player.play(lambda: iter(recorded), speed=2.0)
    assert time.monotonic() - began >= 0.15  # 0.3 s at twice the pace
    assert len(player.lateness) == 4 and min(player.lateness) >= 0
    assert player.now_ns() >= 5_300_000_000
    until(lambda: len(heard) == 4 and len(clocks) == 4, executor)
    assert [data for _, _, data in heard] == [m.data for m in recorded]
    assert clocks == [m.time_ns for m in recorded]
    executor.shutdown()
    node.destroy_node()


def test_stamps_are_moved_and_nothing_else():
    image = Image(width=3, height=1, step=3, encoding='mono8', data=b'abc', header=Header(frame_id='left'))
    image.header.stamp.sec, image.header.stamp.nanosec = 12, 999_999_999
    data = serialize_message(image)
    assert stamp_of(data) == 12_999_999_999
    moved = deserialize_message(restamped(data, 13_000_000_005), Image)
    assert (moved.header.stamp.sec, moved.header.stamp.nanosec) == (13, 5)
    image.header.stamp = moved.header.stamp
    assert moved == image
    recorded = Recorded('/a', 7, 'sensor_msgs/msg/Image', data)
    assert stamp_of(later(recorded, 6).data) == 13_000_000_005 and later(recorded, 6).time_ns == 13
    unknown = Recorded('/b', 7, 'std_msgs/msg/String', b'\0\1\0\0 no stamp in here')
    assert later(unknown, 6) == unknown._replace(time_ns=13)


def test_what_is_spooled_is_found_by_topic_and_stamp(tmp_path):
    infos = [CameraInfo(width=number) for number in range(3)]
    with Spool(tmp_path) as spool:
        spool.add('early', 1, 10, 'sensor_msgs/msg/CameraInfo', serialize_message(infos[2]))
        spool.forget()
        for number, info in enumerate(infos[:2]):
            spool.add('info', number, 10 + number, 'sensor_msgs/msg/CameraInfo', serialize_message(info))
        assert spool.get('info', 1) == infos[1] and spool.get('info', 0) == infos[0]
        assert spool.get('info', 2) is None and spool.get('early', 1) is None and len(spool) == 2
        assert [(m.topic, m.time_ns, m.message()) for m in spool] == [
            ('info', 10, infos[0]), ('info', 11, infos[1])]
    assert not list(tmp_path.iterdir())


@pytest.fixture
def context():
    made = rclpy.Context()
    rclpy.init(context=made)
    yield made
    made.try_shutdown()


def until(condition, executor) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        executor.spin_once(timeout_sec=0.05)
