"""Bags that were cut off, never finished or damaged: what is whole comes out, what is lost is said."""

import itertools
import struct

import lz4.frame
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from bag_writers import contents, cut, frames, image, write_bag, write_ros1
from rosbags.rosbag2 import CompressionMode

from depth_nodes.replay import bags

FRAMES = frames(60)  # 1.2 MB
CUTS = [i / 16 for i in range(1, 16)]


def as_messages(written):
    """CDR of ROS 1 messages may be padded otherwise."""
    return [bags.Recorded(*w).message() for w in written]


@pytest.mark.parametrize('mode', [CompressionMode.NONE, CompressionMode.STORAGE])
def test_an_mcap_file_that_is_cut_off(tmp_path, mode):
    file = write_bag(tmp_path / 'bag', 'mcap', FRAMES, mode=mode)
    counts = []
    for share in CUTS:
        found, lost = contents(cut(file, share, tmp_path / 'cut.mcap'))
        assert found == FRAMES[:len(found)]
        assert any('cut.mcap was cut off or never finished' in sentence for sentence in lost)
        assert any(f'{len(found)} messages could be read' in sentence for sentence in lost)
        # two messages a frame of 20 kB: never is more lost than what was cut, the frame that is hit, and
        # what the compressor had not written out, a block of 128 kB
        assert len(found) >= 2 * (60 * share - (2 if mode == CompressionMode.NONE else 9))
        counts.append(len(found))
    assert counts == sorted(counts) and counts[-1] > 100


def test_an_mcap_file_without_its_end_only(tmp_path):
    """The recorder was killed between two chunks, or while it wrote the index."""
    file = write_bag(tmp_path / 'bag', 'mcap', FRAMES)
    whole = file.read_bytes()
    end = whole.index(b'\x0f\x04\0\0\0\0\0\0\0\0\0\0\0')  # the record of the end of data
    (tmp_path / 'a.mcap').write_bytes(whole[:end])
    found, lost = contents(tmp_path / 'a.mcap')
    assert found == FRAMES
    assert lost == ['a.mcap was cut off or never finished: what should follow is missing; 120 messages could '
                    'be read']
    # behind the end of data comes the index alone
    (tmp_path / 'a.mcap').write_bytes(whole[:end + 20])
    assert contents(tmp_path / 'a.mcap') == (FRAMES, [])
    # a file system that lost its power has given the file its size, and no contents
    (tmp_path / 'a.mcap').write_bytes(whole[:end] + bytes(1000))
    found, lost = contents(tmp_path / 'a.mcap')
    assert found == FRAMES and 'the last 1,000 bytes are no whole record' in lost[0]


def test_a_damaged_chunk_of_an_mcap_file_costs_its_own_messages(tmp_path):
    many = frames(200)
    file = write_bag(tmp_path / 'bag', 'mcap', many, mode=CompressionMode.STORAGE)
    whole = bytearray(file.read_bytes())
    at = whole.index(b'\x06', len(whole) // 3)  # anywhere inside
    whole[at:at + 4000] = bytes(4000)
    file.write_bytes(whole)
    found, lost = contents(tmp_path / 'bag')
    assert set(found) < set(many) and found == sorted(found, key=lambda w: w[1])
    missing = len(many) - len(found)
    assert 0 < missing < 150
    assert f'bag.mcap: {missing} messages in damaged chunks could not be read' in lost


def test_unindexed_mcap_files_and_messages_outside_of_chunks(tmp_path):
    """Small writers of mcap make neither chunks nor an index, and keep no order."""
    def record(opcode, body):
        return struct.pack('<BQ', opcode, len(body)) + body

    def text(value):
        return struct.pack('<I', len(value)) + value

    body = record(1, text(b'ros2') + text(b'test'))
    body += record(3, struct.pack('<H', 1) + text(b'sensor_msgs/msg/Image') + text(b'ros2msg') + text(b''))
    body += record(4, struct.pack('<HH', 7, 1) + text(b'/image') + text(b'cdr') + text(b''))
    images = [w for w in FRAMES if w[0] == '/image'][:5]
    for number in (3, 1, 4, 0, 2):
        body += record(5, struct.pack('<HIQQ', 7, 0, images[number][1], 0) + images[number][3])
    body += record(15, bytes(4)) + record(2, bytes(20))
    magic = b'\x89MCAP0\r\n'
    (tmp_path / 'a.mcap').write_bytes(magic + body + magic)
    assert contents(tmp_path / 'a.mcap') == (images, [])


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
def test_a_damaged_message_costs_itself(tmp_path, kind):
    file = write_bag(tmp_path / 'bag', kind, FRAMES, mode=CompressionMode.MESSAGE)
    whole = bytearray(file.read_bytes())
    begin = whole.index(b'\x28\xb5\x2f\xfd', len(whole) // 2)
    whole[begin + 4:begin + 12] = b'\xff' * 8
    file.write_bytes(whole)
    found, lost = contents(tmp_path / 'bag')
    assert set(found) < set(FRAMES) and len(found) == 119
    assert lost == [f'{file.name}: 1 message could not be decompressed']


@pytest.mark.parametrize('kind', ['mcap', 'ros1'])
def test_a_damaged_record_inside_a_chunk_costs_the_rest_of_the_chunk(tmp_path, kind):
    if kind == 'mcap':
        file = write_bag(tmp_path / 'bag', 'mcap', FRAMES)
    else:
        file = tmp_path / 'a.bag'
        write_ros1(file, FRAMES)
    whole = bytearray(file.read_bytes())
    message = whole.index(image(20, 20_000).data.tobytes())
    whole[message - 200:message] = b'\xff' * 200  # its head, and that of the record
    file.write_bytes(whole)
    found, lost = contents(file)
    # by the index the messages before it, then those of the next chunk
    assert [w[1] for w in found[:39]] == [w[1] for w in FRAMES[:39]] and 40 <= len(found) < 120
    assert {w[1] for w in found} < {w[1] for w in FRAMES}
    assert any(f'{120 - len(found)} messages in damaged chunks could not be read' in s for s in lost)


@pytest.mark.parametrize('kind', ['mcap', 'ros1'])
def test_definitions_that_were_in_a_damaged_chunk_are_taken_from_the_index(tmp_path, kind):
    """Both are defined in the first chunk, and once more at the end."""
    if kind == 'mcap':
        file = write_bag(tmp_path / 'bag', 'mcap', FRAMES, mode=CompressionMode.STORAGE)
    else:
        file = tmp_path / 'a.bag'
        write_ros1(file, FRAMES, compression='lz4')
    whole = bytearray(file.read_bytes())
    first = whole.index({'mcap': b'\x28\xb5\x2f\xfd', 'ros1': b'\x04\x22\x4d\x18'}[kind])
    whole[first:first + 100] = bytes(100)
    file.write_bytes(whole)
    found, lost = contents(file)
    assert [w[1] for w in found] == [w[1] for w in FRAMES[-len(found):]] and 10 < len(found) < 110
    assert lost == [f'{file.name}: {120 - len(found)} messages in damaged chunks could not be read']


@pytest.mark.parametrize('compression', ['', 'bz2', 'lz4'])
def test_a_ros_1_bag_that_is_cut_off(tmp_path, compression):
    write_ros1(tmp_path / 'a.bag', FRAMES, compression=compression)
    expected = as_messages(FRAMES)
    for share in CUTS:
        found, lost = contents(cut(tmp_path / 'a.bag', share, tmp_path / 'cut.bag'))
        assert [w[:3] for w in found] == [w[:3] for w in FRAMES[:len(found)]]
        assert as_messages(found) == expected[:len(found)]
        assert any('cut.bag was cut off or never finished' in sentence for sentence in lost)
        # bz2 writes blocks of 900 kB
        assert compression == 'bz2' or len(found) >= 2 * (60 * share - (2 if not compression else 12))


@pytest.mark.parametrize('compression', ['', 'bz2', 'lz4'])
def test_a_ros_1_bag_whose_recorder_was_killed(tmp_path, compression):
    """`a.bag.active`: no index, and a last chunk whose length was not written yet."""
    write_ros1(tmp_path / 'a.bag', FRAMES[:20], compression=compression)
    whole = (tmp_path / 'a.bag').read_bytes()
    place = whole.index(b'index_pos=') + 10
    index = int.from_bytes(whole[place:place + 8], 'little')

    def length(position):
        return int.from_bytes(whole[position:position + 4], 'little')

    def data_length(record):  # where it stands
        return record + 4 + length(record)

    first = len('#ROSBAG V2.0\n')  # the bag's own record; the one chunk follows
    size_at = data_length(data_length(first) + 4 + length(data_length(first)))
    assert size_at + 4 + length(size_at) < index
    active = bytearray(whole[:size_at + 4 + length(size_at)])  # nothing of the index of the chunk
    active[size_at:size_at + 4] = bytes(4)
    active[place:place + 8] = bytes(8)
    (tmp_path / 'a.bag.active').write_bytes(active)
    found, lost = contents(tmp_path / 'a.bag.active')
    assert as_messages(found) == as_messages(FRAMES[:20])
    assert any('a.bag.active was cut off or never finished' in sentence for sentence in lost)


def test_a_damaged_chunk_of_a_ros_1_bag(tmp_path):
    many = frames(200)
    write_ros1(tmp_path / 'a.bag', many, compression='bz2')
    whole = bytearray((tmp_path / 'a.bag').read_bytes())
    middle = len(whole) // 2
    whole[middle:middle + 500] = bytes(500)
    (tmp_path / 'a.bag').write_bytes(whole)
    found, lost = contents(tmp_path / 'a.bag')
    times = {w[1] for w in many}
    assert {w[1] for w in found} < times and [w[1] for w in found] == sorted({w[1] for w in found})
    missing = 400 - len(found)
    assert 0 < missing < 200
    assert lost == [f'a.bag: {missing} messages in damaged chunks could not be read']


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('compression', ['zstd', 'lz4'])
def test_a_compressed_file_that_is_cut_off(tmp_path, kind, compression):
    written = frames(200)
    mode = CompressionMode.FILE if compression == 'zstd' else CompressionMode.NONE
    file = write_bag(tmp_path / 'bag', kind, written, mode=mode)
    if compression == 'lz4':
        file = file.rename(file.with_name(file.name + '.lz4'))
        file.write_bytes(lz4.frame.compress(file.read_bytes()))
    path = cut(file, 0.75, tmp_path / file.name)
    found, lost = contents(path)
    assert set(found) < set(written) and len(found) > 200
    assert f'{path.name} is compressed and cut off or damaged' in lost[0] and len(lost) >= 2


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3', 'bag'])
def test_no_cut_raises_anything_but_a_sentence(tmp_path, kind):
    """A small bag, cut in headers, definitions, messages and the index."""
    written = frames(3, size=50)
    if kind == 'bag':
        write_ros1(tmp_path / 'a.bag', written)
        file = tmp_path / 'a.bag'
    else:
        file = write_bag(tmp_path / 'bag', kind, written)
    whole = file.read_bytes()
    step = {'mcap': 29, 'sqlite3': 509, 'bag': 67}[kind]
    target, most = tmp_path / f'cut{file.suffix}', 0
    for size in itertools.chain(range(0, len(whole), step), range(len(whole) - 60, len(whole), 3)):
        target.write_bytes(whole[:size])
        try:
            found, lost = contents(target)
        except ValueError as error:
            assert '\n' not in str(error) and target.name in str(error)
            continue
        assert {w[:3] for w in found} <= {w[:3] for w in written}
        assert lost or len(found) == len(written)
        most = max(most, len(found))
    assert most == len(written)
