"""Metric depths that come beside images: read from any layout, seen by the camera, taken in time."""

import array
import math
import time
from contextlib import ExitStack, suppress

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from depth_models.frames import Camera
from depth_nodes.conversions import UnreadableImage, read_depth, read_points
from depth_nodes.sparse_depth import IMAGE, KEPT, POINTS, SparseDepth, SparseMessages, read_sparse
from depth_nodes.transforms import IDENTITY, PointsToCamera, check_transform, matrix_of

TYPES = {'i1': PointField.INT8, 'u1': PointField.UINT8, 'i2': PointField.INT16,
         'u2': PointField.UINT16, 'i4': PointField.INT32, 'u4': PointField.UINT32,
         'f4': PointField.FLOAT32, 'f8': PointField.FLOAT64}
CAMERA = Camera(8, 6, fx=4.0, fy=4.0, cx=3.5, cy=2.5)
NAN, INF = math.nan, math.inf


def depth_image(values: np.ndarray, encoding: str = '32FC1', stamp: int = 0, **changed) -> Image:
    header = Header(frame_id='camera')
    header.stamp.sec = stamp
    fields = {'step': values[0].nbytes, 'data': array.array('B', values.tobytes()), **changed}
    return Image(header=header, height=values.shape[0], width=values.shape[1], encoding=encoding, **fields)


def cloud(points: np.ndarray, *, layout: str = 'f4', order: str = '<', before: int = 0, between: int = 0,
          padding: int = 0, names: str = 'xyz', stamp: int = 0) -> PointCloud2:
    """[h,w,3] written value by value, with rubbish before, between and behind what counts."""
    header = Header(frame_id='lidar')
    header.stamp.sec = stamp
    size = np.dtype(layout).itemsize
    one, rubbish = np.dtype(f'{order}{layout}'), b'\xa5'

    def written(point: np.ndarray) -> bytes:
        values = (np.asarray(point['xyz'.index(name)], one).tobytes() for name in names)
        return rubbish * before + b''.join(value + rubbish * between for value in values)

    rows = [b''.join(map(written, row)) + rubbish * padding for row in points]
    step = before + 3 * (size + between)
    fields = [PointField(name=name, offset=before + i * (size + between), datatype=TYPES[layout], count=1)
              for i, name in enumerate(names)]
    return PointCloud2(header=header, height=points.shape[0], width=points.shape[1], fields=fields,
                       is_bigendian=order == '>', point_step=step,
                       row_step=points.shape[1] * step + padding, data=array.array('B', b''.join(rows)))


# --- depth images


def test_depth_is_read_in_metres_and_what_is_none_is_unknown():
    values = np.float32([[1.5, NAN, INF], [0.0, -2.0, 70.0]])
    np.testing.assert_array_equal(read_depth(depth_image(values), IMAGE), [[1.5, NAN, NAN], [NAN, NAN, 70]])


def test_millimetres_are_read_as_metres_in_either_byte_order():
    values = np.uint16([[1500, 0, 65535]])
    for message in (depth_image(values, '16UC1'),
                    depth_image(values.astype('>u2'), '16UC1', is_bigendian=1)):
        np.testing.assert_allclose(read_depth(message, IMAGE), [[1.5, NAN, 65.535]], rtol=1e-6)


@pytest.mark.parametrize(('message', 'reason'), [
    (depth_image(np.zeros((2, 3), np.uint8), 'mono8'), "encoding is 'mono8', depth is 32FC1"),
    (depth_image(np.zeros((2, 3), np.float32), step=4), 'step is 4'),
    (depth_image(np.zeros((2, 3), np.float32), data=array.array('B', bytes(7))), 'data has 7 bytes')])
def test_a_depth_image_that_contradicts_itself_is_refused(message, reason):
    with pytest.raises(UnreadableImage, match=f'^{IMAGE}: {reason}'):
        read_depth(message, IMAGE)


# --- points


@given(height=st.integers(1, 3), width=st.integers(1, 4), layout=st.sampled_from(sorted(TYPES)),
       order=st.sampled_from('<>'), before=st.integers(0, 5), between=st.integers(0, 3),
       padding=st.integers(0, 7), names=st.permutations('xyz'))
def test_any_layout_gives_the_same_points(height, width, layout, order, before, between, padding, names):
    points = np.random.default_rng(1).integers(0, 100, (height, width, 3))
    message = cloud(points, layout=layout, order=order, before=before, between=between, padding=padding,
                    names=''.join(names))
    read = read_points(message, POINTS)
    assert read.dtype == (np.float64 if layout == 'f8' else np.float32)
    np.testing.assert_array_equal(read, points.reshape(-1, 3))


def test_the_padding_of_the_last_row_may_be_missing_and_no_points_are_an_empty_cloud():
    message = cloud(np.ones((2, 2, 3)), padding=4)
    del message.data[-4:]
    assert read_points(message, POINTS).shape == (4, 3)
    message.width, message.row_step, message.data = 0, 0, array.array('B')
    assert read_points(message, POINTS).shape == (0, 3)


@pytest.mark.parametrize(('changed', 'reason'), [
    ({'fields': [PointField(name='x', datatype=7)]}, 'there is no field y, z; fields are x'),
    ({'fields': [PointField(name=n, datatype=9) for n in 'xyz']}, 'field x has datatype 9, known are 1 to 8'),
    ({'point_step': 8}, 'field z ends at byte 12, but point_step is 8'),
    ({'row_step': 20}, 'row_step is 20, but a row of 2 points takes 24 bytes'),
    ({'height': 3}, 'data has 48 bytes, but 2x3 points take 72; the cloud was cut off')])
def test_a_cloud_that_contradicts_itself_is_refused(changed, reason):
    message = cloud(np.ones((2, 2, 3)))
    for name, value in changed.items():
        setattr(message, name, value)
    with pytest.raises(UnreadableImage, match=f'^{POINTS}: {reason}'):
        read_points(message, POINTS)


@given(st.binary(max_size=120), st.integers(0, 5), st.integers(0, 5), st.integers(0, 40),
       st.integers(0, 90), st.lists(st.tuples(st.sampled_from('xyzi'), st.integers(0, 40),
                                              st.integers(0, 10)), max_size=6), st.booleans())
def test_any_cloud_is_read_or_refused_and_nothing_else(data, height, width, step, row, fields, big):
    message = PointCloud2(height=height, width=width, point_step=step, row_step=row, is_bigendian=big,
                          data=array.array('B', data),
                          fields=[PointField(name=n, offset=o, datatype=d, count=1) for n, o, d in fields])
    try:
        points = read_points(message, POINTS)
    except UnreadableImage:
        return
    assert points.shape == (height * width, 3)


# --- transforms


def test_a_transform_of_tf_is_a_rotation_and_a_translation():
    # of a LiDAR (x forward, y left, z up) in a camera (z forward, x right, y down)
    tf = Transform(translation=Vector3(x=0.1, y=0.2, z=0.3),
                   rotation=Quaternion(x=-0.5, y=0.5, z=-0.5, w=-0.5))
    expected = [[0, -1, 0, 0.1], [0, 0, -1, 0.2], [1, 0, 0, 0.3], [0, 0, 0, 1]]
    np.testing.assert_allclose(matrix_of(tf), expected, atol=1e-12)


@pytest.mark.parametrize('values', [
    (1.0, 0.0), (*IDENTITY[:15], NAN), (2.0, *IDENTITY[1:]), (-1.0, *IDENTITY[1:]),
    (*IDENTITY[:12], 1.0, 0.0, 0.0, 1.0)])
def test_what_is_no_transform_is_refused(values):
    with pytest.raises(ValueError, match=r'^points_to_camera must be'):
        check_transform('points_to_camera', values)


# --- what a frame takes


@pytest.fixture(scope='module')
def node():
    rclpy.init()
    node = rclpy.create_node('sparse')
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def header(stamp: int, nanosec: int = 0) -> Header:
    made = Header(frame_id='camera')
    made.stamp.sec, made.stamp.nanosec = stamp, nanosec
    return made


def kept(node, *messages, transform=IDENTITY) -> SparseDepth:
    sparse = SparseDepth(PointsToCamera(node, transform))
    topics = sparse.topics()
    for message in messages:
        topics[POINTS if isinstance(message, PointCloud2) else IMAGE][1](message)
    return sparse


def constant(value: float, stamp: int) -> Image:
    return depth_image(np.full((6, 8), value, np.float32), stamp=stamp)


def test_the_nearest_in_time_is_taken_once(node):
    sparse = kept(node, constant(1.0, 10), constant(2.0, 12), constant(3.0, 14))
    assert sparse.take(header(20), CAMERA, 5.0, 'image_rect') is None  # 14 is 6 s old
    assert sparse.take(header(11, 900_000_000), CAMERA, 0.05, 'image_rect') is None
    assert sparse.take(header(11, 900_000_000), CAMERA, 0.2, 'image_rect')[0, 0] == 2.0
    assert sparse.take(header(11, 900_000_000), CAMERA, 0.2, 'image_rect') is None
    assert sparse.take(header(13, 900_000_000), CAMERA, 5.0, 'image_rect')[0, 0] == 3.0


def test_memory_is_bounded_and_later_stamps_are_forgotten_when_time_jumps_back(node):
    sparse = kept(node, *(constant(1.0, stamp) for stamp in range(KEPT + 1)))
    assert sparse.take(header(0), CAMERA, 0.5, 'image_rect') is None  # replaced
    sparse.forget_later_than(2 * 10**9)
    assert sparse.take(header(3), CAMERA, 0.5, 'image_rect') is None
    assert sparse.take(header(2), CAMERA, 0.5, 'image_rect') is not None


def test_an_image_of_another_size_is_refused_and_gone(node):
    sparse = kept(node, depth_image(np.ones((2, 3), np.float32), stamp=7))
    with pytest.raises(ValueError, match=f'{IMAGE} is 3x2 but image_rect is 8x6'):
        sparse.take(header(7), CAMERA, 1.0, 'image_rect')
    assert sparse.take(header(7), CAMERA, 1.0, 'image_rect') is None


def test_points_fall_on_the_pixels_that_see_them(node):
    # x = (column - cx) z / fx
    seen = np.float32([[[(5 - 3.5) * 2 / 4, (1 - 2.5) * 2 / 4, 2.0], [0, 0, -1.0], [NAN, 0, 1]]])
    depth = kept(node, cloud(seen, stamp=7)).take(header(7), CAMERA, 1.0, 'image_rect')
    assert depth[1, 5] == pytest.approx(2.0)
    assert np.isfinite(depth).sum() == 1


def test_points_of_a_lidar_are_brought_to_the_camera_by_the_parameter(node):
    # LiDAR: x forward, y left, z up; 0.25 m left of the camera and 0.125 m above it
    lidar = (0.0, -1.0, 0.0, -0.25, 0.0, 0.0, -1.0, -0.125, 1.0, 0.0, 0.0, 0.0, *IDENTITY[12:])
    ahead = np.float32([[[2.0, 0.0, 0.0]]])
    depth = kept(node, cloud(ahead, stamp=7), transform=lidar).take(header(7), CAMERA, 1.0, 'image_rect')
    assert np.argwhere(np.isfinite(depth)).tolist() == [[2, 3]]  # 2.5 - 4 / 16 and 3.5 - 4 / 8, rounded
    assert depth[2, 3] == 2.0


def test_points_of_a_lidar_are_brought_to_the_camera_by_tf2(node):
    tf2_ros = pytest.importorskip('tf2_ros', reason='tf2_ros comes with a ROS 2 install, not with the wheels')
    peer, executor = rclpy.create_node('peer'), rclpy.executors.SingleThreadedExecutor()
    ahead = cloud(np.float32([[[2.0, 0.0, 0.0]]]), stamp=7)
    sparse = SparseDepth(transform := PointsToCamera(node, IDENTITY))
    with ExitStack() as keep:
        keep.callback(peer.destroy_node)
        keep.callback(executor.shutdown)
        transform.listen(keep)
        executor.add_node(node)
        keep.callback(executor.remove_node, node)
        sparse.topics()[POINTS][1](ahead)
        with pytest.raises(ValueError, match="does not know the way from 'lidar' to 'camera'"):
            sparse.take(header(7), CAMERA, 1.0, 'image_rect')
        tf = TransformStamped(header=header(0), child_frame_id='lidar', transform=Transform(
            translation=Vector3(x=-0.25, y=-0.125), rotation=Quaternion(x=-0.5, y=0.5, z=-0.5, w=-0.5)))
        broadcaster = tf2_ros.StaticTransformBroadcaster(peer)
        broadcaster.sendTransform(tf)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
            sparse.topics()[POINTS][1](ahead)
            with suppress(ValueError):
                depth = sparse.take(header(7), CAMERA, 1.0, 'image_rect')
                break
        else:
            pytest.fail('the way is never known')
    assert np.argwhere(np.isfinite(depth)).tolist() == [[2, 3]]
    assert depth[2, 3] == pytest.approx(2.0)


# --- sets of the sparse depth node


INFO = CameraInfo(width=8, height=6, p=[4.0, 0.0, 3.5, 0.0, 0.0, 4.0, 2.5, 0.0, 0.0, 0.0, 1.0, 0.0],
                  header=Header(frame_id='optical'))
AHEAD = np.float32([[[0.0, 0.0, 2.0], [0.0, 0.0, 3.0]]])


def test_a_set_has_the_header_of_the_image_or_of_the_depth_or_the_time_of_the_points():
    points, depth = cloud(AHEAD, stamp=7), constant(1.0, 8)
    picture = depth_image(np.zeros((6, 8), np.uint8), 'mono8', stamp=9)
    for sparse, image, stamp, frame in ((points, None, 7, 'optical'), (depth, None, 8, 'camera'),
                                        (points, picture, 9, 'camera'), (depth, picture, 9, 'camera')):
        header = SparseMessages(sparse, INFO, image, arrival=0.0).header
        assert (header.stamp.sec, header.frame_id) == (stamp, frame)


def test_a_set_is_read_with_an_image_and_without(node):
    transform = PointsToCamera(node, IDENTITY)
    picture = depth_image(np.full((6, 8), 80, np.uint8), 'mono8')
    for sparse in (cloud(AHEAD), constant(2.0, 0)):
        for image in (None, picture):
            frame = read_sparse(SparseMessages(sparse, INFO, image, arrival=0.0), transform)
            assert frame.camera == CAMERA and frame.size == (6, 8)
            assert frame.sparse[3, 4] == 2.0  # of two points on a pixel the nearer one
            assert (frame.image is None) == (image is None)


def test_without_an_image_the_camera_says_what_size_points_are_seen_at(node):
    transform = PointsToCamera(node, IDENTITY)
    binned = CameraInfo(width=16, height=12, binning_x=2, binning_y=2,
                        p=[8.0, 0.0, 7.5, 0.0, 0.0, 8.0, 5.5, 0.0, 0.0, 0.0, 1.0, 0.0])
    assert read_sparse(SparseMessages(cloud(AHEAD), binned, None, 0.0), transform).camera == CAMERA
    with pytest.raises(ValueError, match='camera_info is for 8x6 but sparse_depth/image is 3x2'):
        read_sparse(SparseMessages(depth_image(np.ones((2, 3), np.float32)), INFO, None, 0.0), transform)
    for width, height in ((0, 6), (100_000, 100_000)):
        with pytest.raises(ValueError, match=f'camera_info is for {width}x{height}, expected 1 to 67108864'):
            read_sparse(SparseMessages(
                cloud(AHEAD), CameraInfo(width=width, height=height, p=INFO.p), None, 0.0), transform)
