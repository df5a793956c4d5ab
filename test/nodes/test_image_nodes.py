"""The mono and the coarse-to-fine node over real DDS, with untrained networks: it is the nodes that count."""

import array

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import FRAME_ID, FX, HEIGHT, WIDTH, NodeProcess, floats, image, info, node_and_peer
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from depth_models import pretrained
from depth_models.estimators.depth_anything import DepthAnything
from depth_models.estimators.mono import MonoEstimator
from depth_models.networks.mono_networks import KINDS

IMAGE, INFO, SPARSE, POINTS = 'image_rect', 'camera_info', 'sparse_depth/image', 'sparse_points'
DEPTH, RELATIVE = 'depth/image_rect', 'relative_depth/image'
METRIC = ('disparity', DEPTH, 'depth/camera_info', 'points', 'confidence', 'depth/image_color')
TOPICS = {IMAGE: Image, INFO: CameraInfo, SPARSE: Image, POINTS: PointCloud2}
OPTIONS = {'engine': 'torch', 'device': 'cpu', 'num_threads': 1}
NO_HURRY = {**OPTIONS, 'latency_budget_ms': 10000.0}
WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR
PICTURE = cv2.blur(np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8), (9, 9))


def good_set(**others) -> dict:
    """Image and info, and what is sent before them."""
    return {**others, IMAGE: image(PICTURE), INFO: info()}


def sparse_image(values: np.ndarray) -> Image:
    return image(values.astype(np.float32), '32FC1')


def cloud(points: np.ndarray, **changed) -> PointCloud2:
    """x y z [N,3] as big-endian doubles, then with fields changed to taste."""
    message = PointCloud2(
        height=1, width=len(points), point_step=24, row_step=24 * len(points), is_bigendian=True,
        data=array.array('B', points.astype('>f8').tobytes()),
        fields=[PointField(name=n, offset=8 * i, datatype=PointField.FLOAT64, count=1)
                for i, n in enumerate('xyz')])
    for name, value in changed.items():
        setattr(message, name, value)
    return message


def weights(folder, kind: str) -> str:
    """A file of a random network whose depth varies."""
    torch.manual_seed(5)
    network = KINDS[kind].network(KINDS[kind].config())
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    path = folder / f'{kind}.safetensors'
    pretrained.write(path, network, kind, network.config, {})
    return str(path)


def depth_anything(folder) -> str:
    """A tiny Depth Anything of random weights that gives relative depth."""
    transformers = pytest.importorskip('transformers', reason='the optional extra depth_anything')
    torch.manual_seed(3)
    model = transformers.DepthAnythingForDepthEstimation(transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(
            image_size=70, patch_size=14, hidden_size=24, num_attention_heads=2, num_hidden_layers=4,
            out_indices=[1, 2, 3, 4], reshape_hidden_states=False),
        reassemble_hidden_size=24, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        head_hidden_size=4))
    for name, parameter in model.named_parameters():
        if 'conv' in name or 'projection' in name:
            torch.nn.init.normal_(parameter, std=0.22)
    torch.nn.init.constant_(model.head.conv3.bias, 1.0)
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope='module', autouse=True)
def context():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def running(name: str, log, listen, **more):
    inputs = TOPICS if more.get('scale', 'none') != 'none' else {IMAGE: Image, INFO: CameraInfo}
    yield from node_and_peer(name, log, listen, name=name, good=good_set, inputs=inputs, **more)


@pytest.fixture(scope='module')
def mono(tmp_path_factory):
    folder = tmp_path_factory.mktemp('mono')
    yield from running('mono_node', folder / 'log', (*METRIC, 'mono_node/statistics'),
                       weights=weights(folder, 'mono_unet'), scale='median', scale_memory=0.0, **NO_HURRY)


@pytest.fixture(scope='module')
def relative(tmp_path_factory):
    folder = tmp_path_factory.mktemp('relative')
    yield from running('relative_node', folder / 'log', (RELATIVE, DEPTH), executable='mono_node',
                       model='depth_anything_v2_small', weights=depth_anything(folder / 'tiny'),
                       shorter_side=70, scale='affine', scale_memory=0.0, scale_max_age=0.5, **NO_HURRY)


@pytest.fixture(scope='module')
def coarse_to_fine(tmp_path_factory):
    folder = tmp_path_factory.mktemp('coarse_to_fine')
    yield from running('coarse_to_fine_node', folder / 'log', (DEPTH, 'coarse_to_fine_node/statistics'),
                       weights=weights(folder, 'coarse_to_fine'), **NO_HURRY)


def values_of(report: DiagnosticArray) -> dict[str, str]:
    return {v.key: v.value for v in report.status[0].values}


# --- depth of a network that knows metres


def test_what_the_library_says_is_what_the_node_publishes(mono):
    out = mono.answer(None, *METRIC)
    estimate = MonoEstimator.from_pretrained(mono.get_parameter('weights'), **OPTIONS).compute(PICTURE)
    assert np.std(estimate.depth) > 0.01
    depth = floats(out[DEPTH])
    np.testing.assert_allclose(depth, estimate.depth, rtol=1e-4)
    np.testing.assert_allclose(floats(out['confidence']), estimate.confidence, atol=1e-4)
    assert {(m.header.stamp.sec, m.header.stamp.nanosec, m.header.frame_id) for m in out.values()} == {
        (out[DEPTH].header.stamp.sec, 123_456_789, FRAME_ID)}
    camera = out['depth/camera_info']
    assert (camera.width, camera.height) == (WIDTH, HEIGHT)
    assert list(camera.p) == list(info().p)
    points = np.frombuffer(out['points'].data, np.float32).reshape(HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(points[..., 2], depth)
    np.testing.assert_allclose(points[10, 20, 0], (20 - WIDTH / 2) / FX * depth[10, 20], rtol=1e-5)


def test_disparity_is_that_of_the_virtual_baseline(mono):
    assert mono.set_parameters(virtual_baseline=0.2).successful
    out = mono.answer(None, 'disparity', DEPTH)
    disparity = out['disparity']
    assert (disparity.f, disparity.t) == (FX, pytest.approx(0.2))
    np.testing.assert_allclose(floats(disparity.image), FX * 0.2 / floats(out[DEPTH]), rtol=1e-4)


def test_what_is_out_of_range_is_nan(mono):
    middle = float(np.median(floats(mono.answer(None, DEPTH)[DEPTH])))
    try:
        assert mono.set_parameters(max_range=middle).successful
        depth = floats(mono.answer(None, DEPTH)[DEPTH])
    finally:
        mono.set_parameters(max_range=100.0)
    assert 0.4 < np.isnan(depth).mean() < 0.6
    assert np.nanmax(depth) <= middle


@pytest.mark.parametrize(('changed', 'level', 'reason'), [
    ({IMAGE: image(PICTURE, 'rgb9')}, WARN, "image_rect: encoding is 'rgb9'"),
    ({IMAGE: image(PICTURE, data=array.array('B', bytes(99)))}, WARN, 'image_rect: data has 99 bytes'),
    ({INFO: info(width=640, height=480)}, ERROR, 'camera_info is for 640x480 but image_rect is 192x96'),
    ({INFO: info(p=dict.fromkeys(range(12), 0.0))}, ERROR, 'camera_info: P is all zero')])
def test_a_set_that_cannot_be_is_refused_with_the_reason_and_the_next_is_answered(
        mono, changed, level, reason):
    mono.diagnostics.clear()
    stamp = mono.send({**good_set(), **changed})
    mono.wait(lambda: mono.diagnosed(level, reason), what=f'no diagnostics: {reason}')
    mono.answer(None, DEPTH)
    assert mono.last_with(DEPTH, stamp) is None


@pytest.mark.parametrize(('name', 'value', 'reason'), [
    ('latency_budget_ms', 0.0, '1.0'), ('virtual_baseline', 50.0, '5.0'), ('scale', 'affine', 'read-only'),
    ('points_to_camera', [1.0], 'read-only')])
def test_a_bad_value_is_refused_with_the_reason(mono, name, value, reason):
    refused = mono.set_parameters(**{name: value})
    assert not refused.successful
    assert name in refused.reason and reason in refused.reason


def test_the_budget_scales_what_the_network_sees_and_not_what_is_published(mono):
    statistics = 'mono_node/statistics'
    try:
        assert mono.set_parameters(latency_budget_ms=1.0).successful
        out = mono.answer(None, statistics, DEPTH)
    finally:
        mono.set_parameters(latency_budget_ms=10000.0)
    assert values_of(out[statistics])['scale'] == '0.25'
    assert (out[DEPTH].width, out[DEPTH].height) == (WIDTH, HEIGHT)
    mono.wait(lambda: mono.diagnosed(WARN, 'latency_budget_ms is 1, but stage 1 at 192x96 needs'))
    mono.wait(lambda: mono.diagnosed(WARN, 'images are seen at 0.25 of their size'))
    assert values_of(mono.answer(None, statistics)[statistics])['scale'] == '1.0'


@pytest.mark.parametrize(('bad', 'level', 'reason'), [
    ({SPARSE: image(PICTURE)}, WARN, f"{SPARSE}: encoding is 'rgb8', depth is 32FC1"),
    ({SPARSE: sparse_image(np.ones((5, 7)))}, ERROR, f'{SPARSE} is 7x5 but image_rect is 192x96'),
    ({POINTS: PointCloud2(height=1, width=9)}, WARN, f'{POINTS}: there is no field x, y, z'),
    ({POINTS: cloud(np.ones((3, 3)), width=4)}, WARN, f'{POINTS}: data has 72 bytes, but 4x1 points')])
def test_metric_depths_that_cannot_be_are_ignored_with_the_reason_and_the_image_is_answered(
        mono, bad, level, reason):
    mono.diagnostics.clear()
    stamp = mono.send(good_set(**bad))
    mono.wait(lambda: mono.last_with(DEPTH, stamp), what='the image was not answered without it')

    def diagnosed() -> bool:
        # which of two topics is heard first is open: again, until it was there in time
        if not mono.diagnosed(level, reason):
            mono.answer(good_set(**bad), DEPTH)
        return mono.diagnosed(level, reason)

    mono.wait(diagnosed, what=f'no diagnostics: {reason}')


@pytest.mark.parametrize('empty', [
    {SPARSE: sparse_image(np.full((HEIGHT, WIDTH), np.nan))}, {POINTS: cloud(np.empty((0, 3)))},
    {POINTS: cloud(np.full((30, 3), (0.0, 0.0, -1.0)))}])
def test_metric_depths_that_the_camera_does_not_see_change_nothing(mono, empty):
    plain = floats(mono.answer(None, DEPTH)[DEPTH])
    statistics = 'mono_node/statistics'

    def noted() -> bool:
        out = mono.answer(good_set(**empty), DEPTH, statistics)
        np.testing.assert_array_equal(floats(out[DEPTH]), plain)
        return values_of(out[statistics])['fit_note'] == '0 samples, fewer than 8: nothing is fitted'

    mono.wait(noted, what='it was not noted')


def test_metric_depths_correct_the_scale(mono):
    depth = floats(mono.answer(None, DEPTH)[DEPTH])

    def corrected() -> bool:
        found = floats(mono.answer(good_set(**{SPARSE: sparse_image(3 * depth)}), DEPTH)[DEPTH])
        return bool(np.allclose(found, 3 * depth, rtol=1e-3))

    def diagnosed() -> bool:
        return corrected() and any(
            status.level == DiagnosticStatus.OK and value.key == 'fit_scale'
            and float(value.value) == pytest.approx(3, rel=1e-3)
            for status in mono.diagnostics for value in status.values)

    mono.wait(corrected, what='the scale stays what it was')
    mono.wait(diagnosed, what='diagnostics do not tell')
    back = mono.send(good_set(), stamp=50)  # time jumps back: the fit is of another run
    mono.wait(lambda: mono.last_with(DEPTH, back))
    np.testing.assert_allclose(floats(mono.last_with(DEPTH, back)), depth, rtol=1e-4)


# --- depth of a network that knows none


def truth_of(relative) -> tuple[np.ndarray, np.ndarray]:
    """What the network says, and metres that fit it but for a scale, a shift and some noise."""
    network = DepthAnything.from_pretrained(relative.get_parameter('weights'), shorter_side=70, **OPTIONS)
    said = network.compute(PICTURE).depth
    inverse = 1 / said
    low, high = inverse.min(), np.median(inverse)
    noise = np.random.default_rng(2).normal(1.0, 0.01, said.shape)
    return said, noise / (0.1 + 0.9 * (inverse - low) / (high - low))  # up to 10 m, half of it beyond 1 m


def rmse(depth: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((depth - truth) ** 2)))


def samples_of(truth: np.ndarray, count: int) -> np.ndarray:
    sparse = np.full(truth.size, np.nan)
    chosen = np.random.default_rng(1).choice(truth.size, count, replace=False)
    sparse[chosen] = truth.ravel()[chosen]
    return sparse.reshape(truth.shape)


def test_without_metric_depths_it_says_once_that_it_has_no_unit_and_with_them_it_publishes_metres(relative):
    said, truth = truth_of(relative)
    published = floats(relative.answer(None, RELATIVE)[RELATIVE])
    np.testing.assert_allclose(published, said, rtol=1e-3)
    assert relative.heard[DEPTH] == []
    assert relative.process.log().count('depth has no unit: only relative_depth/image is published') == 1
    relative.wait(lambda: relative.diagnosed(WARN, 'depth has no unit'))

    sent = [relative.send(good_set(**{SPARSE: sparse_image(samples_of(truth, 200))})) for _ in range(3)]
    relative.wait(lambda: relative.last_with(DEPTH, sent[-1]), what='no metric depth')
    depth = floats(relative.last_with(DEPTH, sent[-1]))
    relative.wait(lambda: relative.last_with(RELATIVE, sent[-1]), what='its listeners lose it')
    median_scaled = said * np.median(truth / said)
    assert np.isfinite(depth).mean() > 0.95
    assert rmse(depth, truth) < 0.2 * rmse(median_scaled, truth)

    later = relative.send(good_set(), stamp=sent[-1] + 3)  # remembered for scale_timeout, and no longer
    relative.wait(lambda: relative.last_with(DEPTH, later))
    over = relative.send(good_set(), stamp=sent[-1] + 20)
    relative.wait(lambda: relative.last_with(RELATIVE, over), what='metres for ever')
    assert relative.last_with(DEPTH, over) is None


def test_points_of_a_lidar_give_metres_too(relative):
    _, truth = truth_of(relative)
    z = samples_of(truth, 200)
    row, column = np.nonzero(np.isfinite(z))
    z = z[row, column]
    message = cloud(np.stack([(column - WIDTH / 2) * z / FX, (row - HEIGHT / 2) * z / FX, z], -1))
    stamp = 5000
    for _ in range(3):
        stamp = relative.send(good_set(**{POINTS: message}), stamp=stamp + 1)
    relative.wait(lambda: relative.last_with(DEPTH, stamp), what='no metric depth')
    depth = floats(relative.last_with(DEPTH, stamp))
    assert np.nanmedian(np.abs(depth / truth - 1)) < 0.02


# --- coarse to fine


def test_the_network_that_is_asked_for_runs(coarse_to_fine):
    estimator = MonoEstimator.from_pretrained(coarse_to_fine.get_parameter('weights'), **OPTIONS)
    statistics = 'coarse_to_fine_node/statistics'
    for asked, reached in ((1, 1), (2, 2), (0, 2)):
        assert coarse_to_fine.set_parameters(stage=asked).successful
        out = coarse_to_fine.answer(None, DEPTH, statistics)
        assert values_of(out[statistics])['stage'] == str(reached)
        expected = estimator.compute(PICTURE, stage=reached).depth
        np.testing.assert_allclose(floats(out[DEPTH]), expected, rtol=1e-3)
    assert not coarse_to_fine.set_parameters(stage=3).successful


# --- what cannot be


@pytest.mark.parametrize(('name', 'parameters', 'reason'), [
    ('mono_node', {'model': 'midas'}, 'model must be one of mono_unet, depth_anything_v2_small'),
    ('mono_node', {'weights': '/nowhere.safetensors'}, 'no weights at /nowhere.safetensors'),
    ('mono_node', {'points_to_camera': '[1.0, 2.0]'}, 'points_to_camera must be 16 finite numbers'),
    ('coarse_to_fine_node', {'stage': 3}, 'stage')])
def test_it_ends_with_one_line(tmp_path, name, parameters, reason):
    process = NodeProcess(tmp_path / 'log', executable=name, **parameters)
    assert process.exit_code(60) == 1
    assert [line for line in process.log().splitlines() if reason in line], process.log()
    assert 'Traceback' not in process.log()


@pytest.mark.parametrize(('name', 'other', 'own'), [
    ('coarse_to_fine_node', 'mono_unet', 'coarse_to_fine'), ('mono_node', 'coarse_to_fine', 'mono_unet')])
def test_weights_of_another_network_are_refused(tmp_path, name, other, own):
    process = NodeProcess(tmp_path / 'log', executable=name, weights=weights(tmp_path, other))
    assert process.exit_code(60) == 1
    assert f'holds a {other}, expected {own}' in process.log()


def test_depth_anything_without_weights_or_a_network_says_what_to_do_and_ends(tmp_path, monkeypatch):
    pytest.importorskip('transformers', reason='the optional extra depth_anything')
    monkeypatch.setenv('HF_HOME', str(tmp_path))
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    process = NodeProcess(tmp_path / 'log', executable='mono_node', model='depth_anything_v2_small')
    assert process.exit_code(60) == 1
    said = [line for line in process.log().splitlines() if 'Depth-Anything-V2-Small-hf is neither' in line]
    assert len(said) == 1 and 'run `hf download depth-anything/Depth-Anything-V2-Small-hf`' in said[0]
    assert 'Traceback' not in process.log()
