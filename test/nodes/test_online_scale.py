"""Metres by what comes beside the images: fitted, smoothed, forgotten, and said why not."""

import array

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header

from depth_models.frames import Camera, MonoEstimate, MonoFrame
from depth_nodes.online_scale import OnlineScale, ScaleParams
from depth_nodes.sparse_depth import IMAGE, POINTS, SparseDepth
from depth_nodes.transforms import IDENTITY, PointsToCamera

HEIGHT, WIDTH = 12, 16
FRAME = MonoFrame(np.zeros((HEIGHT, WIDTH), np.uint8), Camera(WIDTH, HEIGHT, fx=9.0, fy=9.0, cx=7.5, cy=5.5))
DEPTH = np.random.default_rng(1).uniform(1, 5, (HEIGHT, WIDTH)).astype(np.float32)
OTHERS = np.full_like(DEPTH, np.nan)


@pytest.fixture(scope='module')
def node():
    rclpy.init()
    node = rclpy.create_node('scale')
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


class Rig:
    """An OnlineScale, what it reads from, and what it is given frame by frame."""

    def __init__(self, node, *, metric: bool, **params) -> None:
        self.params = ScaleParams(**params)
        sparse = SparseDepth(PointsToCamera(node, IDENTITY))
        self.topics, self.ignored, self.metric = sparse.topics(), [], metric
        self.scale = OnlineScale(node, self.params, sparse, metric=metric, ignore=self.ignored.append)

    def frame(self, stamp: float, sparse=None, *, sparse_stamp: float | None = None):
        """Depth of a frame at a time [s], before which `sparse` came: a map [H,W] m, or a message."""
        if sparse is not None:
            message = sparse if isinstance(sparse, Image | PointCloud2) else depth_image(sparse)
            message.header = header(stamp if sparse_stamp is None else sparse_stamp)
            self.topics[POINTS if isinstance(message, PointCloud2) else IMAGE][1](message)
        estimate = MonoEstimate(DEPTH, OTHERS, metric=self.metric, stage=1)
        return self.scale.apply(header(stamp), FRAME, estimate, self.params)

    def said(self, key: str) -> str:
        return str(self.scale.remarks(metric_wanted=True).values[key])

    @property
    def lack(self) -> str:
        return self.scale.remarks(metric_wanted=True).warning


def header(stamp: float) -> Header:
    made = Header(frame_id='camera')
    made.stamp.sec, made.stamp.nanosec = divmod(round(stamp * 1e9), 10**9)
    return made


def depth_image(values: np.ndarray) -> Image:
    return Image(height=values.shape[0], width=values.shape[1], encoding='32FC1', step=4 * values.shape[1],
                 data=array.array('B', values.astype(np.float32).tobytes()))


def cloud(points: np.ndarray, names: str = 'xyz') -> PointCloud2:
    return PointCloud2(
        height=1, width=len(points), point_step=12, row_step=12 * len(points),
        data=array.array('B', points.astype(np.float32).tobytes()),
        fields=[PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                for i, n in enumerate(names)])


def test_without_a_scale_asked_for_depth_is_as_the_network_says_and_sparse_depth_is_left_alone(node):
    rig = Rig(node, metric=True)
    np.testing.assert_array_equal(rig.frame(10, 3 * DEPTH), DEPTH)
    assert rig.lack == ''
    assert rig.said('depth') == 'metric'


@pytest.mark.parametrize('metric', [True, False])
def test_a_fit_lasts_until_metric_depths_have_stopped_for_the_timeout(node, metric):
    rig = Rig(node, metric=metric, scale='median', scale_timeout=2.0)
    np.testing.assert_allclose(rig.frame(10, 3 * DEPTH), 3 * DEPTH, rtol=1e-5)
    assert (rig.said('fit'), rig.said('fit_samples'), rig.lack) == ('median', str(DEPTH.size), '')
    assert float(rig.said('fit_residual')) < 1e-4
    np.testing.assert_allclose(rig.frame(11.9), 3 * DEPTH, rtol=1e-5)
    after = rig.frame(12.1)
    if metric:  # it knows metres of its own
        np.testing.assert_array_equal(after, DEPTH)
    else:
        assert after is None
        assert rig.said('depth') == 'relative'
    assert rig.lack.endswith(f'no metric depths come on {IMAGE} or {POINTS}')
    np.testing.assert_allclose(rig.frame(12.2, 2 * DEPTH), 2 * DEPTH, rtol=1e-5)  # as if nothing had been
    assert rig.lack == ''


def test_fits_are_smoothed_over_frames(node):
    rig = Rig(node, metric=False, scale='median', scale_memory=10.0)
    for number in range(20):
        rig.frame(10 + number / 10, 2 * DEPTH)
    rig.frame(12, 4 * DEPTH)
    assert 2.05 < float(rig.said('fit_scale')) < 2.4
    for number in range(60):
        rig.frame(12.1 + number / 10, 4 * DEPTH)
    assert float(rig.said('fit_scale')) == pytest.approx(4, rel=0.01)


def test_time_that_jumps_back_begins_anew(node):
    rig = Rig(node, metric=False, scale='median')
    rig.frame(100, 3 * DEPTH)
    assert rig.frame(50) is None
    np.testing.assert_allclose(rig.frame(50.1, 2 * DEPTH), 2 * DEPTH, rtol=1e-5)


def test_a_network_of_metres_is_given_the_timeout_before_anything_is_said(node):
    rig = Rig(node, metric=True, scale='affine', scale_timeout=2.0)
    np.testing.assert_array_equal(rig.frame(10), DEPTH)
    assert rig.lack == ''
    rig.frame(12.5)
    assert rig.lack == ("scale is affine, but nothing is fitted: the network's own metres are published; "
                        f'no metric depths come on {IMAGE} or {POINTS}')


@pytest.mark.parametrize(('sparse', 'stamp', 'reason', 'ignored'), [
    (3 * DEPTH, 10.4, f'stamps on {IMAGE} and {POINTS} are 0.4 s or more from those of the images, '
     'scale_max_age is 0.1', 0),
    (OTHERS, 10.0, '0 samples, fewer than 8: nothing is fitted', 0),
    (cloud(np.empty((0, 3))), 10.0, '0 samples, fewer than 8: nothing is fitted', 0),
    (cloud(np.full((50, 3), (0, 0, -2))), 10.0, '0 samples, fewer than 8: nothing is fitted', 0),
    (3 * DEPTH[:5], 10.0, f'{IMAGE} is 16x5 but image_rect is 16x12', 1),
    (cloud(np.ones((50, 3)), names='abc'), 10.0, f'{POINTS}: there is no field x, y, z', 1)])
def test_it_says_why_nothing_is_fitted(node, sparse, stamp, reason, ignored):
    rig = Rig(node, metric=False, scale='median')
    assert rig.frame(10, sparse, sparse_stamp=stamp) is None
    assert rig.lack.startswith('depth has no unit: only relative_depth/image is published; ')
    assert reason in rig.lack
    assert len(rig.ignored) == ignored and all(reason in str(error) for error in rig.ignored)


def test_a_listener_of_relative_depth_only_is_not_warned(node):
    rig = Rig(node, metric=False)
    rig.frame(10)
    assert rig.scale.remarks(metric_wanted=False).warning == ''
    assert 'set scale to median or affine' in rig.lack


def test_affine_follows_depths_that_lean_and_says_how_far(node):
    rig = Rig(node, metric=True, scale='affine')
    across = (2 * np.arange(WIDTH) + 1) / WIDTH - 1
    leaning = (1 / (0.5 / DEPTH + 0.1 + 0.05 * across)).astype(np.float32)
    np.testing.assert_allclose(rig.frame(10, leaning), leaning, rtol=0.03)
    assert rig.said('fit') == 'affine'
    right, down = map(float, rig.said('fit_lean').split())
    assert (right, down) == pytest.approx((0.05, 0.0), abs=0.005)
