"""The evaluation node over real DDS."""

import array

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import BASELINE, FRAME_ID, FX, INPUTS, Graph, NodeProcess, image, node_and_peer, stereo_set
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import Image

from depth_models.evaluation.frame_scores import score_depth

DEPTH, TRUTH, CONFIDENCE = 'depth/image_rect', 'ground_truth/depth', 'confidence'
METRICS = 'evaluation_node/metrics'
TOPICS = {DEPTH: Image, TRUTH: Image, CONFIDENCE: Image}
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
NAN, INF = np.nan, np.inf
WIDTH, HEIGHT = 64, 48
RNG = np.random.default_rng(5)
TRUE = np.repeat(np.linspace(2.0, 9.0, HEIGHT)[:, None], WIDTH, axis=1).round(3).astype(np.float32)
TRUE[10:30, 20:40] = 1.5
TRUE[:4] = NAN
FOUND = (TRUE * RNG.normal(1.0, 0.1, TRUE.shape)).astype(np.float32)
FOUND[:, :6] = NAN
SURE = RNG.uniform(0.05, 0.95, TRUE.shape).astype(np.float32)


def maps(depth=FOUND, truth=TRUE, confidence=SURE) -> dict:
    given = {DEPTH: depth, TRUTH: truth, CONFIDENCE: confidence}
    return {name: values if isinstance(values, Image) else image(np.asarray(values, np.float32), '32FC1')
            for name, values in given.items() if values is not None}


@pytest.fixture(scope='module', autouse=True)
def context():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def running(namespace: str, log, *, good=maps, topics=TOPICS, meets: bool = True, **parameters):
    yield from node_and_peer(namespace, log, [METRICS] if meets else [], name='evaluation_node', good=good,
                             inputs=topics, meets=meets, **parameters)


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    """Its means are over one frame, so that what a test sees is of its own frames."""
    yield from running('judge', tmp_path_factory.mktemp('judge') / 'log', window=1)


@pytest.fixture
def fresh(tmp_path, request):
    yield from running(request.node.originalname.replace('test_', 'e_')[:30], tmp_path / 'log',
                       **getattr(request, 'param', {}))


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {value.key: value.value for value in status.values}


def status_of(graph, messages: dict | None = None) -> DiagnosticStatus:
    """What is said of the set; again, where it was not kept waiting for its confidence, or for none."""
    wanted = str(messages is None or CONFIDENCE in messages)
    for _ in range(20):
        status = graph.answer(messages, METRICS)[METRICS].status[0]
        if values_of(status)['confidence'] == wanted:
            return status
    raise AssertionError(f'confidence is not {wanted}')


def told(graph, messages: dict | None = None) -> dict[str, str]:
    return values_of(status_of(graph, messages))


def assert_scores(values: dict[str, str], depth: np.ndarray, truth: np.ndarray, confidence=SURE,
                  prefix: str = '') -> None:
    expected = score_depth(depth, truth, confidence)
    assert len(expected) > 4
    found = {name: float(values[f'{prefix}{name}']) for name in expected}
    assert found == pytest.approx(expected, rel=1e-4, nan_ok=True)


# --- the metrics


def test_what_the_library_says_is_what_the_node_publishes(node):
    status = status_of(node)
    message: DiagnosticArray = node.heard[METRICS][-1]
    assert (message.header.frame_id, message.header.stamp.nanosec) == (FRAME_ID, 123_456_789)
    assert (status.level, status.name, status.message) == (OK, 'evaluation_node: metrics', 'measured')
    values = values_of(status)
    assert_scores(values, FOUND, TRUE)
    assert_scores(values, FOUND, TRUE, prefix='mean_')
    assert float(values['abs_rel']) == pytest.approx(0.08, abs=0.01)  # of a normal error of 0.1
    assert values['judged'] == str(np.isfinite(FOUND).sum()) and values['frames'] == '1'
    assert float(values['total_ms']) > 0
    node.wait(lambda: any(values_of(each).get('mean_abs_rel') == values['abs_rel']
                          for each in node.diagnostics), what='diagnostics do not have the mean')
    assert {each.name for each in node.diagnostics} == {'evaluation_node: evaluation'}


def rubbish(values: np.ndarray) -> np.ndarray:
    changed, missing = values.copy(), np.isnan(values)
    changed[missing] = RNG.choice([NAN, INF, -INF, 0.0, -0.0, -1.0, -1e30], missing.sum())
    return changed


MM = np.nan_to_num(1000 * TRUE).round().astype(np.uint16)


@pytest.mark.parametrize('truth', [
    rubbish(TRUE), image(MM, '16UC1'), image(MM.astype('>u2'), '16UC1', is_bigendian=1),
    image(np.pad(TRUE, ((0, 0), (0, 5))), '32FC1', width=WIDTH)],
    ids=['rubbish', 'millimetres', 'big-endian', 'padded'])
def test_truth_in_any_encoding(node, truth):
    assert_scores(told(node, maps(truth=truth)), FOUND, TRUE)


def test_depth_with_rubbish_and_in_millimetres(node):
    assert_scores(told(node, maps(depth=rubbish(FOUND))), FOUND, TRUE)
    rounded = np.where(np.isnan(FOUND), NAN, (1000 * FOUND).round() / 1000)
    millimetres = image(np.nan_to_num(1000 * FOUND).round().astype(np.uint16), '16UC1')
    assert_scores(told(node, maps(depth=millimetres)), rounded, TRUE)


@pytest.mark.parametrize('factor', [2, 3])
def test_truth_of_a_higher_resolution_gives_the_same(node, factor):
    larger = TRUE.repeat(factor, axis=0).repeat(factor, axis=1)
    assert_scores(told(node, maps(truth=larger)), FOUND, TRUE)


def test_truth_of_a_lower_resolution_is_taken_at_the_nearest_pixel_and_never_blended(node):
    lower = TRUE[::2, ::2]
    assert_scores(told(node, maps(truth=lower)), FOUND, lower.repeat(2, axis=0).repeat(2, axis=1))
    # the block stands before what is far behind it: of a blend, its border would be wrong
    exact = lower.repeat(2, axis=0).repeat(2, axis=1)
    assert float(told(node, maps(depth=exact, truth=lower))['rmse']) == 0.0
    odd = cv2.resize(TRUE, (41, 31), interpolation=cv2.INTER_NEAREST_EXACT)  # 30.75 rounded
    assert set(np.unique(odd[np.isfinite(odd)])) <= set(np.unique(TRUE))
    assert float(told(node, maps(truth=odd))['abs_rel']) < 0.2


def test_truth_beyond_max_range_is_not_judged(node):
    try:
        assert node.set_parameters(max_range=5.0).successful
        assert_scores(told(node), FOUND, np.where(TRUE <= 5.0, TRUE, NAN))
    finally:
        node.set_parameters(max_range=100.0)


@pytest.mark.parametrize('fresh', [{'window': 3}], indirect=True)
def test_means_are_over_the_last_frames(fresh):
    errors = [0.5, 0.1, 0.2, 0.6]
    told(fresh)  # confidence is seen: from here on each set is judged once
    for error in errors:
        values = told(fresh, maps(depth=np.float32(1 + error) * TRUE))
    assert values['frames'] == '3'
    assert float(values['abs_rel']) == pytest.approx(0.6, rel=1e-4)
    assert float(values['mean_abs_rel']) == pytest.approx(0.3, rel=1e-4)
    # a frame without figures counts in none of the means
    values = told(fresh, maps(depth=np.full_like(TRUE, NAN)))
    assert values['abs_rel'] == 'nan'
    assert float(values['mean_abs_rel']) == pytest.approx(0.4, rel=1e-4)


def test_confidence_may_stop_and_come_back(node):
    values = told(node, maps(confidence=None))
    assert_scores(values, FOUND, TRUE, None)
    assert values['ause'] == 'nan' and values['confidence'] == 'False'
    assert_scores(told(node), FOUND, TRUE)


# --- warnings


@pytest.mark.parametrize(('bounds', 'sentence'), [
    ({'most_abs_rel': 0.05}, 'abs_rel is 0.0797'), ({'most_rmse': 0.1}, 'above most_rmse, which is 0.1'),
    ({'most_mae': 0.1}, 'in the mean of 1 frame, above most_mae'),
    ({'least_d1': 0.999}, 'below least_d1, which is 0.999'),
    ({'least_density': 0.95}, 'below least_density')], ids=lambda value: next(iter(value), ''))
def test_a_broken_bound_is_a_warning_until_it_is_kept_again(node, bounds, sentence):
    node.diagnostics.clear()
    (name, _), = bounds.items()
    try:
        assert node.set_parameters(**bounds).successful
        status = status_of(node)
        assert status.level == WARN and sentence in status.message
        node.wait(lambda: node.diagnosed(WARN, sentence), what='no diagnostics')
        assert node.set_parameters(**{name: 50.0 if name.startswith('most') else 0.01}).successful
        assert status_of(node).level == OK
        node.diagnostics.clear()
        node.wait(lambda: node.diagnosed(OK, 'working'))
    finally:
        node.set_parameters(**{name: 0.0})


def test_bounds_are_of_the_mean_and_several_are_said(node):
    try:
        assert node.set_parameters(most_abs_rel=0.01, least_density=1.0).successful
        status = status_of(node)
        assert 'most_abs_rel' in status.message and 'least_density' in status.message
    finally:
        node.set_parameters(most_abs_rel=0.0, least_density=0.0)


@pytest.mark.parametrize(('messages', 'sentence'), [
    (maps(truth=np.zeros_like(TRUE)), 'nothing to judge: ground_truth/depth has no depth that is positive '
     'and at most max_range, which is 100 m'),
    (maps(truth=np.full_like(TRUE, 200.0)), 'nothing to judge: ground_truth/depth has no depth'),
    (maps(depth=np.full_like(TRUE, NAN)), 'nothing to judge: depth/image_rect has no depth where '
     'ground_truth/depth has')], ids=['no truth', 'far', 'no depth'])
def test_where_nothing_can_be_judged_it_says_so(node, messages, sentence):
    node.diagnostics.clear()
    status = status_of(node, messages)
    assert status.level == WARN and sentence in status.message
    values = values_of(status)
    assert values['judged'] == '0' and values['abs_rel'] == 'nan'
    node.wait(lambda: node.diagnosed(WARN, sentence), what='no diagnostics')
    assert status_of(node).level == OK


# --- what cannot be


@pytest.mark.parametrize(('messages', 'level', 'reason'), [
    (maps(truth=image(np.zeros((HEIGHT, WIDTH, 3), np.uint8))), WARN,
     f"{TRUTH}: encoding is 'rgb8', depth is 32FC1 (m) or 16UC1 (mm)"),
    (maps(depth=image(FOUND, '32FC1', data=array.array('B', bytes(77)))), WARN,
     f'{DEPTH}: data has 77 bytes'),
    (maps(truth=TRUE[:40]), ERROR, f'{TRUTH} is 64x40 but {DEPTH} is 64x48: their proportions differ'),
    (maps(truth=TRUE[:, :32]), ERROR, f'{TRUTH} is 32x48 but {DEPTH} is 64x48: their proportions differ'),
    (maps(confidence=SURE[:24]), ERROR, f'{CONFIDENCE} is 64x24 but {DEPTH} is 64x48'),
    (maps(confidence=image(MM, '16UC1')), WARN, f"{CONFIDENCE}: encoding is '16UC1', expected 32FC1")],
    ids=['encoding', 'cut off', 'cropped', 'narrow', 'confidence', 'confidence encoding'])
def test_a_set_that_cannot_be_is_refused_with_the_reason_and_the_next_is_judged(
        node, messages, level, reason):
    told(node)  # confidence is seen
    node.diagnostics.clear()
    stamp = node.send(messages)
    node.wait(lambda: node.diagnosed(level, reason), what=f'no diagnostics: {reason}')
    assert_scores(told(node), FOUND, TRUE)
    assert node.last_with(METRICS, stamp) is None


def test_whatever_comes_the_node_lives_on(node):
    rng = np.random.default_rng(11)
    encodings = ['32FC1', '16UC1', 'mono8', '64FC1', '', '32FC1\0']

    def number() -> int:
        return int(rng.choice([0, 1, 2, 7, WIDTH, 2**31, 2**32 - 1]))

    def odd() -> Image:
        data = array.array('B', rng.bytes(int(rng.choice([0, 1, 64, 4 * WIDTH * HEIGHT]))))
        return Image(height=number(), width=number(), step=number(), encoding=str(rng.choice(encodings)),
                     is_bigendian=int(rng.integers(0, 256)), data=data)

    for _ in range(60):
        node.send({name: odd() if rng.integers(2) else message for name, message in maps().items()})
    assert_scores(told(node), FOUND, TRUE)


@pytest.mark.parametrize(('parameters', 'reason'), [
    ({'window': 0}, 'window'), ({'least_density': 1.5}, 'least_density'), ({'max_range': 0.0}, 'max_range')])
def test_a_value_that_cannot_be_ends_the_start_with_one_line(tmp_path, parameters, reason):
    process = NodeProcess(tmp_path / 'log', executable='evaluation_node', **parameters)
    assert process.exit_code(60) == 1
    assert [line for line in process.log().splitlines() if 'cannot start' in line and reason in line]
    assert 'Traceback' not in process.log()


# --- nothing comes


@pytest.mark.parametrize('fresh', [{'meets': False, 'no_data_timeout': 1.0}], indirect=True)
def test_it_says_what_is_missing(fresh):
    fresh.wait(lambda: fresh.diagnosed(WARN, 'no synchronized set'), what='no message')
    fresh.wait(fresh.connected)

    def says_of(sentence: str, **sent: int) -> bool:
        fresh.diagnostics.clear()
        for topic, message in maps(confidence=None).items():
            if topic in sent:
                fresh.send({topic: message}, stamp=sent[topic])
        fresh._spin_until(lambda: bool(fresh.diagnostics), 1.5)
        return fresh.diagnosed(WARN, sentence)

    # its publisher is there, and nothing of it comes: it is no matter of camera_info
    fresh.wait(lambda: says_of(f'{DEPTH} has a publisher but nothing arrives', **{TRUTH: 5}), 40)
    assert not any('camera_info' in status.message for status in fresh.diagnostics)
    fresh.wait(lambda: says_of('stamps differ by 2000.0 ms: set approximate_sync to true',
                               **{DEPTH: 7, TRUTH: 5}), 40)
    fresh.unadvertise()
    fresh.wait(lambda: fresh.diagnosed(WARN, 'Nobody publishes '), 40)


# --- lifecycle


@pytest.mark.parametrize('fresh', [{'autostart': False, 'meets': False}], indirect=True)
def test_it_listens_while_it_is_active_whoever_listens_to_it(fresh):
    assert fresh.state() == 'unconfigured'
    heard = [fresh._publishers[topic] for topic in TOPICS]

    def subscribed(number: int) -> bool:
        return all(publisher.get_subscription_count() == number for publisher in heard)

    assert fresh.change_state(Transition.TRANSITION_CONFIGURE)
    assert subscribed(0)
    for _ in range(2):
        assert fresh.change_state(Transition.TRANSITION_ACTIVATE)
        fresh.wait(lambda: subscribed(1), what='it does not subscribe')
        fresh.listen(METRICS)
        fresh.meet()
        fresh.ignore(METRICS)
        assert fresh.change_state(Transition.TRANSITION_DEACTIVATE)
        fresh.wait(lambda: subscribed(0), what='it stays subscribed')
    assert fresh.change_state(Transition.TRANSITION_ACTIVATE)  # means begin anew
    fresh.listen(METRICS)
    frames: list[int] = []

    def judged() -> bool:
        frames.extend(int(values_of(each.status[0])['frames']) for each in fresh.heard[METRICS])
        fresh.send(maps())
        fresh._spin_until(lambda: bool(fresh.heard[METRICS]), 0.3)
        return bool(frames)

    fresh.heard[METRICS].clear()
    fresh.wait(judged, 30)
    assert frames[0] < 10


# --- with a node that makes the depth


def test_it_judges_what_the_stereo_node_makes_because_it_listens(tmp_path):
    graph = Graph('chain', 'evaluation_node', stereo_set)
    truth = np.full((96, 192), FX * BASELINE / 20, np.float32)
    graph.advertise({**INPUTS, TRUTH: Image})
    graph.listen(METRICS)
    stereo = NodeProcess(tmp_path / 'stereo', '-r', '__ns:=/chain', weights='anynet', engine='torch',
                         device='cpu', num_threads=1, latency_budget_ms=10000.0)
    judge = NodeProcess(tmp_path / 'judge', '-r', '__ns:=/chain', executable='evaluation_node')
    try:
        messages = {**stereo_set(20), TRUTH: image(truth, '32FC1')}
        graph.meet(messages)
        values = values_of(graph.answer(messages, METRICS)[METRICS].status[0])
    finally:
        codes = stereo.stop(), judge.stop()
        graph.close()
    assert codes == (0, 0), (stereo.log(), judge.log())
    assert float(values['abs_rel']) < 0.1
    assert values['confidence'] == 'True'
