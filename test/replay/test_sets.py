"""Sets out of a bag: matched by stamp, in order, calibrated; and what real recordings do to that."""

import array
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
import cv2
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from depth_nodes import conversions
from depth_nodes.replay import bags, sample
from depth_nodes.replay.cameras import Rectifier
from depth_nodes.replay.matcher import JUMP, WINDOW, Matcher
from depth_nodes.replay.recorded import Recorded, TopicInfo, tally
from depth_nodes.replay.sets import Sets
from depth_nodes.replay.stamps import find_slop, header_stamp
from depth_nodes.replay.topics import choose

MS, START = 1_000_000, 1_700_000_000_000_000_000
PERIOD = 40 * MS
P = [100.0, 0.0, 31.5, 0.0, 0.0, 100.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]
P_RIGHT = [*P[:3], -10.0, *P[4:]]
LENS = [-0.2, 0.05, 0.0, 0.0, 0.0]
LEFT, RIGHT = '/stereo/left/image_rect', '/stereo/right/image_rect'


class Memory:
    """A bag of messages that lie in memory, recorded in this order."""

    def __init__(self, recorded):
        self.recorded = [each if isinstance(each, Recorded) else record(*each) for each in recorded]
        self.topics: dict[str, TopicInfo] = tally((each.topic, each.type_name, 1) for each in self.recorded)

    def messages(self, topics=None):
        return (each for each in self.recorded if topics is None or each.topic in topics)


def record(topic, message, stamp, time=None):
    """stamp, and the time of recording, which is the same if none is given [ns] after START."""
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(START + stamp, 1_000_000_000)
    return Recorded(topic, START + (stamp if time is None else time),
                    f'sensor_msgs/msg/{type(message).__name__}', serialize_message(message))


def picture(value=0, encoding='mono8'):
    image = Image(height=48, width=64, step=64, encoding=encoding,
                  data=array.array('B', bytes([value]) * 48 * 64))
    image.header.frame_id = str(value)
    return image


def info(p=P, d=(0.0,) * 5, frame_id=''):
    message = CameraInfo(width=64, height=48, distortion_model='plumb_bob', d=list(d), p=p,
                         k=[*P[:3], *P[4:7], *P[8:11]], r=np.eye(3).ravel())
    message.header.frame_id = frame_id
    return message


def infos(right='/stereo/right/camera_info', left='/stereo/left/camera_info'):
    return [(left, info(), 0), (right, info(P_RIGHT), 0)]


def pair(number, stamp=None, apart=0):
    stamp = number * PERIOD if stamp is None else stamp
    return [(LEFT, picture(number), stamp), (RIGHT, picture(number), stamp + apart, stamp + max(apart, 0))]


def sets_of(recorded, kind='stereo', overrides=None, **options):
    bag = Memory(recorded)
    return Sets(bag, choose(kind, bag.topics, overrides or {}), **options)


def numbers(sets, role='right/image_rect'):
    """Of the first picture and of another one, in each set."""
    return [(int(next(iter(each.messages.values())).header.frame_id),
             int(each.messages[role].header.frame_id)) for each in sets]


def said(sets, words):
    return [sentence for sentence in sets.said if words in sentence]


def test_pairs_of_equal_stamps_are_matched_exactly_with_the_only_camera_info_of_the_bag():
    sets = sets_of([*infos(), *(each for number in range(30) for each in pair(number))])
    made = list(sets)
    assert [each.stamp_ns for each in made] == [START + number * PERIOD for number in range(30)]
    assert numbers(made) == [(number, number) for number in range(30)]
    assert set(made[0].messages) == set(conversions.STEREO_TOPICS)
    assert made[29].messages['right/camera_info'].p[3] == -10.0
    assert made[0].messages['left/camera_info'].p[3] == 0
    assert made[3].messages['left/image_rect'] == record(*pair(3)[0]).message()
    assert sets.said == [f'Stamps of {LEFT}, {RIGHT} are equal: sets are matched exactly.']
    assert sets.slop == 0.0
    assert numbers(sets) == numbers(made)  # as often as needed


def test_the_time_of_a_set_is_when_its_last_message_was_recorded():
    recorded = [*infos(), (RIGHT, picture(), 0, 5 * MS), (LEFT, picture(), 0, 9 * MS)]
    assert [each.time_ns - START for each in sets_of(recorded)] == [9 * MS]


def test_stamps_that_differ_are_matched_within_a_slop_that_is_found_and_said():
    generator = np.random.default_rng(4)
    apart = generator.integers(2 * MS, 6 * MS, 60)
    recorded = [each for number in range(60) for each in pair(number, apart=int(apart[number]))]
    sets = sets_of([*infos(), *recorded])
    assert numbers(sets) == [(number, number) for number in range(60)]
    assert sets.slop == pytest.approx(1.5e-9 * apart.max(), rel=1e-3)
    [sentence] = said(sets, 'differ by')
    assert f'{apart.max() * 1e-6:.3g} ms at most' in sentence and LEFT in sentence and RIGHT in sentence


def test_a_slop_that_is_given_counts():
    recorded = [each for number in range(9) for each in pair(number, apart=(3 + number % 2 * 4) * MS)]
    sets = sets_of([*infos(), *recorded], slop=0.004)
    assert numbers(sets) == [(number, number) for number in range(0, 9, 2)]
    assert said(sets, '4 messages of /stereo/left/image_rect had none of /stereo/right/image_rect.')
    assert said(sets, 'may differ by 4 ms, as was asked')


@given(st.integers(0, 2**32 - 1))
def test_a_slop_never_takes_a_neighbour_for_the_partner(seed):
    generator = np.random.default_rng(seed)
    period = int(generator.integers(5, 200)) * MS
    times = START + period * np.arange(50)
    jitter = generator.integers(0, period, 2) * 0.2
    left, right = (np.sort(times + generator.uniform(-1, 1, 50) * j).astype(np.int64) for j in jitter)
    slop = find_slop(left, [right[generator.random(50) > 0.2]])
    steps = [np.median(np.diff(each)) for each in (left, right)]
    assert 0 <= slop.allowed <= max(max(steps), 2 * MS) and slop.median <= slop.largest
    assert find_slop(left, [left[10:], left[::2]]).allowed == 0


@given(st.integers(0, 2**32 - 1))
def test_sets_are_right_and_in_order_whatever_order_their_messages_come_in(seed):
    """What is recorded a few messages late, and now and then not at all, is still of the set that it was."""
    generator = np.random.default_rng(seed)
    count, slop = 60, 8 * MS
    recorded = []
    for role, delay in (('a', 0), ('b', 60 * MS), ('c', 20 * MS)):
        stamps = PERIOD * np.arange(count) + generator.integers(-slop // 2, slop // 2 + 1, count)
        arrivals = stamps + delay + generator.integers(0, 5 * PERIOD, count)
        kept = generator.random(count) > 0.1
        recorded += [(int(arrivals[i]), role, int(stamps[i]), i) for i in range(count) if kept[i]]
    matcher, made = Matcher('abc', {'c'}, slop), []
    for arrival, role, stamp, i in sorted(recorded):
        made += matcher.add(role, stamp, arrival, i)
    made += matcher.flush()
    there = {role: {i for _, of, _, i in recorded if of == role} for role in 'abc'}
    assert [each['a'].item for each in made] == sorted(there['a'] & there['b'])
    for each in made:
        assert each['b'].item == each['a'].item
        assert ('c' in each) == (each['a'].item in there['c'])
        assert 'c' not in each or each['c'].item == each['a'].item
    assert matcher.unmatched == Counter(b=len(there['a'] - there['b']))
    assert matcher.unused['b'] == len(there['b'] - there['a'])
    assert not matcher.late and not matcher.repeated and not matcher.jumps
    assert all(one['a'].stamp < other['a'].stamp for one, other in pairwise(made))


def test_what_comes_out_of_order_is_sorted_and_said():
    order = [0, 1, 3, 2, 4, 7, 5, 6, 8, 9]
    recorded = [*infos()]
    for place, number in enumerate(order):
        recorded += [(topic, message, stamp, place * PERIOD) for topic, message, stamp, *_ in pair(number)]
    sets = sets_of(recorded)
    assert numbers(sets) == [(number, number) for number in range(10)]
    assert said(sets, f'3 stamps of {LEFT} out of order, and sorted.')


def test_what_comes_too_late_to_be_sorted_is_left_out_and_said():
    recorded = [(*each[:3], number * PERIOD) for number in range(40) for each in pair(number) if number != 5]
    late = [(*each[:3], 39 * PERIOD) for each in pair(5)]
    sets = sets_of([*infos(), *recorded, *late, *pair(39)[:1]])
    assert [first for first, _ in numbers(sets)] == [number for number in range(40) if number != 5]
    assert said(sets, f'1 message of {LEFT} more than {WINDOW} messages late, and left out.')
    assert said(sets, f'1 message of {LEFT} with the stamp of another one, and left out.')


def test_time_that_jumps_back_begins_anew():
    first = [each for number in range(80) for each in pair(number)]
    second = [(*each[:2], each[2], 80 * PERIOD + each[2]) for number in range(80) for each in pair(number)]
    assert 79 * PERIOD > JUMP
    sets = sets_of([*infos(), *first, *second])
    assert [first for first, _ in numbers(sets)] == [*range(80), *range(80)]
    assert said(sets, 'Time jumped back 1 time')


def test_gaps_are_counted_and_the_longest_is_named():
    there = [number for number in range(60) if number not in (20, 21, 22, 40, 41, 42, 43, 44, 45)]
    sets = sets_of([*infos(), *(each for number in there for each in pair(number))])
    assert len(list(sets)) == 51
    assert sets.said[-1] == ('2 gaps of more than 3 periods (40 ms) without a set, the longest 0.28 s after '
                             'set 37.')


def test_messages_without_partners_are_counted():
    recorded = [each for number in range(30) for each in pair(number)
                if (number, each[0]) not in {(3, RIGHT), (4, RIGHT), (9, LEFT)}]
    sets = sets_of([*infos(), *recorded])
    assert [first for first, _ in numbers(sets)] == [n for n in range(30) if n not in (3, 4, 9)]
    assert said(sets, f'2 messages of {LEFT} had none of {RIGHT}.')
    assert said(sets, f'1 message of {RIGHT} belonged to none of {LEFT}.')


def test_cameras_whose_clocks_have_nothing_in_common_are_an_error_that_says_so():
    recorded = [(RIGHT, picture(), number * PERIOD + 10**12, number * PERIOD) for number in range(9)]
    recorded += [(LEFT, picture(), number * PERIOD) for number in range(9)]
    with pytest.raises(ValueError, match=f'no set of {LEFT}, {RIGHT} could be made: 9 messages of {LEFT} '
                       f'had none of {RIGHT}'):
        list(sets_of([*infos(), *recorded]))


def test_drivers_without_stamps_have_those_of_the_recording():
    recorded = infos()
    for number in range(12):
        for topic, delay in ((LEFT, 0), (RIGHT, 2 * MS)):
            recorded.append((topic, picture(number), -START, number * PERIOD + delay))
    sets = sets_of(recorded)
    made = list(sets)
    assert numbers(made) == [(number, number) for number in range(12)]
    assert made[3].stamp_ns == START + 3 * PERIOD
    stamp = made[3].messages['left/image_rect'].header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == made[3].stamp_ns
    assert said(sets, f'{LEFT} has no stamps: they are the times of recording.')


def test_a_calibration_that_is_not_in_the_bag_comes_from_a_file():
    recorded = [each for number in range(3) for each in pair(number)]
    with pytest.raises(ValueError, match='left/camera_info is not in the bag; give it by --camera-info '
                       r'left/camera_info=FILE\.yaml'):
        sets_of(recorded)
    cameras = {'left/camera_info': info(), 'right/camera_info': info(P_RIGHT)}
    sets = sets_of(recorded, cameras=cameras)
    assert [each.messages['right/camera_info'] for each in sets] == [cameras['right/camera_info']] * 3
    assert said(sets, 'left/camera_info is that of a file.')
    # one that is given counts more than one that was recorded
    sets = sets_of([*infos(), *recorded], cameras={'right/camera_info': info([*P[:3], -20.0, *P[4:]])})
    assert next(iter(sets)).messages['right/camera_info'].p[3] == -20.0
    assert said(sets, 'right/camera_info is that of a file, not /stereo/right/camera_info.')
    with pytest.raises(ValueError, match='--camera-info camera_info: there is no such topic, expected left/'):
        sets_of([*infos(), *recorded], cameras={'camera_info': info()})


def test_a_calibration_that_changes_is_used_from_then_on_and_again_from_the_start():
    recorded = [each for number in range(60) for each in pair(number)]
    changed = [('/stereo/right/camera_info', info([*P[:3], -20.0, *P[4:]]), 30 * PERIOD)]
    sets = sets_of([*infos(), *recorded[:60], *changed, *recorded[60:]])
    for _ in range(2):
        baselines = [each.messages['right/camera_info'].p[3] for each in sets]
        assert baselines == sorted(baselines, reverse=True)
        assert baselines[0] == -10.0 and baselines[-1] == -20.0
        assert said(sets, 'right/camera_info changed 1 time on the way.')


def test_raw_images_are_rectified_by_their_calibration_and_it_is_said():
    generator = np.random.default_rng(3)
    pixels = generator.integers(0, 255, (48, 64), np.uint8)
    raw = picture()
    raw.data = array.array('B', pixels.tobytes())
    png = CompressedImage(format='mono8; png compressed', data=cv2.imencode('.png', pixels)[1].tobytes())
    expected = Rectifier(info(d=LENS))(pixels)
    assert np.abs(expected.astype(int) - pixels).mean() > 5
    for topic, message in (('/cam/image_raw', raw), ('/cam/image_raw/compressed', png)):
        sets = sets_of([('/cam/camera_info', info(d=LENS), 0), (topic, message, 0)], 'mono')
        [made] = sets
        image, calibration = made.messages['image_rect'], made.messages['camera_info']
        assert np.array_equal(conversions.read_image(image, topic), expected)
        assert image.header == message.header and not any(calibration.d) and list(calibration.p) == P
        assert said(sets, f'{topic} is rectified by camera_info (D = -0.2, 0.05, 0, 0, 0; plumb_bob).')


def test_raw_images_of_a_camera_without_distortion_are_left_as_they_are():
    sets = sets_of([('/cam/camera_info', info(), 0), ('/cam/image_raw', picture(7), 0)], 'mono')
    assert next(iter(sets)).messages['image_rect'] == record('', picture(7), 0).message()
    assert said(sets, '/cam/image_raw needs no rectification')


def test_depth_is_rectified_without_making_depths_up():
    depth = np.where(np.arange(64) < 32, 1000, 3000).astype(np.uint16) * np.ones((48, 1), np.uint16)
    depth[20:24] = 0
    message = conversions.image_message(picture().header, depth, '16UC1')
    sets = sets_of([('/cam/depth/camera_info', info(d=LENS), 0), ('/cam/depth/image_raw', message, 0)],
                   'super_resolution')
    [made] = sets
    rectified = conversions.read_depth(made.messages['low_res/image_rect'], 'depth')
    given = conversions.read_depth(message, 'depth')
    assert set(np.unique(rectified[np.isfinite(rectified)])) == set(np.unique(given[np.isfinite(given)]))
    assert np.isnan(rectified).any()


def aloe(turn):
    """A rectified pair as raw topics [H,W,3], with calibrations whose R turn the cameras by so much [rad]."""
    left, right, _ = sample.load_pair(Path(__file__).parents[2] / 'samples', 0.4)
    height, width = left.shape[:2]
    matrix = [400.0, 0.0, width / 2, 0.0, 0.0, 400.0, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    recorded = []
    for side, image, axis in (('left', left, 1.0), ('right', right, -1.0)):
        calibration = CameraInfo(width=width, height=height, distortion_model='plumb_bob', d=LENS,
                                 r=cv2.Rodrigues(np.array([axis * turn, 0.0, 0.0]))[0].ravel(),
                                 k=[*matrix[:3], *matrix[4:7], *matrix[8:11]],
                                 p=[*matrix[:3], 0.0 if side == 'left' else -40.0, *matrix[4:]])
        recorded += [(f'/kitti/camera_color_{side}/camera_info', calibration, 0),
                     (f'/kitti/camera_color_{side}/image_raw',
                      conversions.image_message(picture().header, image, 'rgb8'), 0)]
    return recorded


def test_a_pair_that_is_called_raw_but_is_rectified_is_left_as_it_is():
    recorded = aloe(turn=0.01)
    sets = sets_of(recorded)
    [made] = sets
    assert made.messages['left/image_rect'] == record(*recorded[1]).message()
    assert made.messages['left/camera_info'] == record(*recorded[0]).message()
    assert said(sets, 'are rectified already, whatever they are called')
    assert not said(sets, 'is rectified by')


def test_a_pair_that_is_raw_is_rectified():
    recorded = aloe(turn=0.01)
    for side in (0, 2):  # what a camera so turned would have seen
        calibration, image = recorded[side][1], recorded[side + 1][1]
        k, r = np.reshape(calibration.k, (3, 3)), np.reshape(calibration.r, (3, 3))
        pixels = conversions.read_image(image, 'image')
        calibration.d = [0.0] * 5
        turned = cv2.warpPerspective(pixels, k @ r.T @ np.linalg.inv(k), pixels.shape[1::-1])
        recorded[side + 1] = (recorded[side + 1][0],
                              conversions.image_message(image.header, turned, 'rgb8'), 0)
    sets = sets_of(recorded)
    [made] = sets
    assert made.messages['left/image_rect'] != record(*recorded[1]).message()
    assert said(sets, '/kitti/camera_color_left/image_raw is rectified by left/camera_info')


def test_what_cannot_be_read_is_counted_and_the_rest_goes_on():
    recorded = [record(*each) for number in range(12) for each in pair(number)]
    broken = {5: recorded[5].data[:8], 9: recorded[9].data[:40]}
    recorded = [each._replace(data=broken.get(place, each.data)) for place, each in enumerate(recorded)]
    sets = sets_of([*infos(), *recorded])
    assert [first for first, _ in numbers(sets)] == [n for n in range(12) if n not in (2, 4)]
    assert said(sets, f'1 message of {RIGHT} could not be read: it is cut off.')
    assert said(sets, 'could not be read: its bytes are no sensor_msgs/msg/Image.')


def test_an_image_that_cannot_be_rectified_is_counted():
    recorded = [('/cam/camera_info', info(d=LENS), 0)]
    recorded += [('/cam/image_raw', picture(number, 'mono8' if number % 3 else 'jpeg2'), number * PERIOD)
                 for number in range(9)]
    sets = sets_of(recorded, 'mono')
    assert len(list(sets)) == 6
    assert said(sets, "3 messages of /cam/image_raw could not be read: image_rect: encoding is 'jpeg2'")


def test_a_slow_lidar_is_in_the_sets_that_it_is_near_to():
    recorded = [('/cam/camera_info', info(), 0)]
    for number in range(30):
        recorded.append(('/cam/image_rect', picture(number), number * PERIOD))
        if number % 3 == 0:
            recorded.append(('/sparse_points', PointCloud2(), number * PERIOD + 3 * MS))
    sets = sets_of(recorded, 'mono')
    assert ['sparse_points' in each.messages for each in sets] == [number % 3 == 0 for number in range(30)]
    made = [each.messages for each in sets_of(recorded, 'sparse_depth')]
    assert [int(each['image_rect'].header.frame_id) for each in made] == list(range(0, 30, 3))


def test_an_image_without_calibration_that_nobody_needs_is_left_out():
    recorded = [('/low_res/camera_info', info(), 0), ('/low_res/image_rect', picture(), 0),
                ('/image_rect', picture(), 0)]
    sets = sets_of(recorded, 'super_resolution')
    [made] = sets
    assert set(made.messages) == {'low_res/image_rect', 'low_res/camera_info'}
    assert said(sets, 'image_rect is left out, as its camera_info is not in the bag; it can be given by')


def test_stamps_are_read_off_the_bytes_of_a_message():
    message = record('', picture(), 123_456_789)
    assert header_stamp(message.data) == START + 123_456_789
    swapped = b'\x00\x00\x00\x00' + message.data[4:8][::-1] + message.data[8:12][::-1]
    assert header_stamp(swapped) == START + 123_456_789


def test_a_bag_of_files_gives_the_pairs_that_were_written(tmp_path):
    samples = Path(__file__).parents[2] / 'samples'
    bags.write(tmp_path / 'bag', sample.recording(samples, frames=5, rate=10.0))
    with bags.Bag(tmp_path / 'bag') as bag:
        choice = choose('stereo', bag.topics)
        assert choice.truth == ('disparity', sample.TRUTH)
        sets = Sets(bag, choice)
        made = list(sets)
    assert [each.stamp_ns for each in made] == [sample.START_NS + number * 100 * MS for number in range(5)]
    frame = conversions.read_stereo(conversions.StereoMessages(
        *(made[2].messages[name] for name in conversions.STEREO_TOPICS), arrival=0.0))
    assert frame.camera == sample.CAMERA and sets.slop == 0.0
