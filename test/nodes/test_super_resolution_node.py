"""The super-resolution node over real DDS, with untrained networks: it is the node that counts."""

import array

import cv2
import numpy as np
import pytest
import super_resolution_networks

rclpy = pytest.importorskip('rclpy')
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import FRAME_ID, FX, HEIGHT, WIDTH, NodeProcess, compressed, floats, image, info, node_and_peer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_models.estimators.super_resolution_by_budget import load_upscaler
from depth_models.frames import Camera

LOW_RES, LOW_RES_INFO, IMAGE, INFO = 'low_res/image_rect', 'low_res/camera_info', 'image_rect', 'camera_info'
RELATIVE = 'relative_depth/image'
DEPTH, STATISTICS = 'depth/image_rect', 'super_resolution_node/statistics'
OUTPUTS = ('disparity', DEPTH, 'depth/camera_info', 'points', 'confidence', 'depth/image_color')
INPUTS = {LOW_RES: Image, LOW_RES_INFO: CameraInfo, IMAGE: Image, INFO: CameraInfo}
OPTIONS = {'engine': 'torch', 'device': 'cpu', 'num_threads': 1}
NO_HURRY = {**OPTIONS, 'latency_budget_ms': 10000.0}
WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR
NAN, INF = np.nan, np.inf
FACTOR, SIZE = 4, (HEIGHT, WIDTH)
PICTURE = cv2.blur(np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8), (9, 9))
CAMERA = Camera(WIDTH, HEIGHT, FX, FX, WIDTH / 2, HEIGHT / 2)
MAP = np.repeat(np.linspace(6.0, 1.5, HEIGHT // FACTOR)[:, None], WIDTH // FACTOR, axis=1)
MAP[8:13, 15:25] = 1.2
MAP = MAP.round(3).astype(np.float32)
MAP[3:6, 30:37] = NAN
LARGE = np.ones((200, 400), np.float32)
HOLES = np.isnan(MAP).repeat(FACTOR, axis=0).repeat(FACTOR, axis=1)


def low_res(values: np.ndarray = MAP) -> Image:
    return image(values.astype(np.float32), '32FC1')


def low_res_info(values: np.ndarray = MAP, **changed) -> CameraInfo:
    """Of a map that sees what the image sees."""
    height, width = values.shape
    camera = CAMERA.resized(width, height)
    return info(width=width, height=height, **{'p': {0: camera.fx, 5: camera.fy, 2: camera.cx, 6: camera.cy},
                                               **changed})


def good_set(**others) -> dict:
    return {LOW_RES: low_res(), LOW_RES_INFO: low_res_info(), IMAGE: image(PICTURE), INFO: info(), **others}


def plain_set(**others) -> dict:
    return {LOW_RES: low_res(), LOW_RES_INFO: low_res_info(), **others}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('weights')
    return {'weights': super_resolution_networks.write(folder / 'plain.safetensors', FACTOR),
            'weights_guided': super_resolution_networks.write(folder / 'guided.safetensors', guided=True)}


@pytest.fixture(scope='module')
def library(files):
    return load_upscaler(**files, **OPTIONS)


@pytest.fixture(scope='module', autouse=True)
def context():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def running(namespace: str, log, listen, *, good=good_set, inputs=INPUTS, **more):
    yield from node_and_peer(namespace, log, listen, name='super_resolution_node', good=good,
                             inputs=inputs, **more)


@pytest.fixture(scope='module')
def node(files, tmp_path_factory):
    """With images; sets that tests send one right after the other would else get coarser answers."""
    yield from running('all', tmp_path_factory.mktemp('all') / 'log', (*OUTPUTS, STATISTICS), **files,
                       **NO_HURRY, method='guided')


@pytest.fixture(scope='module')
def alone(files, tmp_path_factory):
    """Depth alone, brought to four times its resolution."""
    yield from running(
        'alone', tmp_path_factory.mktemp('alone') / 'log', (*OUTPUTS, STATISTICS), good=plain_set,
        inputs={LOW_RES: Image, LOW_RES_INFO: CameraInfo}, weights=files['weights'], use_image=False,
        scale_factor=FACTOR, method='depth_only', **NO_HURRY)


def values_of(report: DiagnosticArray) -> dict[str, str]:
    return {v.key: v.value for v in report.status[0].values}


def said(node, messages: dict | None = None) -> dict[str, str]:
    return values_of(node.answer(messages, STATISTICS)[STATISTICS])


def guided(node, messages: dict | None, *topics: str) -> dict:
    """The answer to a set whose image is seen.

    After a pause, and another test may have ended seconds ago, a set is not kept waiting for its image.
    """
    node.wait(lambda: said(node)['method'] == 'guided', what='images are not seen')
    return node.answer(messages, *topics)


# --- what comes out


def test_what_the_library_says_is_what_the_node_publishes(node, library):
    out = guided(node, None, *OUTPUTS, STATISTICS)
    estimate = library.compute(MAP, PICTURE, method='guided')
    depth = floats(out[DEPTH])
    assert depth.shape == SIZE
    np.testing.assert_allclose(depth, estimate.depth, rtol=1e-4)
    np.testing.assert_array_equal(np.isnan(depth), HOLES)
    np.testing.assert_allclose(floats(out['confidence']), estimate.confidence, atol=1e-4)
    assert {(m.header.stamp.sec, m.header.stamp.nanosec, m.header.frame_id) for m in out.values()} == {
        (out[DEPTH].header.stamp.sec, 123_456_789, FRAME_ID)}
    camera = out['depth/camera_info']
    assert (camera.width, camera.height) == (WIDTH, HEIGHT) and list(camera.p) == list(info().p)
    points = np.frombuffer(out['points'].data, np.float32).reshape(HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(points[..., 2], depth)
    np.testing.assert_allclose(points[10, 20, 0], (20 - WIDTH / 2) / FX * depth[10, 20], rtol=1e-5)
    colours = points[..., 3].copy().view(np.uint32)
    np.testing.assert_array_equal(colours[7, 9] >> np.uint32([16, 8, 0]) & 255, PICTURE[7, 9])
    np.testing.assert_allclose(floats(out['disparity'].image)[~HOLES], FX * 0.1 / depth[~HOLES], rtol=1e-4)
    told = values_of(out[STATISTICS])
    assert (told['network'], told['stage'], told['method']) == ('guided_super_resolution', '2', 'guided')
    assert told['measured'] == str(np.isfinite(MAP).sum()) and float(told['relative_ms']) > 0
    node.wait(lambda: any(('method', 'guided') in {(v.key, v.value) for v in status.values}
                          for status in node.diagnostics), what='diagnostics do not say the method')


def test_holes_are_filled_when_that_is_asked_for(node, library):
    try:
        assert node.set_parameters(fill_holes=True).successful
        out = guided(node, None, DEPTH, 'confidence')
    finally:
        node.set_parameters(fill_holes=False)
    estimate = library.compute(MAP, PICTURE, method='guided', fill_holes=True)
    np.testing.assert_allclose(floats(out[DEPTH]), estimate.depth, rtol=1e-4)
    np.testing.assert_allclose(floats(out['confidence']), estimate.confidence, atol=1e-4)
    assert np.isfinite(floats(out[DEPTH])).all()


def rubbish_in_holes() -> np.ndarray:
    values, rng = MAP.copy(), np.random.default_rng(8)
    missing = np.isnan(MAP)
    values[missing] = rng.choice([NAN, INF, -INF, 0.0, -0.0, -1.0, -1e30], missing.sum())
    return values


@pytest.mark.parametrize('message', [
    low_res(rubbish_in_holes()),
    image(np.nan_to_num(1000 * MAP).round().astype(np.uint16), '16UC1'),
    image(np.nan_to_num(1000 * MAP).round().astype('>u2'), '16UC1', is_bigendian=1),
    image(np.pad(MAP, ((0, 0), (0, 3))), '32FC1', width=WIDTH // FACTOR)],
    ids=['rubbish', 'millimetres', 'big-endian', 'padded'])
def test_what_is_no_depth_is_missing_in_any_encoding(node, library, message):
    depth = floats(guided(node, good_set(**{LOW_RES: message}), DEPTH)[DEPTH])
    np.testing.assert_allclose(depth, library.compute(MAP, PICTURE, method='guided').depth, rtol=1e-4)


@pytest.mark.parametrize('shape', [(25, 50), (HEIGHT // 2, WIDTH // 2), SIZE])
def test_a_map_of_any_smaller_size_comes_to_the_image_s(node, library, shape):
    values = cv2.resize(np.nan_to_num(MAP, nan=3.0), shape[::-1], interpolation=cv2.INTER_LINEAR)
    given = good_set(**{LOW_RES: low_res(values), LOW_RES_INFO: low_res_info(values)})
    expected = library.compute(values, PICTURE, method='guided').depth

    def answered() -> bool:  # the first set of a size is dropped while the networks get ready for it
        node.send(given)
        node.executor.spin_once(timeout_sec=0.2)
        return any(floats(each).shape == SIZE and np.allclose(floats(each), expected, rtol=1e-3)
                   for each in node.heard[DEPTH][-3:])

    node.wait(answered, 60, 'no answer')


def test_a_map_without_depth_gives_none_and_a_diagnostic(node):
    for values in (np.zeros_like(MAP), np.full_like(MAP, NAN)):
        node.diagnostics.clear()
        out = node.answer(good_set(**{LOW_RES: low_res(values)}), DEPTH, 'points', 'confidence',
                          'disparity')
        assert np.isnan(floats(out[DEPTH])).all()
        assert not floats(out['confidence']).any()
        assert np.isnan(np.frombuffer(out['points'].data, np.float32).reshape(-1, 4)[:, :3]).all()
        assert (floats(out['disparity'].image) < out['disparity'].min_disparity).all()
        node.wait(lambda: node.diagnosed(
            WARN, 'nothing was measured: of 48x24 pixels none of low_res/image_rect has a depth'))
    assert np.isfinite(floats(node.answer(None, DEPTH)[DEPTH])[~HOLES]).all()


# --- which method


def test_the_method_that_is_asked_for_runs_and_the_answer_says_so(node, library):
    try:
        for method, stage in (('bicubic', '1'), ('depth_only', '2'), ('guided', '2')):
            assert node.set_parameters(method=method).successful
            node.wait(lambda method=method: said(node)['method'] == method)
            out = node.answer(None, DEPTH, STATISTICS)
            told = values_of(out[STATISTICS])
            assert (told['method'], told['stage']) == (method, stage)
            expected = library.compute(MAP, PICTURE, method=method).depth
            np.testing.assert_allclose(floats(out[DEPTH]), expected, rtol=1e-3)
        assert not node.set_parameters(method='nearest').successful
    finally:
        node.set_parameters(method='guided')


def test_the_budget_chooses_the_method(node):
    try:
        assert node.set_parameters(method='auto').successful

        def chosen() -> bool:  # the first set is dropped while smaller scales get ready
            node.send(good_set())
            node.executor.spin_once(timeout_sec=0.2)
            return any(values_of(m)['method'] == 'guided' for m in node.heard[STATISTICS][before:])

        before = len(node.heard[STATISTICS])
        node.wait(chosen, 60)
        assert node.set_parameters(latency_budget_ms=1.0).successful
        out = node.answer(None, STATISTICS, DEPTH)
        told = values_of(out[STATISTICS])
        assert (told['method'], told['stage'], told['network']) == ('bicubic', '1', 'depth_gan_x4')
        assert floats(out[DEPTH]).shape == SIZE
        node.wait(lambda: node.diagnosed(WARN, 'latency_budget_ms is 1, but stage 1 at 192x96 needs'))
    finally:
        node.set_parameters(latency_budget_ms=10000.0, method='guided')


def test_without_images_depth_alone_gives_the_same_resolution_and_with_them_both(node, library):
    node.answer(None, DEPTH)
    answered = len(node.heard[DEPTH])

    def plain() -> bool:
        node.send(plain_set())
        node.executor.spin_once(timeout_sec=0.2)
        return len(node.heard[DEPTH]) > answered

    node.wait(plain, what='without images there is nothing')
    node.diagnostics.clear()
    out = node.answer(plain_set(), DEPTH, 'points', 'depth/camera_info', STATISTICS)
    expected = library.compute(MAP, size=SIZE, method='depth_only').depth
    np.testing.assert_allclose(floats(out[DEPTH]), expected, rtol=1e-4)
    colours = np.frombuffer(out['points'].data, np.uint32).reshape(HEIGHT, WIDTH, 4)[..., 3]
    assert (colours == 0xFFFFFF).all()
    np.testing.assert_allclose(out['depth/camera_info'].p, info().p)
    assert values_of(out[STATISTICS])['method'] == 'depth_only'
    node.wait(lambda: node.diagnosed(
        WARN, 'method is guided, but image_rect, camera_info do not come: depth is depth_only'))
    node.wait(lambda: said(node)['method'] == 'guided', what='images are not seen again')


# --- what cannot be


@pytest.mark.parametrize(('messages', 'level', 'reason'), [
    (good_set(**{LOW_RES: image(PICTURE)}), WARN, f"{LOW_RES}: encoding is 'rgb8', depth is 32FC1 (m) or"),
    (good_set(**{LOW_RES: image(MAP, '32FC1', data=array.array('B', bytes(77)))}), WARN,
     f'{LOW_RES}: data has 77 bytes'),
    (good_set(**{LOW_RES: low_res(MAP[:20])}), ERROR, f'{LOW_RES_INFO} is for 48x24 but {LOW_RES} is 48x20'),
    (good_set(**{IMAGE: image(PICTURE[:50])}), ERROR, f'{INFO} is for 192x96 but {IMAGE} is 192x50'),
    (good_set(**{IMAGE: image(PICTURE, 'rgb9')}), WARN, f"{IMAGE}: encoding is 'rgb9'"),
    (good_set(**{INFO: info(p=dict.fromkeys(range(12), 0.0))}), ERROR, f'{INFO}: P is all zero'),
    (good_set(**{INFO: info(p={2: WIDTH / 2 + 3})}), ERROR,
     f'{LOW_RES_INFO} and {INFO} see different fields of view: edges of the depth lie 3.0 px of the image '
     f'from where its camera has them, at most 2 are allowed; register depth to the image first'),
    (good_set(**{LOW_RES: low_res(LARGE), LOW_RES_INFO: low_res_info(LARGE)}), ERROR,
     f'{IMAGE} is 192x96, smaller than {LOW_RES}, which is 400x200')],
    ids=['encoding', 'cut off', 'low size', 'size', 'image encoding', 'camera', 'view', 'larger'])
def test_a_set_that_cannot_be_is_refused_with_the_reason_and_the_next_is_answered(
        node, messages, level, reason):
    node.diagnostics.clear()
    guided(node, None, DEPTH)
    stamp = node.send(messages)
    node.wait(lambda: node.diagnosed(level, reason), what=f'no diagnostics: {reason}')
    node.answer(None, DEPTH)
    assert node.last_with(DEPTH, stamp) is None


def test_whatever_comes_the_node_lives_on(node):
    rng = np.random.default_rng(11)
    encodings = ['32FC1', '16UC1', 'mono8', 'rgb8', '64FC1', '', '32FC1\0']

    def number() -> int:
        return int(rng.choice([0, 1, 2, 7, WIDTH, 2**31, 2**32 - 1]))

    def picture() -> Image:
        data = array.array('B', rng.bytes(int(rng.choice([0, 1, 64, 4 * WIDTH * HEIGHT]))))
        return Image(height=number(), width=number(), step=number(), encoding=str(rng.choice(encodings)),
                     is_bigendian=int(rng.integers(0, 256)), data=data)

    def calibration() -> CameraInfo:
        return info(width=number(), height=number(), p={
            int(rng.integers(12)): float(rng.choice([NAN, INF, -1e300, 0.0, 1e-300]))})

    odd = {LOW_RES: picture, LOW_RES_INFO: calibration, IMAGE: picture, INFO: calibration}
    for _ in range(40):
        node.send({name: odd[name]() if rng.integers(2) else message for name, message in good_set().items()})
    node.answer(None, DEPTH, limit=40)
    assert node.process.running()


@pytest.mark.parametrize(('name', 'value', 'reason'), [
    ('latency_budget_ms', 0.0, '1.0'), ('virtual_baseline', 50.0, '5.0'), ('use_image', False, 'read-only'),
    ('scale_factor', 2, 'read-only'), ('method', 'best', 'one of auto, guided, depth_only, bicubic')])
def test_a_bad_value_is_refused_with_the_reason(node, name, value, reason):
    refused = node.set_parameters(**{name: value})
    assert not refused.successful
    assert name in refused.reason and reason in refused.reason


# --- depth alone


def test_depth_alone_is_enlarged_under_its_own_calibration_to_the_pixel_centre(alone, library):
    calibration = low_res_info()
    calibration.distortion_model, calibration.d = 'plumb_bob', [0.1, -0.2, 0.0, 0.0, 0.0]
    out = alone.answer(plain_set(**{LOW_RES_INFO: calibration}), DEPTH, 'depth/camera_info', 'points',
                       STATISTICS)
    depth = floats(out[DEPTH])
    np.testing.assert_allclose(depth, library.compute(MAP, size=SIZE, method='depth_only').depth, rtol=1e-4)
    camera = out['depth/camera_info']
    assert (camera.width, camera.height, camera.distortion_model) == (WIDTH, HEIGHT, 'plumb_bob')
    assert list(camera.d) == [0.1, -0.2, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(camera.p, info().p, atol=1e-9)
    # a point of the cloud projects to its pixel
    points = np.frombuffer(out['points'].data, np.float32).reshape(HEIGHT, WIDTH, 4)
    x, y, z = points[70, 31, :3].astype(float)
    assert camera.p[0] * x / z + camera.p[2] == pytest.approx(31, abs=1e-3)
    assert camera.p[5] * y / z + camera.p[6] == pytest.approx(70, abs=1e-3)
    assert values_of(out[STATISTICS])['network'] == 'depth_gan_x4'


def test_images_are_not_subscribed_to_where_they_are_not_used(alone):
    for topic in (IMAGE, INFO, RELATIVE):
        assert alone.node.count_subscribers(f'/alone/{topic}') == 0
    assert alone.node.count_subscribers(f'/alone/{LOW_RES}') == 1


def test_a_method_that_needs_images_is_refused_where_they_are_not_used(alone):
    refused = alone.set_parameters(method='guided')
    assert not refused.successful and 'use_image is false' in refused.reason


# --- starts


@pytest.fixture
def start(files, tmp_path):
    """Start a node that ends with the test."""
    opened = []

    def started(**options):
        made = running(f'own{len(opened)}', tmp_path / f'log{len(opened)}', (DEPTH, STATISTICS),
                       **{**files, **NO_HURRY, **options})
        opened.append(made)
        return next(made)

    yield started
    for made in opened:
        next(made, None)


def test_relative_depth_of_a_topic_guides_and_without_it_depth_alone_is_seen(start, library):
    relative = np.repeat(np.linspace(4.0, 1.0, HEIGHT)[:, None], WIDTH, axis=1).astype(np.float32)
    node = start(relative='topic', inputs={**INPUTS, RELATIVE: Image},
                 good=lambda: good_set(**{RELATIVE: image(relative, '32FC1')}), method='guided')
    out = guided(node, None, DEPTH)
    expected = library.compute(MAP, PICTURE, 1 / relative, method='guided').depth
    np.testing.assert_allclose(floats(out[DEPTH]), expected, rtol=1e-4)

    def without() -> bool:
        node.send(good_set())
        node.executor.spin_once(timeout_sec=0.2)
        return any(values_of(m)['method'] == 'depth_only' for m in node.heard[STATISTICS])

    node.wait(without, what='without relative depth there is nothing')


def test_compressed_images_guide_and_depth_comes_raw(start, library):
    packed = compressed(PICTURE)
    node = start(image_transport='compressed', method='guided', inputs={
        LOW_RES: Image, LOW_RES_INFO: CameraInfo, INFO: CameraInfo, f'{IMAGE}/compressed': CompressedImage},
        good=lambda: {**plain_set(), INFO: info(), f'{IMAGE}/compressed': packed})
    expected = library.compute(MAP, PICTURE, method='guided').depth
    depth = floats(guided(node, None, DEPTH)[DEPTH])
    np.testing.assert_allclose(depth, expected, rtol=1e-4)


def test_without_any_image_and_factor_the_node_says_what_is_missing(start):
    node = start(meets=False, inputs={LOW_RES: Image, LOW_RES_INFO: CameraInfo})
    node.wait(node.connected, 60)

    def told() -> bool:
        node.send(plain_set())
        node.executor.spin_once(timeout_sec=0.2)
        return node.diagnosed(ERROR, 'scale_factor is 0, the resolution of image_rect, but no image_rect '
                              'with camera_info has come beside low_res/image_rect; publish them, or set')

    node.wait(told, 60)


def test_what_is_missing_is_named(start):
    node = start(meets=False, inputs={LOW_RES_INFO: CameraInfo}, no_data_timeout=0.5)
    node.wait(lambda: node.diagnosed(WARN, 'Nobody publishes /own0/low_res/image_rect: remap'), 60)
    assert 'no synchronized set' in node.process.log()


@pytest.mark.parametrize(('parameters', 'reason'), [
    ({'weights': '/nowhere.safetensors'}, 'no weights at /nowhere.safetensors'),
    ({'weights': 'guided'}, 'needs images; it is one for weights_guided'),
    ({'scale_factor': 3}, 'scale_factor must be one of 0, 2, 4, 8, got 3'),
    ({'use_image': False}, 'scale_factor must be 2, 4 or 8 when use_image is false'),
    ({'relative': 'nothing'}, 'relative must be one of mono_unet, topic'),
    ({'method': 'best'}, 'method must be one of auto, guided')])
def test_it_ends_with_one_line(files, tmp_path, parameters, reason):
    if parameters.get('weights') == 'guided':
        parameters = {'weights': files['weights_guided']}
    process = NodeProcess(tmp_path / 'log', executable='super_resolution_node', **{**files, **parameters})
    assert process.exit_code(60) == 1
    assert [line for line in process.log().splitlines() if reason in line], process.log()
    assert 'Traceback' not in process.log()
