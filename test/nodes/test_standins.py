"""What we need of cv_bridge and message_filters: of our stand-ins always, of the real ones if there.

One suite for both, so that the stand-ins mean what the real packages mean.
"""

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.duration import Duration
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from depth_nodes.standins import (
    cv_bridge,
    message_filters,
    our_cv_bridge,
    our_message_filters,
)


def installed(name, module):
    """The real package if it can be used, else a skip with the reason."""
    if find_spec(name) is None:
        pytest.skip(f'{name} is not installed')
    if module.PASSED_OVER:
        pytest.skip(module.PASSED_OVER)
    return importlib.import_module(name)


@pytest.fixture(params=['ours', 'real'])
def filters(request):
    if request.param == 'ours':
        return our_message_filters
    return installed('message_filters', message_filters)


@pytest.fixture(params=['ours', 'real'])
def bridges(request):
    if request.param == 'ours':
        return our_cv_bridge
    return installed('cv_bridge', cv_bridge)


# --- which one is used

def test_the_real_package_is_used_where_it_works_and_ours_else():
    for name, module, ours in (('cv_bridge', cv_bridge, our_cv_bridge),
                               ('message_filters', message_filters, our_message_filters)):
        usable = find_spec(name) is not None and not module.PASSED_OVER
        expected = importlib.import_module(name) if usable else ours
        kinds = set(module.__all__) - {'PASSED_OVER'}
        assert {getattr(module, kind) for kind in kinds} == {getattr(expected, kind) for kind in kinds}


def run(code, folder):
    """Python code in a process in which `folder` comes first; its stdout."""
    path = os.pathsep.join([str(folder), os.getcwd(), *filter(None, sys.path)])
    environment = {**os.environ, 'PYTHONPATH': path}
    done = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(('source', 'reason'), [
    ('raise ImportError("numpy.core.multiarray failed to import")', 'multiarray failed to import'),
    ('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)', 'ends the process with SIGSEGV'),
    ('class CvBridge:\n    def __init__(self): raise KeyError(16)', 'KeyError: 16'),
    ('import numpy\nclass CvBridge:\n    def imgmsg_to_cv2(self, *_): return numpy.zeros(2)',
     'AssertionError'),
])
def test_an_installed_cv_bridge_that_does_not_work_is_survived_with_one_sentence(
        tmp_path, source, reason):
    (tmp_path / 'cv_bridge.py').write_text(source)
    said = run('from depth_nodes.standins import cv_bridge, our_cv_bridge; '
               'assert cv_bridge.CvBridge is our_cv_bridge.CvBridge; print(cv_bridge.PASSED_OVER)',
               tmp_path)
    assert said.count('\n') == 1
    assert f'NumPy {np.__version__}' in said
    assert reason in said
    assert 'numpy<2' in said


def test_an_installed_message_filters_that_does_not_work_is_survived_with_one_sentence(tmp_path):
    (tmp_path / 'message_filters.py').write_text('import a_package_that_is_missing')
    said = run('from depth_nodes.standins import message_filters as m, our_message_filters as ours; '
               'assert m.Subscriber is ours.Subscriber; print(m.PASSED_OVER)', tmp_path)
    assert said.count('\n') == 1
    assert "No module named 'a_package_that_is_missing'" in said


# --- message_filters

def message(nanoseconds, text=''):
    header = SimpleNamespace(stamp=Time(nanoseconds=nanoseconds).to_msg())
    return SimpleNamespace(header=header, text=text)


class Sets:
    """A synchronizer over `count` filters, and what it gave: the stamps [ns] of every set."""

    def __init__(self, filters, count, queue_size, slop=None):
        self.inputs = [filters.SimpleFilter() for _ in range(count)]
        if slop is None:
            self.synchronizer = filters.TimeSynchronizer(self.inputs, queue_size)
        else:
            self.synchronizer = filters.ApproximateTimeSynchronizer(self.inputs, queue_size, slop)
        self.given = []
        self.synchronizer.registerCallback(
            lambda *messages: self.given.append(
                tuple(Time.from_msg(m.header.stamp).nanoseconds for m in messages)))

    def send(self, index, nanoseconds):
        self.inputs[index].signalMessage(message(nanoseconds))


def test_a_filter_calls_back_in_the_order_of_registering_with_the_arguments_given(filters):
    calls = []
    source = filters.SimpleFilter()
    source.registerCallback(lambda *args: calls.append(('first', *args)), 'extra')
    source.registerCallback(lambda *args: calls.append(('second', *args)))
    source.signalMessage('a', 'b')
    assert calls == [('first', 'a', 'b', 'extra'), ('second', 'a', 'b')]


def test_equal_stamps_make_a_set_when_the_last_message_comes(filters):
    sets = Sets(filters, 3, 5)
    sets.send(2, 10)
    sets.send(0, 10)
    assert sets.given == []
    sets.send(1, 10)
    assert sets.given == [(10, 10, 10)]
    sets.send(1, 10)
    assert len(sets.given) == 1  # every message is used once


def test_stamps_a_nanosecond_apart_make_no_exact_set(filters):
    sets = Sets(filters, 2, 5)
    sets.send(0, 10)
    sets.send(1, 11)
    assert sets.given == []


def test_a_set_keeps_the_order_of_the_filters(filters):
    given = []
    inputs = [filters.SimpleFilter() for _ in range(3)]
    synchronizer = filters.TimeSynchronizer(inputs, 5)
    synchronizer.registerCallback(lambda *messages: given.append([m.text for m in messages]))
    for index in (2, 0, 1):
        inputs[index].signalMessage(message(10, text=f'from {index}'))
    assert given == [['from 0', 'from 1', 'from 2']]


def test_the_oldest_message_leaves_a_full_queue(filters):
    sets = Sets(filters, 2, 2)
    for stamp in (10, 20, 30):
        sets.send(0, stamp)
    for stamp in (10, 20, 30):
        sets.send(1, stamp)
    assert sets.given == [(20, 20), (30, 30)]


def test_after_time_jumped_back_a_full_queue_lets_nothing_new_through(filters):
    # no virtue, but what whoever uses the synchronizer has to know
    sets = Sets(filters, 2, 2)
    for stamp in (1000, 2000):
        sets.send(0, stamp)
    for stamp in (10, 20, 30):
        sets.send(0, stamp)
        sets.send(1, stamp)
    assert sets.given == []


@pytest.mark.parametrize('gap', [0, 1, 9_999_999])
def test_stamps_that_differ_by_less_than_the_slop_make_a_set(filters, gap):
    sets = Sets(filters, 2, 5, slop=0.01)
    sets.send(0, 10**9)
    sets.send(1, 10**9 + gap)
    assert sets.given == [(10**9, 10**9 + gap)]


@pytest.mark.parametrize('gap', [10_000_000, 10_000_001])
def test_stamps_that_differ_by_the_slop_or_more_make_no_set(filters, gap):
    sets = Sets(filters, 2, 5, slop=0.01)
    sets.send(0, 10**9)
    sets.send(1, 10**9 + gap)
    assert sets.given == []


def test_a_slop_of_zero_matches_nothing_not_even_equal_stamps(filters):
    sets = Sets(filters, 2, 5, slop=0.0)
    sets.send(0, 10)
    sets.send(1, 10)
    assert sets.given == []


def test_the_nearest_stamp_is_taken(filters):
    sets = Sets(filters, 2, 5, slop=0.01)
    for stamp in (0, 3_000_000, 9_000_000):
        sets.send(0, 10**9 + stamp)
    sets.send(1, 10**9 + 4_000_000)
    assert sets.given == [(10**9 + 3_000_000, 10**9 + 4_000_000)]


def test_the_spread_of_the_whole_set_counts_and_not_only_the_distance_to_the_newest(filters):
    sets = Sets(filters, 3, 5, slop=0.01)
    sets.send(0, 10**9)
    sets.send(1, 10**9 + 12_000_000)
    sets.send(2, 10**9 + 6_000_000)  # 6 ms from both, but they are 12 ms apart
    assert sets.given == []


def test_what_a_wrapper_needs_to_forget_and_to_adapt_is_there(filters):
    sets = Sets(filters, 2, 5, slop=0.01)
    sets.send(0, 10**9)
    assert not sets.synchronizer.lock.locked()
    with sets.synchronizer.lock:
        assert [list(queue) for queue in sets.synchronizer.queues] == [[10**9], []]
        sets.synchronizer.queues[0].clear()
    sets.send(1, 10**9)
    assert sets.given == []
    sets.synchronizer.slop = Duration(seconds=0.1)
    sets.send(0, 10**9 + 99_000_000)
    assert sets.given == [(10**9 + 99_000_000, 10**9)]


def test_a_subscriber_gives_what_its_subscription_receives(filters):
    """The node is a recorder here: what matters is which subscription is asked for."""
    asked = []

    def create_subscription(kind, topic, callback, **options):
        asked.append((kind, topic, options))
        return SimpleNamespace(callback=callback, topic_name=f'/ns/{topic}')

    node = SimpleNamespace(create_subscription=create_subscription)
    default = filters.Subscriber(node, Image, 'image')
    custom = filters.Subscriber(node, Image, 'image', qos_profile=3, event_callbacks='events')
    assert asked == [(Image, 'image', {'qos_profile': 10}),
                     (Image, 'image', {'qos_profile': 3, 'event_callbacks': 'events'})]
    received = []
    custom.registerCallback(received.append)
    custom.sub.callback('a message')
    assert received == ['a message']
    assert default.getTopic() == 'image'
    assert default.topic_name == '/ns/image'  # the subscription's own


@st.composite
def arrivals(draw):
    """(filter, stamp) in the order of arrival, with gaps, jitter and delays."""
    count = draw(st.integers(2, 4))
    events = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 12)), max_size=60))
    return count, [(index, 10**9 + 1_000_000 * step) for index, step in events]


@settings(max_examples=150, deadline=None)
@given(arrivals(), st.integers(1, 6), st.sampled_from([None, 0.0, 0.001, 0.0025, 0.004, 0.1]))
def test_ours_gives_the_same_sets_as_the_real_one(case, queue_size, slop):
    real = installed('message_filters', message_filters)
    count, events = case
    ours = Sets(our_message_filters, count, queue_size, slop)
    theirs = Sets(real, count, queue_size, slop)
    for index, stamp in events:
        ours.send(index, stamp)
        theirs.send(index, stamp)
        assert ours.given == theirs.given
    assert [sorted(q) for q in ours.synchronizer.queues] \
        == [sorted(q) for q in theirs.synchronizer.queues]


# --- cv_bridge

COLOURS = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'rgb16', 'bgr16', 'rgba16', 'bgra16')
GREYS = ('mono8', 'mono16')
MOSAICS = tuple(f'bayer_{pattern}{bits}' for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')
                for bits in (8, 16))
YUV = ('yuv422', 'yuv422_yuy2')
NUMBERS = ('8UC1', '8UC2', '8UC3', '8SC1', '16UC1', '16SC2', '32SC1', '32FC1', '32FC3', '64FC1')


def pixels_for(encoding, height=4, width=6, seed=1):
    """Random pixels of the type and channels that image_encodings.hpp gives the name."""
    bits = 16 if '16' in encoding else 32 if '32' in encoding else 64 if '64' in encoding else 8
    kind = 'f' if 'F' in encoding else 'i' if 'S' in encoding else 'u'
    if encoding in NUMBERS:
        channels = int(encoding[-1])
    else:
        channels = 2 if encoding in YUV else 4 if 'a' in encoding[:4] and 'b' in encoding[:4] \
            and not encoding.startswith('bayer') else 3 if encoding in COLOURS else 1
    shape = (height, width) if channels == 1 else (height, width, channels)
    random = np.random.default_rng(seed)
    if kind == 'f':
        return random.uniform(-1000, 1000, shape).astype(f'f{bits // 8}')
    bounds = np.iinfo(f'{kind}{bits // 8}')
    return random.integers(bounds.min, bounds.max, shape, bounds.dtype, endpoint=True)


def image_of(pixels, encoding, padding=0):
    image = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
                  step=pixels[0].nbytes + padding)
    image.data.frombytes(b''.join(row.tobytes() + bytes([0xA5]) * padding for row in pixels))
    return image


@pytest.mark.parametrize('padding', [0, 8])
@pytest.mark.parametrize('encoding', [*COLOURS, *GREYS, *MOSAICS, *YUV, *NUMBERS])
def test_an_image_passes_through_as_its_numbers(bridges, encoding, padding):
    pixels = pixels_for(encoding)
    # the real one pads by whole pixels only
    padding *= pixels.itemsize * (1 if pixels.ndim == 2 else pixels.shape[2])
    image = bridges.CvBridge().imgmsg_to_cv2(image_of(pixels, encoding, padding))
    assert image.dtype == pixels.dtype
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize('encoding', [*COLOURS, *GREYS, *NUMBERS])
def test_an_image_comes_back_from_its_message(bridges, encoding):
    pixels, header = pixels_for(encoding), Header(frame_id='optical')
    message = bridges.CvBridge().cv2_to_imgmsg(pixels, encoding, header)
    assert (message.encoding, message.header) == (encoding, header)
    assert (message.height, message.width, message.step) == (4, 6, pixels[0].nbytes)
    np.testing.assert_array_equal(bridges.CvBridge().imgmsg_to_cv2(message), pixels)


@pytest.mark.parametrize(('pixels', 'encoding'), [
    (np.zeros((2, 3), np.uint8), '8UC1'), (np.zeros((2, 3, 3), np.uint8), '8UC3'),
    (np.zeros((2, 3), np.float32), '32FC1'), (np.zeros((2, 3, 2), np.int16), '16SC2')])
def test_without_an_encoding_a_message_is_named_after_its_type(bridges, pixels, encoding):
    assert bridges.CvBridge().cv2_to_imgmsg(pixels).encoding == encoding


def test_a_message_of_another_type_than_its_encoding_is_refused(bridges):
    byte, word = np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.uint16)
    for pixels, encoding in ((byte, 'bgr8'), (word, 'mono8')):
        with pytest.raises(bridges.CvBridgeError, match=encoding):
            bridges.CvBridge().cv2_to_imgmsg(pixels, encoding)
    with pytest.raises(TypeError, match='not a numpy array'):
        bridges.CvBridge().cv2_to_imgmsg([[1, 2]], 'mono8')


def converted(bridges, pixels, source, target):
    return bridges.CvBridge().imgmsg_to_cv2(image_of(pixels, source), target)


def test_colours_change_places(bridges):
    rgb = pixels_for('rgb8')
    np.testing.assert_array_equal(converted(bridges, rgb, 'rgb8', 'bgr8'), rgb[..., ::-1])
    rgba = converted(bridges, rgb, 'bgr8', 'rgba8')
    np.testing.assert_array_equal(rgba[..., :3], rgb[..., ::-1])
    np.testing.assert_array_equal(rgba[..., 3], 255)


def test_8_and_16_bits_are_scaled_to_each_other(bridges):
    eight, sixteen = np.uint8([[0, 1, 255]]), np.uint16([[0, 257, 65535]])
    np.testing.assert_array_equal(converted(bridges, eight, 'mono8', 'mono16'), sixteen)
    np.testing.assert_array_equal(converted(bridges, sixteen, 'mono16', 'mono8'), eight)
    between = np.uint16([[128, 129, 385, 386]])  # half of 257 is 128.5
    np.testing.assert_array_equal(converted(bridges, between, 'mono16', 'mono8'), [[0, 1, 1, 2]])


def test_a_grey_has_the_weights_of_bt601(bridges):
    colours = np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    np.testing.assert_array_equal(converted(bridges, colours, 'rgb8', 'mono8'), [[76, 150, 29]])


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_a_mosaic_of_one_colour_becomes_that_colour(bridges, pattern):
    colour = {'r': 200, 'g': 90, 'b': 30}
    tile = np.uint8([colour[letter] for letter in pattern]).reshape(2, 2)
    image = converted(bridges, np.tile(tile, (3, 3)), f'bayer_{pattern}8', 'rgb8')
    np.testing.assert_array_equal(image, np.broadcast_to(np.uint8([200, 90, 30]), (6, 6, 3)))


@pytest.mark.parametrize('encoding', ['rgb8', 'mono8', '32FC1'])
def test_what_is_converted_does_not_share_the_memory_of_its_message(bridges, encoding):
    message = image_of(pixels_for(encoding), encoding)
    before = message.data[:]
    bridges.CvBridge().imgmsg_to_cv2(message, encoding)[:] = 0
    assert message.data == before


@pytest.mark.parametrize(('source', 'target'), [
    ('8UC3', 'rgb8'), ('32FC1', 'mono8'), ('rgb8', '8UC1'), ('mono8', '32FC3'), ('8UC1', '8UC3'),
    ('rgb8', 'bayer_rggb8'), ('rgb8', 'nonsense'), ('mono8', '8U3')])
def test_a_conversion_without_a_meaning_is_refused(bridges, source, target):
    with pytest.raises(bridges.CvBridgeError):
        converted(bridges, pixels_for(source), source, target)


def test_an_unknown_encoding_and_too_little_data_are_refused(bridges):
    with pytest.raises(bridges.CvBridgeError, match='nonsense'):
        converted(bridges, pixels_for('mono8'), 'nonsense', 'passthrough')
    image = image_of(pixels_for('mono8'), 'mono8')
    del image.data[-1]
    with pytest.raises(TypeError):  # the base of CvBridgeError
        bridges.CvBridge().imgmsg_to_cv2(image)


def test_a_compressed_image_comes_back_exactly_as_png_and_nearly_as_jpeg(bridges):
    bgr = cv2.GaussianBlur(pixels_for('bgr8', 32, 48), (15, 15), 5)
    bridge = bridges.CvBridge()
    png, jpeg = bridge.cv2_to_compressed_imgmsg(bgr, 'png'), bridge.cv2_to_compressed_imgmsg(bgr)
    assert (png.format, jpeg.format) == ('png', 'jpg')
    assert isinstance(png, CompressedImage)
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(png), bgr)
    np.testing.assert_array_equal(bridge.compressed_imgmsg_to_cv2(png, 'rgb8'), bgr[..., ::-1])
    assert np.abs(bridge.compressed_imgmsg_to_cv2(jpeg).astype(int) - bgr).mean() < 4


ALL = [*COLOURS, *GREYS, *MOSAICS, *YUV, *NUMBERS]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.sampled_from(ALL), st.integers(0, 2**32 - 1))
def test_ours_converts_as_the_real_one_does(source, target, seed):
    real = installed('cv_bridge', cv_bridge)
    pixels = pixels_for(source, 8, 8, seed)
    results = []
    for bridges in (our_cv_bridge, real):
        try:
            results.append(converted(bridges, pixels, source, target))
        except bridges.CvBridgeError:
            results.append(None)
    assert (results[0] is None) == (results[1] is None), (source, target)
    if results[0] is not None:
        assert results[0].dtype == results[1].dtype
        # two builds of OpenCV may round a colour in different ways
        np.testing.assert_allclose(results[0], results[1], atol=2, rtol=1e-6)
