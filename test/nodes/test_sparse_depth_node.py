"""The sparse depth node over real DDS, with untrained networks: it is the node that counts."""

import array

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import FRAME_ID, FX, HEIGHT, WIDTH, NodeProcess, compressed, floats, image, info, node_and_peer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField

from depth_models import pretrained
from depth_models.estimators.sparse_by_image import load_sparse
from depth_models.networks.sparse_depth import SparseDepth, SparseDepthConfig

SPARSE, POINTS, INFO, IMAGE = 'sparse_depth/image', 'sparse_points', 'camera_info', 'image_rect'
DEPTH, STATISTICS = 'depth/image_rect', 'sparse_depth_node/statistics'
OUTPUTS = ('disparity', DEPTH, 'depth/camera_info', 'points', 'confidence', 'depth/image_color')
INPUTS = {SPARSE: Image, POINTS: PointCloud2, INFO: CameraInfo, IMAGE: Image}
OPTIONS = {'engine': 'torch', 'device': 'cpu', 'num_threads': 1}
NO_HURRY = {**OPTIONS, 'latency_budget_ms': 10000.0}
WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR
NAN, INF = np.nan, np.inf
PICTURE = cv2.blur(np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8), (9, 9))
TRUTH = np.repeat(np.linspace(6.0, 1.5, HEIGHT)[:, None], WIDTH, axis=1).round(3).astype(np.float32)
TRUTH[30:50, 60:100] = 1.2
CHOSEN = np.random.default_rng(1).random(TRUTH.shape) < 0.1
MEASURED = np.where(CHOSEN, TRUTH, np.float32(NAN))
# LiDAR (x forward, y left, z up) to camera, and where it sits: 0.25 m to the left of the camera
LIDAR = (0.0, -1.0, 0.0, -0.25, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def sparse_image(values: np.ndarray = MEASURED) -> Image:
    return image(values.astype(np.float32), '32FC1')


def rays(values: np.ndarray) -> np.ndarray:
    """Points x y z [N,3] in the camera's frame of the measured pixels."""
    row, column = np.nonzero(np.isfinite(values))
    z = values[row, column].astype(np.float64)
    return np.stack([(column - WIDTH / 2) * z / FX, (row - HEIGHT / 2) * z / FX, z], -1)


def cloud(points: np.ndarray, **changed) -> PointCloud2:
    """Big-endian doubles z y x behind 4 bytes of rubbish, in two rows that are padded."""
    points = points[:len(points) // 2 * 2]
    rows = [b''.join(b'\xa5' * 4 + point[::-1].astype('>f8').tobytes() for point in row) + b'\xa5' * 6
            for row in points.reshape(2, -1, 3)]
    message = PointCloud2(
        height=2, width=len(points) // 2, point_step=28, row_step=28 * (len(points) // 2) + 6,
        is_bigendian=True, data=array.array('B', b''.join(rows)),
        fields=[PointField(name=n, offset=4 + 8 * i, datatype=PointField.FLOAT64, count=1)
                for i, n in enumerate('zyx')])
    for name, value in changed.items():
        setattr(message, name, value)
    return message


def good_set(**others) -> dict:
    return {SPARSE: sparse_image(), INFO: info(), IMAGE: image(PICTURE), **others}


def points_set(points: PointCloud2, **others) -> dict:
    return {POINTS: points, INFO: info(), IMAGE: image(PICTURE), **others}


def plain_set() -> dict:
    return {SPARSE: sparse_image(), INFO: info()}


def weights(folder, *, rgb: bool) -> str:
    """A file of an untrained network of which no two stages are alike."""
    torch.manual_seed(5)
    network = SparseDepth(SparseDepthConfig(rgb=rgb))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    path = folder / f'{"rgb" if rgb else "plain"}.safetensors'
    pretrained.write(path, network, 'sparse_depth', network.config, {})
    return str(path)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('weights')
    return {'weights': weights(folder, rgb=False), 'weights_rgb': weights(folder, rgb=True)}


@pytest.fixture(scope='module')
def library(files):
    return load_sparse(**files, **OPTIONS)


@pytest.fixture(scope='module', autouse=True)
def context():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def running(namespace: str, log, listen, *, good=good_set, inputs=INPUTS, **more):
    """At stage 2, or sets that tests send one right after the other would get coarser answers."""
    def fixed(peer):
        assert peer.set_parameters(stage=2).successful

    yield from node_and_peer(namespace, log, listen, name='sparse_depth_node', good=good, inputs=inputs,
                             met=fixed, **more)


@pytest.fixture(scope='module')
def node(files, tmp_path_factory):
    yield from running('all', tmp_path_factory.mktemp('all') / 'log', (*OUTPUTS, STATISTICS), **files,
                       **NO_HURRY)


@pytest.fixture(scope='module')
def lidar(files, tmp_path_factory):
    """Of points only, in a frame of their own, without images."""
    yield from running(
        'lidar', tmp_path_factory.mktemp('lidar') / 'log', (DEPTH, 'points'),
        inputs={POINTS: PointCloud2, INFO: CameraInfo}, good=lambda: {POINTS: seen_by_lidar(), INFO: info()},
        weights=files['weights'], use_image=False, points_to_camera=str(list(LIDAR)), **NO_HURRY)


def seen_by_lidar() -> PointCloud2:
    matrix = np.reshape(LIDAR, (4, 4))
    return cloud((rays(MEASURED) - matrix[:3, 3]) @ matrix[:3, :3])


def values_of(report: DiagnosticArray) -> dict[str, str]:
    return {v.key: v.value for v in report.status[0].values}


# --- what comes out


def test_what_the_library_says_is_what_the_node_publishes(node, library):
    out = node.answer(None, *OUTPUTS, STATISTICS)
    estimate = library.compute(MEASURED, PICTURE)
    depth = floats(out[DEPTH])
    np.testing.assert_allclose(depth, estimate.depth, rtol=1e-4)
    np.testing.assert_allclose(floats(out['confidence']), estimate.confidence, atol=1e-4)
    np.testing.assert_allclose(depth[CHOSEN], TRUTH[CHOSEN], rtol=1e-6)
    assert {(m.header.stamp.sec, m.header.stamp.nanosec, m.header.frame_id) for m in out.values()} == {
        (out[DEPTH].header.stamp.sec, 123_456_789, FRAME_ID)}
    camera = out['depth/camera_info']
    assert (camera.width, camera.height) == (WIDTH, HEIGHT) and list(camera.p) == list(info().p)
    points = np.frombuffer(out['points'].data, np.float32).reshape(HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(points[..., 2], depth)
    np.testing.assert_allclose(points[10, 20, 0], (20 - WIDTH / 2) / FX * depth[10, 20], rtol=1e-5)
    colours = points[..., 3].copy().view(np.uint32)
    np.testing.assert_array_equal(colours[7, 9] >> np.uint32([16, 8, 0]) & 255, PICTURE[7, 9])
    np.testing.assert_allclose(floats(out['disparity'].image), FX * 0.1 / depth, rtol=1e-4)
    said = values_of(out[STATISTICS])
    assert (said['network'], said['stage'], said['guided']) == ('sparse_depth_rgb', '2', 'True')
    assert said['measured'] == str(CHOSEN.sum())


def test_measurements_may_be_wrong_where_that_is_said(node, library):
    wrong = MEASURED.copy()
    wrong[20, 30] = 40.0
    assert floats(node.answer(good_set(**{SPARSE: sparse_image(wrong)}), DEPTH)[DEPTH])[20, 30] == 40.0
    try:
        assert node.set_parameters(denoise=True).successful
        depth = floats(node.answer(good_set(**{SPARSE: sparse_image(wrong)}), DEPTH)[DEPTH])
    finally:
        node.set_parameters(denoise=False)
    np.testing.assert_allclose(depth, library.compute(wrong, PICTURE, denoise=True).depth, rtol=1e-4)
    assert depth[20, 30] < 30.0  # by a network that was never trained; believed it is 40


def rubbish_between() -> np.ndarray:
    values, rng = MEASURED.copy(), np.random.default_rng(8)
    values[~CHOSEN] = rng.choice([NAN, INF, -INF, 0.0, -0.0, -1.0, -1e30], (~CHOSEN).sum())
    return values


@pytest.mark.parametrize('message', [
    sparse_image(rubbish_between()),
    image(np.nan_to_num(1000 * MEASURED).round().astype(np.uint16), '16UC1'),
    image(np.nan_to_num(1000 * MEASURED).round().astype('>u2'), '16UC1', is_bigendian=1),
    image(np.pad(MEASURED, ((0, 0), (0, 3))), '32FC1', width=WIDTH)],
    ids=['rubbish', 'millimetres', 'big-endian', 'padded'])
def test_what_is_no_depth_is_missing_in_any_encoding(node, library, message):
    depth = floats(node.answer(good_set(**{SPARSE: message}), DEPTH)[DEPTH])
    np.testing.assert_allclose(depth, library.compute(MEASURED, PICTURE).depth, rtol=1e-4)


def test_points_of_any_layout_give_the_same_and_the_nearest_one_of_a_pixel_counts(node, library):
    behind = rays(MEASURED) * 1.5  # on the same rays
    seen = np.concatenate([behind, rays(MEASURED), behind])
    shuffled = np.random.default_rng(2).permutation(seen)
    odd = np.float64([[NAN, 0, 1], [0, 0, -3], [0, 0, 0], [INF, INF, INF], [1e300, 0, 1e-300], [90, 0, 1]])
    depth = floats(node.answer(points_set(cloud(np.concatenate([shuffled, odd]))), DEPTH)[DEPTH])
    expected = library.compute(MEASURED, PICTURE).depth
    # a point may fall on the border of two pixels
    assert np.mean(np.isclose(depth, expected, rtol=1e-3)) > 0.97


@pytest.mark.parametrize('messages', [
    good_set(**{SPARSE: sparse_image(np.zeros((HEIGHT, WIDTH)))}),
    good_set(**{SPARSE: sparse_image(np.full((HEIGHT, WIDTH), NAN))}),
    points_set(cloud(np.empty((0, 3)))), points_set(cloud(np.full((30, 3), (0.0, 0.0, -1.0))))],
    ids=['zeros', 'nan', 'no points', 'points behind'])
def test_a_frame_without_measurements_gives_no_depth_and_a_diagnostic(node, messages):
    node.diagnostics.clear()
    out = node.answer(messages, DEPTH, 'points', 'confidence', 'disparity')
    assert np.isnan(floats(out[DEPTH])).all()
    assert not floats(out['confidence']).any()
    assert np.isnan(np.frombuffer(out['points'].data, np.float32).reshape(-1, 4)[:, :3]).all()
    assert (floats(out['disparity'].image) < out['disparity'].min_disparity).all()
    node.wait(lambda: node.diagnosed(WARN, 'nothing was measured: of 192x96 pixels none has a depth'))
    assert np.isfinite(floats(node.answer(None, DEPTH)[DEPTH])).all()


# --- with an image or without


def test_without_images_depth_alone_is_seen_and_with_them_both(node, library):
    expected = library.compute(MEASURED).depth
    assert np.abs(expected / library.compute(MEASURED, PICTURE).depth - 1).max() > 0.01

    answered = len(node.heard[DEPTH])

    def plain() -> bool:
        node.send(plain_set())
        node.executor.spin_once(timeout_sec=0.2)
        return len(node.heard[DEPTH]) > answered

    node.wait(plain, what='without images there is nothing')
    out = node.answer(plain_set(), DEPTH, 'points', STATISTICS)
    np.testing.assert_allclose(floats(out[DEPTH]), expected, rtol=1e-4)
    colours = np.frombuffer(out['points'].data, np.uint32).reshape(HEIGHT, WIDTH, 4)[..., 3]
    assert (colours == 0xFFFFFF).all()
    assert values_of(out[STATISTICS])['guided'] == 'False'

    def guided() -> bool:
        return values_of(node.answer(None, STATISTICS)[STATISTICS])['guided'] == 'True'

    node.wait(guided, what='images are not seen again')


def test_the_stage_that_is_asked_for_runs(node, library):
    for stage in (1, 2):
        assert node.set_parameters(stage=stage).successful
        out = node.answer(None, DEPTH, STATISTICS)
        assert values_of(out[STATISTICS])['stage'] == str(stage)
        expected = library.compute(MEASURED, PICTURE, stage=stage).depth
        np.testing.assert_allclose(floats(out[DEPTH]), expected, rtol=1e-3)
    assert not node.set_parameters(stage=3).successful
    try:
        assert node.set_parameters(stage=0).successful
        node.wait(lambda: values_of(node.answer(None, STATISTICS)[STATISTICS])['stage'] == '2')
    finally:
        node.set_parameters(stage=2)


def test_the_budget_scales_what_the_network_sees_and_not_what_is_published(node):
    try:
        assert node.set_parameters(latency_budget_ms=1.0, stage=0).successful
        out = node.answer(None, STATISTICS, DEPTH)
    finally:
        node.set_parameters(latency_budget_ms=10000.0, stage=2)
    assert values_of(out[STATISTICS])['scale'] == '0.25'
    depth = floats(out[DEPTH])
    assert depth.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(depth[CHOSEN], TRUTH[CHOSEN], rtol=1e-6)
    node.wait(lambda: node.diagnosed(WARN, 'latency_budget_ms is 1, but stage 1 at 192x96 needs'))
    assert values_of(node.answer(None, STATISTICS)[STATISTICS])['scale'] == '1.0'


# --- what cannot be


@pytest.mark.parametrize(('messages', 'level', 'reason'), [
    (good_set(**{SPARSE: image(PICTURE)}), WARN, f"{SPARSE}: encoding is 'rgb8', depth is 32FC1 (m) or"),
    (good_set(**{SPARSE: image(MEASURED, '32FC1', data=array.array('B', bytes(77)))}), WARN,
     f'{SPARSE}: data has 77 bytes'),
    (good_set(**{SPARSE: sparse_image(np.ones((5, 7)))}), ERROR, f'{SPARSE} is 7x5 but {IMAGE} is 192x96'),
    (good_set(**{IMAGE: image(PICTURE[:50])}), ERROR, f'{INFO} is for 192x96 but {IMAGE} is 192x50'),
    (good_set(**{IMAGE: image(PICTURE, 'rgb9')}), WARN, f"{IMAGE}: encoding is 'rgb9'"),
    (good_set(**{INFO: info(p=dict.fromkeys(range(12), 0.0))}), ERROR, f'{INFO}: P is all zero'),
    (points_set(PointCloud2(height=1, width=9)), WARN, f'{POINTS}: there is no field x, y, z'),
    (points_set(cloud(rays(MEASURED), width=10**9)), WARN, f'{POINTS}: '),
    (points_set(cloud(rays(MEASURED), row_step=3)), WARN, f'{POINTS}: row_step is 3')],
    ids=['encoding', 'cut off', 'size', 'image size', 'image encoding', 'camera', 'fields', 'many', 'rows'])
def test_a_set_that_cannot_be_is_refused_with_the_reason_and_the_next_is_answered(
        node, messages, level, reason):
    node.diagnostics.clear()
    stamp = node.send(messages)
    node.wait(lambda: node.diagnosed(level, reason), what=f'no diagnostics: {reason}')
    node.answer(None, DEPTH)
    assert node.last_with(DEPTH, stamp) is None


def test_whatever_comes_the_node_lives_on(node):
    rng = np.random.default_rng(11)
    encodings = ['32FC1', '16UC1', 'mono8', 'rgb8', '64FC1', '', '32FC1\0']

    def number() -> int:
        return int(rng.choice([0, 1, 2, 7, WIDTH, 2**31, 2**32 - 1]))

    def data() -> array.array:
        return array.array('B', rng.bytes(int(rng.choice([0, 1, 64, 4 * WIDTH * HEIGHT]))))

    for _ in range(40):
        depth = Image(height=number(), width=number(), step=number(), encoding=str(rng.choice(encodings)),
                      is_bigendian=int(rng.integers(0, 256)), data=data())
        points = PointCloud2(
            height=number(), width=number(), point_step=number(), row_step=number(), data=data(),
            is_bigendian=bool(rng.integers(2)), fields=[
                PointField(name=str(n), offset=number(), datatype=int(rng.integers(0, 256)), count=number())
                for n in rng.choice(list('xyzi'), 4)])
        calibration = info(width=number(), height=number(),
                           p={int(rng.integers(12)): float(rng.choice([NAN, INF, -1e300, 0.0, 1e-300]))})
        node.send({**({SPARSE: depth} if rng.integers(2) else {POINTS: points}),
                   INFO: calibration if rng.integers(2) else info(), IMAGE: image(PICTURE)})
    node.answer(None, DEPTH, limit=40)
    assert node.process.running()


@pytest.mark.parametrize(('name', 'value', 'reason'), [
    ('latency_budget_ms', 0.0, '1.0'), ('virtual_baseline', 50.0, '5.0'), ('use_image', False, 'read-only'),
    ('points_to_camera', [1.0], 'read-only')])
def test_a_bad_value_is_refused_with_the_reason(node, name, value, reason):
    refused = node.set_parameters(**{name: value})
    assert not refused.successful
    assert name in refused.reason and reason in refused.reason


# --- a LiDAR alone


def test_points_are_brought_to_the_camera_by_the_parameter_under_its_frame(lidar, library):
    out = lidar.answer(None, DEPTH, 'points')
    expected = library.compute(MEASURED).depth
    assert np.mean(np.isclose(floats(out[DEPTH]), expected, rtol=1e-3)) > 0.97
    assert out[DEPTH].header.frame_id == FRAME_ID


def test_images_are_not_subscribed_to_where_they_are_not_used(lidar):
    assert lidar.node.count_subscribers('/lidar/image_rect') == 0
    assert lidar.node.count_subscribers('/lidar/sparse_points') == 1


@pytest.mark.parametrize('changed', [
    {'width': 0, 'height': 0}, {'width': 2**31, 'height': 2**31}, {'width': 100_000, 'height': 100_000}])
def test_a_camera_that_cannot_be_is_refused_before_a_map_is_made_for_it(lidar, changed):
    lidar.diagnostics.clear()
    lidar.send({POINTS: seen_by_lidar(), INFO: info(**changed)})
    reason = f'{INFO} is for {changed["width"]}x{changed["height"]}, expected 1 to '
    lidar.wait(lambda: lidar.diagnosed(ERROR, reason))
    lidar.answer(None, DEPTH)


# --- starts


@pytest.fixture
def start(files, tmp_path):
    """Start a node that ends with the test."""
    opened = []

    def started(**options):
        made = running(f'own{len(opened)}', tmp_path / f'log{len(opened)}', (DEPTH,),
                       **{**files, **NO_HURRY, **options})
        opened.append(made)
        return next(made)

    yield started
    for made in opened:
        next(made, None)


def test_compressed_images_guide_and_depth_comes_raw(start, library):
    packed = compressed(PICTURE)
    node = start(image_transport='compressed', inputs={
        SPARSE: Image, INFO: CameraInfo, f'{IMAGE}/compressed': CompressedImage},
        good=lambda: {**plain_set(), f'{IMAGE}/compressed': packed})
    expected = library.compute(MEASURED, PICTURE).depth
    node.wait(lambda: np.allclose(floats(node.answer(None, DEPTH)[DEPTH]), expected, rtol=1e-4))


def test_what_is_missing_is_named(start):
    node = start(meets=False, inputs={INFO: CameraInfo}, no_data_timeout=0.5)
    node.wait(lambda: node.diagnosed(
        WARN, 'Nobody publishes /own0/sparse_depth/image or /own0/sparse_points: remap'), 60)
    assert 'no synchronized set' in node.process.log()


@pytest.mark.parametrize(('parameters', 'reason'), [
    ({'weights': '/nowhere.safetensors'}, 'no weights at /nowhere.safetensors'),
    ({'points_to_camera': '[1.0, 2.0]'}, 'points_to_camera must be 16 finite numbers'),
    ({'weights': 'rgb'}, 'needs images; it is one for weights_rgb'),
    ({'stage': 3}, 'stage')])
def test_it_ends_with_one_line(files, tmp_path, parameters, reason):
    if parameters.get('weights') == 'rgb':
        parameters = {'weights': files['weights_rgb']}
    process = NodeProcess(tmp_path / 'log', executable='sparse_depth_node', **{**files, **parameters})
    assert process.exit_code(60) == 1
    assert [line for line in process.log().splitlines() if reason in line], process.log()
    assert 'Traceback' not in process.log()
