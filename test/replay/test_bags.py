"""Bags of every format come back as they were written; what is no bag is named in one sentence."""

import re
import shutil

import lz4.frame
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from bag_writers import START, contents, frames, write_bag, write_humble, write_ros1
from rosbags.rosbag2 import CompressionMode
from ruamel.yaml import YAML
from sensor_msgs.msg import CameraInfo, Image

from depth_nodes.replay import bags

MODES = [('mcap', mode) for mode in CompressionMode] + [
    ('sqlite3', mode) for mode in CompressionMode if mode != CompressionMode.STORAGE]
FRAMES = frames(60)  # 2.4 MB: more than one chunk


def checked(path, written):
    """The bag holds just this, and says so."""
    found, lost = contents(path)
    assert found == written
    assert lost == []
    with bags.Bag(path) as bag:
        for topic in {w[0] for w in written}:
            of_topic = [w for w in written if w[0] == topic]
            assert bag.topics[topic] == (topic, of_topic[0][2], len(of_topic))
        assert (bag.start_ns, bag.end_ns) == (written[0][1], written[-1][1])
        return bag.kind


@pytest.mark.parametrize(('kind', 'mode'), MODES, ids=str)
def test_a_rosbag2_folder_is_read_with_metadata_and_without_and_as_a_single_file(tmp_path, kind, mode):
    file = write_bag(tmp_path / 'bag', kind, FRAMES, mode=mode)
    assert checked(tmp_path / 'bag', FRAMES) == f'rosbag2 {kind}'
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    assert checked(tmp_path / 'bag', FRAMES) == f'rosbag2 {kind}'
    assert checked(file, FRAMES) == f'rosbag2 {kind}'


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
def test_lz4_of_files_and_of_messages(tmp_path, kind):
    file = write_bag(tmp_path / 'bag', kind, FRAMES)
    packed = tmp_path / f'{file.name}.lz4'
    packed.write_bytes(lz4.frame.compress(file.read_bytes()))
    checked(packed, FRAMES)
    write_bag(tmp_path / 'messages', kind, [(*w[:3], lz4.frame.compress(w[3])) for w in FRAMES])
    checked(tmp_path / 'messages', FRAMES)


@pytest.mark.parametrize('version', [3, 4, 5, 6, 7, 8, 9, 10])
def test_metadata_of_every_version(tmp_path, version):
    """What changed between Foxy and Kilted, and a version to come."""
    write_bag(tmp_path / 'bag', 'sqlite3', FRAMES, version=9 if version >= 9 else 8)
    path = tmp_path / 'bag' / 'metadata.yaml'
    yaml = YAML(typ='safe')
    about = yaml.load(path.read_text())['rosbag2_bagfile_information']
    about['version'] = version
    for since, key in ((5, 'files'), (6, 'custom_data'), (8, 'ros_distro')):
        if version < since:
            del about[key]
    if version < 4:
        about['relative_file_paths'] = [f'bag/{name}' for name in about['relative_file_paths']]
    for topic in about['topics_with_message_count']:
        if version < 7:
            del topic['topic_metadata']['type_description_hash']
        if version < 4:
            del topic['topic_metadata']['offered_qos_profiles']
    with path.open('w') as file:
        yaml.dump({'rosbag2_bagfile_information': about}, file)
    checked(tmp_path / 'bag', FRAMES)


def test_the_tables_of_humble(tmp_path):
    write_humble(tmp_path / 'a.db3', FRAMES).close()
    assert checked(tmp_path / 'a.db3', FRAMES) == 'rosbag2 sqlite3'


@pytest.mark.parametrize('compression', ['', 'bz2', 'lz4'])
def test_ros_1_comes_out_as_cdr_of_ros_2(tmp_path, compression):
    write_ros1(tmp_path / 'a.bag', FRAMES, compression=compression)
    found, lost = contents(tmp_path / 'a.bag')
    # CDR may be padded differently, so the messages are compared
    assert [w[:3] for w in found] == [w[:3] for w in FRAMES] and lost == []
    with bags.Bag(tmp_path / 'a.bag') as bag:
        assert bag.kind == 'ROS 1'
        assert bag.topics['/image'] == ('/image', 'sensor_msgs/msg/Image', 60)
        assert (bag.start_ns, bag.end_ns) == (START, FRAMES[-1][1])
        recorded = list(bag.messages())
    expected = [bags.Recorded(*w).message() for w in FRAMES]
    assert [m.message() for m in recorded] == expected
    assert isinstance(expected[0], Image) and isinstance(expected[1], CameraInfo)


def test_a_type_that_only_the_bag_knows_is_passed_on(tmp_path):
    from rosbags import rosbag1, rosbag2

    definition = {'msgdef': 'uint8 level\nfloat64 volts\n', 'msgtype': 'robot_msgs/msg/Battery'}
    cdr = b'\0\1\0\0' + b'\7' + bytes(7) + bytes(8)
    with rosbag2.Writer(tmp_path / 'two', version=9) as writer:
        connection = writer.add_connection('/battery', rihs01='RIHS01_' + '0' * 64, **definition)
        writer.write(connection, 5, cdr)
    assert contents(tmp_path / 'two') == ([('/battery', 5, 'robot_msgs/msg/Battery', cdr)], [])
    with rosbag1.Writer(tmp_path / 'one.bag') as writer:
        connection = writer.add_connection('/battery', md5sum='0' * 32, **definition)
        writer.write(connection, 5, b'\7' + bytes(8))
        # bytes that do not fit the definition are no reason to give up either
        writer.write(connection, 6, b'\7')
    found, lost = contents(tmp_path / 'one.bag')
    assert found == [('/battery', 5, 'robot_msgs/msg/Battery', cdr),
                     ('/battery', 6, 'robot_msgs/msg/Battery', b'\7')]
    assert len(lost) == 1 and 'robot_msgs/msg/Battery do not fit' in lost[0]


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
def test_topics_without_messages_are_listed(tmp_path, kind):
    file = write_bag(tmp_path / 'bag', kind, FRAMES[:4], empty=('/depth',))
    for path in (tmp_path / 'bag', file):
        with bags.Bag(path) as bag:
            assert bag.topics['/depth'] == ('/depth', 'sensor_msgs/msg/Image', 0)
            assert list(bag.messages(['/depth'])) == [] and bag.lost == []


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
def test_a_bag_without_any_message(tmp_path, kind):
    write_bag(tmp_path / 'bag', kind, [], empty=('/depth',))
    with bags.Bag(tmp_path / 'bag') as bag:
        assert (bag.start_ns, bag.end_ns, list(bag.messages()), bag.lost) == (0, 0, [], [])
        assert list(bag.topics) == ['/depth']


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3', 'ros1'])
def test_what_was_recorded_out_of_order_comes_in_order(tmp_path, kind):
    shuffled = [FRAMES[i] for i in (4, 1, 3, 0, 2, 5, *range(119, 5, -1))]
    path = tmp_path / ('a.bag' if kind == 'ros1' else 'bag')
    write_ros1(path, shuffled) if kind == 'ros1' else write_bag(path, kind, shuffled)
    found, lost = contents(path)
    assert [w[1] for w in found] == [w[1] for w in FRAMES] and lost == []


def test_only_the_topics_that_are_asked_for(tmp_path):
    write_bag(tmp_path / 'bag', 'mcap', FRAMES)
    found, _ = contents(tmp_path / 'bag', ['/info', '/nothing'])
    assert found == [w for w in FRAMES if w[0] == '/info']
    assert contents(tmp_path / 'bag', [])[0] == []


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
def test_files_of_a_split_bag_are_put_together(tmp_path, kind):
    """Eleven, as a_10 must come after a_2; the last two overlap in time."""
    folder = tmp_path / 'bag'
    folder.mkdir()
    ending = {'mcap': 'mcap', 'sqlite3': 'db3'}[kind]
    pieces = [FRAMES[i * 10:i * 10 + 10] for i in range(10)] + [FRAMES[100::2], FRAMES[101::2]]
    for number, piece in enumerate(pieces):
        file = write_bag(tmp_path / f'part{number}', kind, piece)
        shutil.copy(file, folder / f'a_{number}.{ending}')
    checked(folder, FRAMES)


def test_names_that_say_nothing(tmp_path):
    file = write_bag(tmp_path / 'bag', 'mcap', FRAMES)
    shutil.copy(file, tmp_path / 'download')
    checked(tmp_path / 'download', FRAMES)


def test_the_writer_keeps_what_came_before_an_error(tmp_path):
    with pytest.raises(ValueError, match=r'/x cannot be recorded: .* its type a/msg/B is not known'), \
            bags.Writer(tmp_path / 'out') as writer:
        for written in FRAMES[:10]:
            writer.write(*written)
        writer.write('/x', 0, 'a/msg/B', b'')
    checked(tmp_path / 'out', FRAMES[:10])
    with pytest.raises(FileExistsError, match='out is there already'):
        bags.Writer(tmp_path / 'out')


def test_what_is_no_bag_is_said_in_a_sentence(tmp_path):
    (tmp_path / 'empty.mcap').touch()
    (tmp_path / 'text.db3').write_text('this is no database, but as long as one might be')
    (tmp_path / 'folder').mkdir()
    for name, kind in (('both', 'mcap'), ('both_', 'sqlite3')):
        file = write_bag(tmp_path / name, kind, FRAMES[:2])
    shutil.copy(file, tmp_path / 'both')
    (tmp_path / 'both' / 'metadata.yaml').unlink()
    for name, sentence in (('none', 'there is no bag .*none'),
                           ('empty.mcap', r'empty\.mcap is no bag: .* is empty'),
                           ('text.db3', r'text\.db3 is no bag: .* begins as none of them'),
                           ('folder', 'folder holds no bag: no .mcap, .db3 or .bag'),
                           ('both', 'both holds bags of several kinds, rosbag2 sqlite3 and rosbag2 mcap|'
                                    'both holds bags of several kinds, rosbag2 mcap and rosbag2 sqlite3')):
        with pytest.raises((ValueError, FileNotFoundError)) as raised:
            bags.Bag(tmp_path / name)
        assert re.search(sentence, str(raised.value)) and '\n' not in str(raised.value)
