"""The stereo node over real DDS: what goes in, what comes out, and that it lives on."""

import os
import signal

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
from diagnostic_msgs.msg import DiagnosticStatus
from graph import (
    BASELINE,
    FRAME_ID,
    FX,
    HEIGHT,
    INPUTS,
    OUTPUTS,
    WIDTH,
    Graph,
    NodeProcess,
    compressed,
    floats,
    image,
    info,
    plane,
    stereo_set,
)
from lifecycle_msgs.msg import Transition
from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)
from sensor_msgs.msg import CompressedImage, Image

INNER = np.s_[12:-12, 60:-12]  # away from borders and from columns without a match


@pytest.fixture(scope='module', autouse=True)
def context():
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    """One running node for the tests that leave it as it was."""
    log = tmp_path_factory.mktemp('shared') / 'log'
    graph = Graph('shared')
    graph.advertise()
    graph.listen(*OUTPUTS)
    graph.process = process = NodeProcess(log, '-r', '__ns:=/shared', stage=4)
    try:
        graph.meet()
        yield graph
    finally:
        code = process.stop()
        graph.close()
    assert code == 0, process.log()


@pytest.fixture
def start(tmp_path):
    """Start nodes of a test's own; those that still run end with the test, and with 0."""
    started = []

    def starting(*arguments, listen=('disparity',), advertise=None, wait=True, **parameters):
        name = f'own{len(started)}'
        graph = Graph(name)
        graph.process = NodeProcess(tmp_path / f'{name}.log', '-r', f'__ns:=/{name}', *arguments,
                                    **parameters)
        started.append(graph)
        graph.advertise(advertise)
        graph.listen(*listen)
        if wait:
            graph.meet()
        return graph

    yield starting
    codes = []
    for graph in started:
        if graph.process.running():
            codes.append((graph.process.stop(), graph.process.log()))
        graph.close()
    assert not [log for code, log in codes if code != 0]


def test_depth_is_focal_length_times_baseline_over_disparity_to_the_millimetre(shared):
    out = shared.answer(stereo_set(20), *OUTPUTS)
    disparity, depth = out['disparity'], floats(out['depth/image_rect'])
    values = floats(disparity.image)
    # a wall at f B / d = 200 * 0.25 / 20 = 2.5 m
    assert np.median(depth[INNER]) == pytest.approx(2.5, rel=0.05)
    known = np.isfinite(depth)
    assert known[INNER].all()
    np.testing.assert_allclose(depth[known], FX * BASELINE / values[known], atol=0.001)


def test_points_lie_on_the_rays_of_their_pixels(shared):
    out = shared.answer(stereo_set(20), 'points', 'depth/image_rect')
    cloud, depth = out['points'], floats(out['depth/image_rect'])
    assert [(f.name, f.offset) for f in cloud.fields] == [('x', 0), ('y', 4), ('z', 8), ('rgb', 12)]
    assert (cloud.width, cloud.height, cloud.point_step) == (WIDTH, HEIGHT, 16)
    assert not cloud.is_dense
    points = np.frombuffer(cloud.data, np.float32).reshape(HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(points[..., 2], depth)
    for x, y in ((70, 20), (150, 80)):
        z = depth[y, x]
        expected = [(x - WIDTH / 2) / FX * z, (y - HEIGHT / 2) / FX * z, z]
        np.testing.assert_allclose(points[y, x, :3], expected, atol=0.001)
    colours = np.frombuffer(cloud.data, np.uint8).reshape(HEIGHT, WIDTH, 16)[..., 12:15]
    np.testing.assert_array_equal(colours[..., ::-1], plane(20)[0])  # b g r in memory


def test_disparity_carries_the_geometry_and_the_range(shared):
    disparity = shared.answer(stereo_set(), 'disparity')['disparity']
    assert disparity.f == pytest.approx(FX) and disparity.t == pytest.approx(BASELINE)
    assert (disparity.min_disparity, disparity.max_disparity) == (0.0, 192.0)
    assert disparity.delta_d == pytest.approx(1 / 16)
    # 192 px wide and 192 px searched: no pixel has a match for the whole range
    assert disparity.valid_window.width == 0


def test_principal_points_apart_are_taken_off_the_disparity(shared):
    messages = stereo_set(20)
    messages['right/camera_info'] = info(right=True, p={2: WIDTH / 2 + 6})  # cx_l - cx_r = -6 px
    out = shared.answer(messages, 'disparity', 'depth/image_rect')
    assert np.median(floats(out['disparity'].image)[INNER]) == pytest.approx(26, abs=1)
    assert np.median(floats(out['depth/image_rect'])[INNER]) == pytest.approx(50 / 26, rel=0.05)
    assert out['disparity'].min_disparity == pytest.approx(6.0)


def test_every_output_carries_the_whole_header_of_the_left_image(shared):
    headers = [m.header for m in shared.answer(stereo_set(), *OUTPUTS).values()]
    assert len(headers) == len(OUTPUTS)
    assert {(h.stamp.sec, h.stamp.nanosec, h.frame_id) for h in headers} == {
        (headers[0].stamp.sec, 123_456_789, FRAME_ID)}


def test_camera_info_is_of_the_depth_image(shared):
    out = shared.answer(stereo_set(), 'depth/camera_info', 'depth/image_rect')
    camera, depth = out['depth/camera_info'], out['depth/image_rect']
    assert (camera.width, camera.height) == (depth.width, depth.height) == (WIDTH, HEIGHT)
    assert list(camera.p) == [FX, 0, WIDTH / 2, 0, 0, FX, HEIGHT / 2, 0, 0, 0, 1, 0]


def test_confidence_is_a_probability_and_low_where_nothing_can_be_matched(shared):
    good = floats(shared.answer(stereo_set(), 'confidence')['confidence'])
    assert 0 <= good.min() <= good.max() <= 1
    for level in (0, 255, 90):
        blank = stereo_set()
        for side in ('left', 'right'):
            blank[f'{side}/image_rect'] = image(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
        out = shared.answer(blank, 'confidence', 'disparity')
        assert np.median(floats(out['confidence'])) < 0.3 < 0.7 < np.median(good[INNER])


@pytest.mark.parametrize('encoding', ['mono8', 'bgr8', 'rgb8', 'bgra8', 'rgba8', 'mono16'])
def test_the_same_picture_in_any_encoding_gives_the_same_wall(shared, encoding):
    messages = stereo_set()
    for side, pixels in zip(('left', 'right'), plane(20)):
        grey = pixels.mean(2)
        alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
        messages[f'{side}/image_rect'] = image({
            'mono8': grey.astype(np.uint8), 'mono16': (grey * 257).astype(np.uint16),
            'bgr8': pixels[..., ::-1], 'rgb8': pixels,
            'bgra8': np.concatenate([pixels[..., ::-1], alpha], 2),
            'rgba8': np.concatenate([pixels, alpha], 2)}[encoding], encoding)
    disparity = shared.answer(messages)['disparity']
    assert np.median(floats(disparity.image)[INNER]) == pytest.approx(20, abs=1)


def test_statistics_tell_what_every_part_took(shared):
    report = shared.answer(stereo_set(), 'stereo_node/statistics')['stereo_node/statistics']
    values = {v.key: v.value for v in report.status[0].values}
    assert int(values['stage']) == 4 and values['network'] == 'anynet_wide'
    parts = ['queue', 'conversion', 'preparation', 'stage_1', 'stage_2', 'stage_3', 'stage_4', 'finish',
             'publishing']
    took = [float(values[f'{part}_ms']) for part in parts]
    assert all(ms >= 0 for ms in took)
    assert sum(took) <= float(values['total_ms']) + 0.01
    assert (values['budget_kept'] == 'True') == (float(values['total_ms']) <= 100.0)


# --- bad input: counted, said, lived through

NAN, INF = float('nan'), float('inf')
LEFT, RIGHT = 'left/image_rect', 'right/image_rect'
LEFT_INFO, RIGHT_INFO = 'left/camera_info', 'right/camera_info'
PIXELS = plane(20)[0]
WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR
BAD_INPUT = {
    'unknown encoding': ({LEFT: image(PIXELS, 'rgb9')}, WARN, "left/image_rect: encoding is 'rgb9'"),
    'step too small': ({LEFT: image(PIXELS, step=100)}, WARN, 'left/image_rect: step is 100'),
    'data cut off': ({RIGHT: image(PIXELS, data=PIXELS.tobytes()[:999])}, WARN,
                     'right/image_rect: data has 999 bytes'),
    'no pixels': ({LEFT: Image(encoding='rgb8')}, WARN, 'left/image_rect: the image is 0x0'),
    'sizes differ': ({RIGHT: image(plane(20, width=96)[0])}, ERROR,
                     'left/image_rect is 192x96 but right/image_rect is 96x96'),
    'info of another size': ({LEFT_INFO: info(width=640, height=480)}, ERROR,
                             'left/camera_info is for 640x480 but left/image_rect is 192x96'),
    'P all zero': ({LEFT_INFO: info(p=dict.fromkeys(range(12), 0.0))}, ERROR,
                   'left/camera_info: P is all zero'),
    'fx zero': ({RIGHT_INFO: info(right=True, p={0: 0.0})}, ERROR, 'right/camera_info: fx = P[0] is 0'),
    'fx NaN': ({LEFT_INFO: info(p={0: NAN})}, ERROR, 'left/camera_info: P[0] is nan'),
    'baseline zero': ({RIGHT_INFO: info(right=True, p={3: 0.0})}, ERROR, 'baseline -P[3]/P[0] is -0 m'),
    'left and right swapped': ({RIGHT_INFO: info(right=True, p={3: 50.0})}, ERROR,
                               'are left and right swapped?'),
    'baseline in millimetres': ({RIGHT_INFO: info(right=True, p={3: -FX * 250})}, ERROR,
                                'baseline -P[3]/P[0] is 250 m, above 5 m'),
    'baseline without fx': ({RIGHT_INFO: info(right=True, p={3: -0.1})}, ERROR, 'below 0.001 m'),
    'left P[3] not zero': ({LEFT_INFO: info(p={3: -50.0})}, ERROR, 'left/camera_info: P[3] is -50'),
    'not rectified': ({RIGHT_INFO: info(right=True, p={6: 60.0})}, ERROR, 'not rectified together'),
}


@pytest.mark.parametrize('case', BAD_INPUT)
def test_a_set_that_cannot_be_is_refused_with_the_reason_and_the_next_is_answered(shared, case):
    changed, level, reason = BAD_INPUT[case]
    shared.answer()  # whatever was wrong before is over
    shared.diagnostics.clear()
    stamp = shared.send({**stereo_set(), **changed})
    shared.wait(lambda: shared.diagnosed(level, reason), what=f'no diagnostics: {reason}')
    shared.answer()
    assert shared.last_with('disparity', stamp) is None
    assert shared.process.running()


def test_a_big_endian_image_is_read(shared):
    messages = stereo_set()
    for side, pixels in zip(('left', 'right'), plane(20)):
        grey = (pixels.mean(2) * 257).astype('>u2')
        messages[f'{side}/image_rect'] = image(grey, 'mono16', is_bigendian=1)
    disparity = shared.answer(messages)['disparity']
    assert np.median(floats(disparity.image)[INNER]) == pytest.approx(20, abs=1)


# --- parameters


def test_stage_changes_while_running(shared):
    for stage in (1, 3, 4):
        assert shared.set_parameters(stage=stage).successful
        report = shared.answer(stereo_set(), 'stereo_node/statistics')['stereo_node/statistics']
        assert {v.key: v.value for v in report.status[0].values}['stage'] == str(stage)


@pytest.mark.parametrize('name, value, reason', [
    ('stage', 9, '0'), ('latency_budget_ms', -1.0, '1.0'), ('confidence_threshold', 1.5, '1.0'),
    ('min_range', 200.0, 'min_range must be below max_range'), ('engine', 'torch', 'read-only'),
    ('queue_size', 3, 'read-only')])
def test_a_bad_value_is_refused_with_the_reason_and_changes_nothing(shared, name, value, reason):
    before = shared.get_parameter(name)
    refused = shared.set_parameters(**{name: value})
    assert not refused.successful
    assert name in refused.reason and reason in refused.reason
    assert shared.get_parameter(name) == before


def test_of_a_set_with_one_bad_value_none_is_taken(shared):
    before = shared.get_parameter('decimation')
    assert not shared.set_parameters(decimation=before + 1, min_range=500.0).successful
    assert shared.get_parameter('decimation') == before


def a_threshold(graph) -> float:
    """A confidence that some pixels of the wall have and others have not."""
    confidence = floats(graph.answer(stereo_set(20), 'confidence')['confidence'])
    return float(np.quantile(confidence, 0.1))


def test_unsure_pixels_and_pixels_out_of_range_are_unknown(shared):
    try:
        assert shared.set_parameters(max_range=2.0).successful  # the wall is at 2.5 m
        depth = floats(shared.answer(stereo_set(20), 'depth/image_rect')['depth/image_rect'])
        assert np.isnan(depth[INNER]).mean() > 0.95
        threshold = a_threshold(shared)
        assert shared.set_parameters(max_range=100.0, confidence_threshold=threshold).successful
        out = shared.answer(stereo_set(20), 'depth/image_rect', 'disparity', 'confidence')
        unsure = floats(out['confidence']) < threshold
        assert unsure.any() and not unsure.all()
        assert np.isnan(floats(out['depth/image_rect'])[unsure]).all()
        assert (floats(out['disparity'].image)[unsure] == -1).all()  # min_disparity - 1
    finally:
        shared.set_parameters(max_range=100.0, confidence_threshold=0.0)


def test_openni_mode_is_millimetres_with_zero_for_unknown(shared):
    try:
        threshold = a_threshold(shared)
        assert shared.set_parameters(openni_depth_mode=True, confidence_threshold=threshold).successful
        out = shared.answer(stereo_set(20), 'depth/image_rect', 'confidence')
        message = out['depth/image_rect']
        assert message.encoding == '16UC1'
        depth = np.frombuffer(message.data, np.uint16).reshape(HEIGHT, WIDTH)
        assert np.median(depth[INNER]) == pytest.approx(2500, rel=0.05)
        assert (depth[floats(out['confidence']) < threshold] == 0).all()
    finally:
        shared.set_parameters(openni_depth_mode=False, confidence_threshold=0.0)


def test_decimation_keeps_every_nth_point(shared):
    full = shared.answer(stereo_set(20), 'points')['points']
    try:
        assert shared.set_parameters(decimation=5).successful
        sparse = shared.answer(stereo_set(20), 'points')['points']
    finally:
        shared.set_parameters(decimation=1)
    assert (sparse.width, sparse.height) == (39, 20)  # ceil(192 / 5), ceil(96 / 5)
    points = np.frombuffer(full.data, np.float32).reshape(HEIGHT, WIDTH, 4)[::5, ::5, :3]
    kept = np.frombuffer(sparse.data, np.float32).reshape(20, 39, 4)[..., :3]
    np.testing.assert_allclose(kept, points, atol=1e-4)


@pytest.mark.parametrize('parameters, reason', [
    ({'weights': '/nowhere.safetensors'}, 'no weights at /nowhere.safetensors'),
    ({'engine': 'tensorflow'}, 'engine must be one of auto, torch, openvino, onnxruntime'),
    ({'stage': 7}, 'stage'), ({'queue_size': 0}, 'queue_size'),
    ({'min_disparity': 64, 'max_disparity': 32}, 'max_disparity must be above min_disparity')])
def test_what_cannot_be_ends_the_process_with_one_line(tmp_path, parameters, reason):
    process = NodeProcess(tmp_path / 'log', **parameters)
    assert process.exit_code() == 1
    assert [line for line in process.log().splitlines() if reason in line]
    assert 'Traceback' not in process.log()


def test_truncated_weights_end_the_process_with_one_line(tmp_path):
    (tmp_path / 'cut.safetensors').write_bytes(b'\x08\x00')
    process = NodeProcess(tmp_path / 'log', weights=tmp_path / 'cut.safetensors')
    assert process.exit_code() == 1
    assert 'cut.safetensors is truncated, damaged' in process.log()
    assert 'Traceback' not in process.log()


def test_a_broken_cv_bridge_costs_one_line_in_the_log_and_no_answer(start, tmp_path, monkeypatch):
    (tmp_path / 'cv_bridge.py').write_text('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path), prepend=os.pathsep)
    graph = start()
    graph.answer()
    said = [line for line in graph.process.log().splitlines() if 'cv_bridge' in line]
    assert len(said) == 1
    assert 'ends the process with SIGSEGV' in said[0] and 'WARN' in said[0]


# --- the latency budget


STATISTICS = 'stereo_node/statistics'


def reached(graph) -> tuple[int, float]:
    """Stage and scale of the next good set."""
    report = graph.answer(stereo_set(), STATISTICS)[STATISTICS]
    values = {v.key: v.value for v in report.status[0].values}
    return int(values['stage']), float(values['scale'])


def test_a_new_budget_counts_from_the_next_set_on_and_too_small_a_one_is_said(start):
    graph = start(latency_budget_ms=10000.0, listen=('disparity', STATISTICS))
    assert reached(graph) == (4, 1.0)
    assert graph.set_parameters(latency_budget_ms=1.0).successful
    graph.meet()  # the first set waits until the smaller scale is ready, and is dropped
    assert reached(graph) == (1, 0.25)
    graph.wait(lambda: graph.diagnosed(
        DiagnosticStatus.WARN, 'latency_budget_ms is 1, but stage 1 at 192x96 needs'))
    assert graph.diagnosed(DiagnosticStatus.WARN, 'images are matched at 0.25 of their size')
    disparity = graph.answer()['disparity']
    assert (disparity.image.width, disparity.image.height) == (WIDTH, HEIGHT)
    assert graph.set_parameters(latency_budget_ms=10000.0).successful
    assert reached(graph) == (4, 1.0)


def test_without_downscaling_stage_1_is_what_is_left(start):
    graph = start(latency_budget_ms=1.0, allow_downscale=False, listen=('disparity', STATISTICS))
    assert reached(graph) == (1, 1.0)
    graph.wait(lambda: graph.diagnosed(DiagnosticStatus.WARN, 'breaks the budget; set allow_downscale'))


def test_sets_that_come_faster_than_answers_get_coarser_ones_until_they_come_slower(start):
    # the slowest engine, so that it can fall behind
    graph = start(engine='torch', latency_budget_ms=10000.0, allow_downscale=False,
                  listen=('disparity', STATISTICS))
    left, right = plane(20, width=640, height=480)
    big = {LEFT: image(left), LEFT_INFO: info(width=640, height=480),
           RIGHT: image(right), RIGHT_INFO: info(width=640, height=480, right=True)}
    graph.meet(big)

    def is_best(report) -> bool:
        values = {v.key: v.value for v in report.status[0].values}
        return (values['network'], values['stage']) == ('anynet_wide', '4')

    def one_is_coarser() -> bool:
        graph.send(big)
        graph.executor.spin_once(timeout_sec=0.03)
        return not all(map(is_best, graph.heard[STATISTICS]))

    graph.wait(one_is_coarser, 30)
    graph.wait(lambda: is_best(graph.answer(big, STATISTICS)[STATISTICS]), 30)


def test_the_first_set_of_a_new_size_is_dropped_while_engines_get_ready_and_the_next_is_in_time(start):
    graph = start(latency_budget_ms=10000.0, listen=('disparity', STATISTICS))
    left, right = plane(20, width=320, height=160)
    other = {LEFT: image(left), LEFT_INFO: info(width=320, height=160),
             RIGHT: image(right), RIGHT_INFO: info(width=320, height=160, right=True)}
    late = graph.send(other)
    graph.wait(lambda: 'ready for images of 320x160' in graph.process.log(), 30)
    assert graph.last_with('disparity', late) is None
    report = graph.answer(other, STATISTICS)[STATISTICS]
    assert {v.key: v.value for v in report.status[0].values}['budget_kept'] == 'True'


def test_every_stage_is_published_as_soon_as_it_is_there(start):
    topics = ['disparity', *(f'disparity/stage_{stage}' for stage in (1, 2, 3))]
    graph = start(publish_intermediate=True, stage=3, listen=topics)
    out = graph.answer(stereo_set(20), *topics)
    for message in out.values():
        assert message.header == out['disparity'].header
        assert np.median(floats(message.image)[INNER]) == pytest.approx(20, abs=4)  # the coarse one
    np.testing.assert_array_equal(floats(out['disparity/stage_3'].image), floats(out['disparity'].image))
    assert not np.array_equal(floats(out['disparity/stage_1'].image), floats(out['disparity'].image))


# --- listeners, lifecycle, time, QoS


def test_without_a_listener_there_is_no_subscription_and_no_work(start):
    graph = start(listen=(), wait=False)
    graph.wait(lambda: graph.diagnosed(DiagnosticStatus.OK, 'idle'), 60, 'no diagnostics')
    assert [graph.node.count_subscribers(f'/own0/{topic}') for topic in INPUTS] == [0, 0, 0, 0]
    graph.listen('disparity')
    graph.meet()
    graph.ignore('disparity')
    graph.wait(lambda: not any(graph.node.count_subscribers(f'/own0/{topic}') for topic in INPUTS),
               what='the node goes on listening')


def test_lifecycle_goes_round_and_the_node_answers_again(start):
    graph = start(autostart=False, wait=False)
    graph.wait(lambda: graph.node.get_node_names().count('stereo_node'), 60, 'no node')
    assert graph.state() == 'unconfigured'
    for _ in range(2):
        assert graph.change_state(Transition.TRANSITION_CONFIGURE)
        assert graph.state() == 'inactive'
        assert graph.change_state(Transition.TRANSITION_ACTIVATE)
        assert graph.state() == 'active'
        graph.meet()
        assert graph.change_state(Transition.TRANSITION_DEACTIVATE)
        graph.wait(lambda: not graph.node.count_subscribers('/own0/left/image_rect'),
                   what='the inactive node listens')
        assert graph.change_state(Transition.TRANSITION_CLEANUP)
        graph.wait(lambda: not graph.node.count_publishers('/own0/disparity'),
                   what='the cleaned-up node still offers disparity')
    assert graph.state() == 'unconfigured'


def test_a_failed_configure_says_why_and_the_node_stays_unconfigured(start):
    graph = start(autostart=False, wait=False, weights='/nowhere.safetensors')
    graph.wait(lambda: graph.node.get_node_names().count('stereo_node'), 60, 'no node')
    assert not graph.change_state(Transition.TRANSITION_CONFIGURE)
    assert graph.state() == 'unconfigured'
    graph.wait(lambda: 'no weights at /nowhere.safetensors' in graph.process.log())


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_0_however_often_the_signal_comes(start, number):
    graph = start()

    def ended() -> bool:
        graph.process.signal(number)
        return not graph.process.running()

    graph.wait(ended)  # a terminal and launch both send it, also while the interpreter is ending
    assert graph.process.exit_code() == 0
    assert 'Traceback' not in graph.process.log()


def test_killed_and_restarted_it_goes_on_with_the_same_listeners(start, tmp_path):
    graph = start()
    graph.process.signal(signal.SIGKILL)
    assert graph.process.exit_code() == -signal.SIGKILL
    graph.process = NodeProcess(tmp_path / 'again.log', '-r', '__ns:=/own0')
    graph.meet()
    graph.answer()


@pytest.mark.parametrize('approximate', [False, True])
def test_after_time_jumps_back_the_next_set_is_answered(start, approximate):
    graph = start(approximate_sync=approximate, queue_size=3)
    for stamp in (5000, 5001, 5002):  # sets that never complete fill the queues
        graph.send(stereo_set(), stamp=stamp, only=(LEFT, LEFT_INFO, RIGHT_INFO))
    graph.send(stereo_set(), stamp=5003)
    graph.wait(lambda: graph.last_with('disparity', 5003))
    for stamp in (5010, 5011, 5012):
        graph.send(stereo_set(), stamp=stamp, only=(LEFT, LEFT_INFO, RIGHT_INFO))
    graph.send(stereo_set(), stamp=100)
    graph.wait(lambda: graph.last_with('disparity', 100), what='deaf after the jump')
    assert 'time jumped back' in graph.process.log()


def test_stamps_a_little_apart_are_matched_only_when_asked(start):
    def send_apart(graph) -> int:
        messages = stereo_set()
        stamp = graph.send(messages, only=(LEFT, LEFT_INFO))
        for topic in (RIGHT, RIGHT_INFO):
            messages[topic].header = messages[LEFT].header.__class__(frame_id=FRAME_ID)
            messages[topic].header.stamp.sec, messages[topic].header.stamp.nanosec = stamp, 133_456_789
            graph._publishers[topic].publish(messages[topic])
        return stamp

    graph = start(approximate_sync=True, approximate_sync_tolerance_seconds=0.015)
    stamp = send_apart(graph)
    graph.wait(lambda: graph.last_with('disparity', stamp))
    exact = start(no_data_timeout=0.5)
    exact.wait(lambda: send_apart(exact) and exact.diagnosed(
        DiagnosticStatus.WARN, 'stamps differ by 10.0 ms'))
    assert 'set approximate_sync to true' in exact.process.log()
    assert exact.heard['disparity'] == []


def test_a_tolerance_of_zero_means_half_a_frame_period_not_nothing(start):
    graph = start(approximate_sync=True)
    graph.answer()  # equal stamps, which the synchronizer's own 0.0 would not match


def test_what_is_missing_is_named(start):
    graph = start(no_data_timeout=0.5, advertise={LEFT: Image}, wait=False)
    graph.wait(lambda: graph.diagnosed(DiagnosticStatus.WARN, 'no synchronized set'), 60)
    graph.wait(lambda: 'Nobody publishes /own0/left/camera_info' in graph.process.log())
    assert '/own0/left/image_rect: 0 messages, 0.0 Hz, 1 publisher' in graph.process.log()


def test_an_incompatible_qos_is_an_error_that_names_topic_and_policy(start):
    graph = start('-p', 'qos_overrides./own0/left/image_rect.subscription.reliability:=reliable',
                  wait=False)
    text = '/own0/left/image_rect: a publisher offers an incompatible QoS (policy RELIABILITY)'
    graph.wait(lambda: graph.diagnosed(DiagnosticStatus.ERROR, text), 60)
    assert text in graph.process.log()


def test_outputs_are_reliable_volatile_and_keep_the_last_one(shared):
    for topic in ('disparity', 'depth/image_rect', 'points', 'confidence'):
        offered = shared.node.get_publishers_info_by_topic(f'/shared/{topic}')
        assert len(offered) == 1
        assert offered[0].qos_profile.reliability == QoSReliabilityPolicy.RELIABLE
        assert offered[0].qos_profile.durability == QoSDurabilityPolicy.VOLATILE


def test_inputs_are_best_effort_so_that_any_publisher_is_heard(shared):
    for topic in INPUTS:
        asked = shared.node.get_subscriptions_info_by_topic(f'/shared/{topic}')
        assert [a.qos_profile.reliability for a in asked] == [QoSReliabilityPolicy.BEST_EFFORT]


def test_compressed_images_are_read(start):
    graph = start(image_transport='compressed', wait=False, advertise={
        f'{LEFT}/compressed': CompressedImage, f'{RIGHT}/compressed': CompressedImage})
    messages = stereo_set()
    for topic, pixels in zip((LEFT, RIGHT), plane(20)):
        del messages[topic]
        messages[f'{topic}/compressed'] = compressed(pixels)
    graph.advertise({LEFT_INFO: INPUTS[LEFT_INFO], RIGHT_INFO: INPUTS[RIGHT_INFO]})
    graph.meet(messages)
    disparity = graph.answer(messages)['disparity']
    assert np.median(floats(disparity.image)[INNER]) == pytest.approx(20, abs=1)


def test_a_remapped_image_is_found_also_when_compressed(start):
    graph = start('-r', 'left/image_rect:=/cam/picture', image_transport='compressed', advertise={
        '/cam/picture/compressed': CompressedImage}, wait=False)
    graph.wait(lambda: graph.node.count_subscribers('/cam/picture/compressed'), 60)


def test_sets_that_are_too_old_are_dropped_when_asked(start):
    graph = start()
    assert graph.set_parameters(max_image_age_ms=1000.0).successful
    graph.send(stereo_set())  # of 1970
    graph.wait(lambda: graph.diagnosed(DiagnosticStatus.WARN, 'max_image_age_ms is 1000'))
    assert graph.heard['disparity'] == []


def test_parameters_are_answered_while_frames_are_in_work_and_late_frames_replaced(start):
    statistics = 'stereo_node/statistics'

    def dropped(stamp) -> int:
        report = graph.last_with(statistics, stamp)
        return int({v.key: v.value for v in report.status[0].values}['dropped'])

    # the slowest engine, so that there is work to wait for
    graph = start(stage=4, engine='torch', listen=('disparity', statistics), queue_size=20)
    width, height = 960, 640
    left, right = plane(20, width=width, height=height)
    big = {LEFT: image(left), LEFT_INFO: info(width=width, height=height),
           RIGHT: image(right), RIGHT_INFO: info(width=width, height=height, right=True)}
    graph.meet(big)
    first = graph.answer(big, 'disparity', statistics)['disparity'].header.stamp.sec
    sent = [graph.send(big) for _ in range(8)]
    assert graph.get_parameter('stage') == 4
    assert graph.last_with('disparity', sent[-1]) is None  # the parameter did not wait for the work
    graph.wait(lambda: graph.last_with(statistics, sent[-1]), 60, 'the newest set is not answered')
    replaced = dropped(sent[-1]) - dropped(first)
    assert replaced > 0
    answered = [m for m in graph.heard['disparity'] if m.header.stamp.sec in sent]
    assert len(answered) + replaced == len(sent)


def test_a_transient_local_publisher_of_infos_is_heard(start):
    graph = start(advertise={LEFT: Image, RIGHT: Image}, wait=False)
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    graph.advertise({LEFT_INFO: INPUTS[LEFT_INFO], RIGHT_INFO: INPUTS[RIGHT_INFO]}, latched)
    graph.meet()
    graph.answer()
