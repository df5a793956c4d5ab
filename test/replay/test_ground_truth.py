"""Ground truth of topics and folders comes to the right frame, at the right size, in the right unit."""

import array
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from depth_models.data.formats import write_kitti_disparity, write_pfm
from depth_models.frames import Camera, StereoCamera
from depth_models.geometry import points_from_depth
from depth_nodes import conversions
from depth_nodes.replay.bags import Bag, Writer
from depth_nodes.replay.ground_truth import FolderTruth, TopicTruth
from depth_nodes.replay.truth_maps import without_hidden

START, PERIOD = 1_700_000_000_123_456_789, 50_000_000  # ns
NAN = np.float32(np.nan)
CAMERA = Camera(8, 6, 10.0, 10.0, 3.5, 2.5)
PAIR = StereoCamera(CAMERA, 0.5, cx_right=2.5)  # a point at infinity has a disparity of 1 px
SIZE = (6, 8)


def stamp(number: int) -> int:
    return START + number * PERIOD


def header(number: int, frame: str = 'left') -> Header:
    made = Header(frame_id=frame)
    made.stamp.sec, made.stamp.nanosec = divmod(stamp(number), 1_000_000_000)
    return made


def depth_of(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Another one for every number; 2 m at least, with a hole."""
    depth = np.arange(size[0] * size[1], dtype=np.float32).reshape(size) / 8 + 2 + number
    depth[0, 0] = NAN
    return depth


def depth_message(number: int, millimetres: bool = False, size: tuple[int, int] = SIZE):
    return conversions.depth_message(header(number), depth_of(number, size), openni_depth_mode=millimetres)


def cloud(points: np.ndarray, number: int, frame: str = 'left') -> PointCloud2:
    fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
              for i, name in enumerate('xyz')]
    return PointCloud2(header=header(number, frame), height=1, width=len(points), fields=fields,
                       point_step=12, row_step=12 * len(points), is_dense=True,
                       data=array.array('B', points.astype('<f4').tobytes()))


def bag_of(path: Path, *messages, topic: str = '/truth', statics: bytes | None = None) -> Bag:
    """Messages in this order of recording; statics: what comes on /tf_static."""
    with Writer(path) as writer:
        if statics is not None:
            writer.write('/tf_static', START, 'tf2_msgs/msg/TFMessage', statics)
        for number, message in enumerate(messages):
            package, name = type(message).__module__.split('.')[0], type(message).__name__
            writer.write(topic, stamp(number), f'{package}/msg/{name}', serialize_message(message))
    return Bag(path)


# --- topics


@pytest.mark.parametrize('millimetres', [False, True])
def test_depth_of_a_topic_comes_to_the_frame_of_its_stamp(tmp_path, millimetres):
    with bag_of(tmp_path / 'bag', *(depth_message(i, millimetres) for i in range(5))) as bag:
        truth = TopicTruth(bag, '/truth', 'depth', slop=0.01)
        for number in (0, 1, 3, 4):
            found = truth.at(stamp(number) + 9_000_000, CAMERA, SIZE)
            np.testing.assert_allclose(found.depth, depth_of(number), atol=0.5e-3)
            assert found.disparity is None
        assert truth.at(stamp(1) + 11_000_000, CAMERA, SIZE) is None
        assert truth.at(stamp(9), CAMERA, SIZE) is None
        assert truth.said() == [
            'ground truth for 4 of 6 frames comes from /truth (depth)',
            '2 frames have no ground truth within 0.01 s, the nearest of them is 0.011 s off']


def test_of_a_pair_depth_and_disparity_are_told_from_each_other(tmp_path):
    disparity = 0.5 * 10 / depth_of(0) + 1  # b f / Z, and the principal points differ by 1 px
    with bag_of(tmp_path / 'bag', depth_message(0)) as bag:
        found = TopicTruth(bag, '/truth', 'depth').at(stamp(0), PAIR, SIZE)
        np.testing.assert_allclose(found.disparity, disparity, rtol=1e-6)
    image = conversions.image_message(header(0), disparity.astype(np.float32), '32FC1')
    with bag_of(tmp_path / 'other', image) as bag:
        truth = TopicTruth(bag, '/truth', 'disparity')
        np.testing.assert_allclose(truth.at(stamp(0), PAIR, SIZE).depth, depth_of(0), rtol=1e-5)
        of_one = truth.at(stamp(0), CAMERA, SIZE)
        assert of_one.depth is None
        np.testing.assert_array_equal(of_one.disparity, disparity)


def test_a_disparity_image_has_depth_in_it_and_its_disparity_lacks_the_principal_points(tmp_path):
    disparity = (5 / depth_of(0) + 1).astype(np.float32)
    message = conversions.disparity_message(header(0), disparity, PAIR, min_disparity=0.0, max_disparity=6.0,
                                            delta_d=0.1)
    with bag_of(tmp_path / 'bag', message) as bag:
        truth = TopicTruth(bag, '/truth', 'disparity')
        found = truth.at(stamp(0), PAIR, SIZE)
        np.testing.assert_allclose(found.disparity, disparity, rtol=1e-6)
        np.testing.assert_allclose(found.depth, depth_of(0), rtol=1e-5)
        of_one = truth.at(stamp(0), CAMERA, SIZE)
        np.testing.assert_allclose(of_one.depth, depth_of(0), rtol=1e-5)
        np.testing.assert_allclose(of_one.disparity, disparity - 1, rtol=1e-6)
    message.t = 0.0  # not filled in
    with bag_of(tmp_path / 'careless', message) as bag:
        truth = TopicTruth(bag, '/truth', 'disparity')
        np.testing.assert_allclose(truth.at(stamp(0), PAIR, SIZE).depth, depth_of(0), rtol=1e-5)
        assert truth.at(stamp(0), CAMERA, SIZE).depth is None


def test_another_resolution_is_taken_at_the_nearest_pixel_and_never_blended(tmp_path):
    large = np.where(np.arange(24) < 11, 2, 9).astype(np.float32) * np.ones((18, 1), np.float32)
    large[:, 0:3] = NAN
    message = conversions.depth_message(header(0), large)
    with bag_of(tmp_path / 'bag', message) as bag:
        truth = TopicTruth(bag, '/truth', 'depth')
        found = truth.at(stamp(0), CAMERA, SIZE).depth
        # pixel i of 8 covers columns 3 i to 3 i + 2 of 24, its centre lies on 3 i + 1
        np.testing.assert_array_equal(found, np.tile(large[0, 1::3], (6, 1)))
        larger = truth.at(stamp(0), CAMERA.resized(48, 36), (36, 48)).depth
        np.testing.assert_array_equal(larger, np.kron(large, np.ones((2, 2))))


def test_disparity_of_another_resolution_is_in_pixels_of_the_estimate(tmp_path):
    small = (5 / depth_of(0) + 1).astype(np.float32)
    with bag_of(tmp_path / 'bag', conversions.image_message(header(0), small, '32FC1')) as bag:
        large = StereoCamera(CAMERA.resized(16, 12), 0.5, cx_right=2 * (2.5 + 0.5) - 0.5)
        # of a camera of either size: what counts is the size of the estimate
        for camera in (large, PAIR):
            found = TopicTruth(bag, '/truth', 'disparity').at(stamp(0), camera, (12, 16))
            np.testing.assert_allclose(found.disparity, np.kron(2 * small, np.ones((2, 2))))
            np.testing.assert_allclose(found.depth, np.kron(depth_of(0), np.ones((2, 2))), rtol=1e-5)


def test_truth_of_another_view_and_messages_that_cannot_be_read_are_said_and_stop_nothing(tmp_path):
    cut = depth_message(1)
    cut.data = cut.data[:50]
    with Writer(tmp_path / 'bag') as writer:
        for number, data in enumerate([serialize_message(depth_message(0, size=(6, 12))),
                                       serialize_message(cut), serialize_message(depth_message(2))[:40],
                                       b'\0\1', serialize_message(depth_message(4))]):
            writer.write('/truth', stamp(number), 'sensor_msgs/msg/Image', data)
    with Bag(tmp_path / 'bag') as bag:
        truth = TopicTruth(bag, '/truth', 'depth')
        found = [truth.at(stamp(number), CAMERA, SIZE) for number in range(5)]
        assert [each is not None for each in found] == [False, False, False, False, True]
        said = ' '.join(truth.said())
        assert 'ground truth for 1 of 5 frames comes from /truth' in said
        assert '1 frames have no ground truth within 0.02 s' in said
        assert '/truth is 12x6 but the estimate is 8x6: their proportions differ' in said
        assert 'the image was cut off' in said
        assert 'a message of 40 bytes is no sensor_msgs/msg/Image' in said


def test_messages_out_of_order_gaps_and_a_jump_back(tmp_path):
    order = [0, 2, 1, 3, 40, 41, 42, 90]
    with bag_of(tmp_path / 'bag', *(depth_message(i) for i in order)) as bag:
        truth = TopicTruth(bag, '/truth', 'depth', slop=0.0)

        def numbers(asked):
            found = [truth.at(stamp(number), CAMERA, SIZE) for number in asked]
            return [None if each is None else round(float(each.depth[0, 1]) - 2) for each in found]

        assert numbers([0, 1, 2, 3, 4]) == [0, 1, 2, 3, None]
        assert numbers([3, 2, 41, 40]) == [3, 2, 41, 40]  # a little back
        assert numbers([90, 91, 0, 1, 42]) == [90, None, 0, 1, 42]  # and from the start again
        assert len(truth._window) < len(order)  # what is long past is not kept


def test_a_topic_that_is_not_there_or_says_nothing(tmp_path):
    with bag_of(tmp_path / 'bag', depth_message(0)) as bag:
        with pytest.raises(ValueError, match='there is no topic /depth for ground truth; the bag has /truth'):
            TopicTruth(bag, '/depth', 'depth')
        with pytest.raises(ValueError, match="must be depth, disparity or points, got 'flow'"):
            TopicTruth(bag, '/truth', 'flow')
        with pytest.raises(ValueError, match='slop of ground truth must be 0 s or more, got -1'):
            TopicTruth(bag, '/truth', 'depth', slop=-1.0)
        points = TopicTruth(bag, '/truth', 'points')
        assert points.at(stamp(0), CAMERA, SIZE) is None
        assert points.said()[-1] == '1 times ground truth could not be used: /truth: Image holds no points'


# --- points


def test_points_are_projected_at_the_size_of_the_estimate(tmp_path):
    depth = np.full(SIZE, 4, np.float32)
    points = points_from_depth(depth, CAMERA).reshape(-1, 3)
    with bag_of(tmp_path / 'bag', cloud(points, 0)) as bag:
        truth = TopicTruth(bag, '/truth', 'points')
        np.testing.assert_allclose(truth.at(stamp(0), CAMERA, SIZE).depth, depth)
        found = truth.at(stamp(0), PAIR, SIZE)
        np.testing.assert_allclose(found.disparity, 0.5 * 10 / 4 + 1)
        large = truth.at(stamp(0), CAMERA, (12, 16)).depth
        assert np.isfinite(large).sum() == points.shape[0]  # as sparse as they are


def test_points_of_a_lidar_come_through_the_transform_that_is_given_or_recorded(tmp_path):
    depth = np.full(SIZE, 4, np.float32)
    optical = points_from_depth(depth, CAMERA).reshape(-1, 3)
    # the LiDAR looks along x, z up, 0.2 m in front of the camera and 1 m above
    to_camera = np.array([[0, -1, 0, 0], [0, 0, -1, -1.0], [1, 0, 0, 0.2], [0, 0, 0, 1]])
    points = (optical - to_camera[:3, 3]) @ to_camera[:3, :3]
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types

    def transform(parent: str, child: str, translation, rotation=(0.0, 0.0, 0.0, 1.0)):
        time = types['builtin_interfaces/msg/Time'](0, 0)
        return types['geometry_msgs/msg/TransformStamped'](
            types['std_msgs/msg/Header'](time, parent), child, types['geometry_msgs/msg/Transform'](
                types['geometry_msgs/msg/Vector3'](*translation),
                types['geometry_msgs/msg/Quaternion'](*rotation)))

    # as robots say it: base -> lidar, base -> camera (0.2 m behind, 1 m below) -> its optical frame
    chain = [transform('base', 'lidar', (1.0, 0.0, 2.0)), transform('base', 'camera', (0.8, 0.0, 1.0)),
             transform('/camera', 'left', (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5))]
    statics = bytes(store.serialize_cdr(types['tf2_msgs/msg/TFMessage'](chain), 'tf2_msgs/msg/TFMessage'))
    with bag_of(tmp_path / 'bag', cloud(points, 0, 'lidar'), cloud(optical, 1, 'left'),
                cloud(points, 2, 'radar'), statics=statics) as bag:
        given = TopicTruth(bag, '/truth', 'points', transform=to_camera)
        recorded = TopicTruth(bag, '/truth', 'points', camera_frame='left')
        for truth in (given, recorded):
            np.testing.assert_allclose(truth.at(stamp(0), CAMERA, SIZE).depth, depth, rtol=1e-5)
        np.testing.assert_allclose(recorded.at(stamp(1), CAMERA, SIZE).depth, depth)
        assert recorded.at(stamp(2), CAMERA, SIZE) is None
        assert ("/tf_static does not say where 'radar' is from 'left', it has base, camera, left, lidar"
                in recorded.said()[-1])
        as_they_are = TopicTruth(bag, '/truth', 'points').at(stamp(0), CAMERA, SIZE)
        assert not np.allclose(as_they_are.depth, depth, equal_nan=True)


def test_what_a_lidar_sees_behind_a_thing_that_hides_it_from_the_camera_is_no_truth():
    camera = Camera(120, 90, 500.0, 500.0, 59.5, 44.5)
    depth = np.full((90, 120), NAN, np.float32)
    depth[::4, ::3] = 20  # a wall, in lines
    depth[20:70:4, 50:70:3] = NAN
    depth[20:70:4, 50:70:3] = 5  # a near thing in front of it
    behind = depth.copy()
    behind[22:70:4, 51:69:3] = 20  # what the LiDAR above sees over it
    kept = without_hidden(behind, camera)
    assert not (kept[22:66, 52:68] > 5).any()
    np.testing.assert_array_equal(kept[20:70:4, 50:70:3], 5)  # near things stay
    assert np.isfinite(kept[:16]).sum() == np.isfinite(depth[:16]).sum()  # and all that is far from them
    slanted = np.linspace(5, 20, 90, dtype=np.float32)[:, None] * np.ones((1, 120), np.float32)
    np.testing.assert_array_equal(without_hidden(slanted, camera), slanted)


# --- folders


def test_a_folder_of_millimetres_named_by_nanoseconds_or_decimal_seconds(tmp_path):
    for name, number in ((f'{stamp(0)}', 0), ('1700000000.173456', 1), ('1700000000.223456789', 2)):
        steps = np.nan_to_num(1000 * depth_of(number)).astype(np.uint16)
        cv2.imwrite(str(tmp_path / f'{name}.png'), steps)
    (tmp_path / 'notes.txt').write_text('not of the truth')
    truth = FolderTruth(tmp_path)
    for number in (2, 0, 1):  # in any order
        np.testing.assert_allclose(truth.at(stamp(number), CAMERA, SIZE).depth, depth_of(number), atol=1e-3)
    assert truth.at(stamp(3), CAMERA, SIZE) is None
    assert FolderTruth(tmp_path, slop=0.0).at(stamp(1), CAMERA, SIZE) is None  # 789 ns were cut
    assert 'depth: PNG in mm' in truth.name


def test_what_a_folder_holds_is_in_its_name_or_given(tmp_path):
    disparity = np.full(SIZE, 3.5, np.float32)
    disparity[0, 0] = NAN
    named, plain = tmp_path / 'disp_occ_0', tmp_path / 'gt'
    for folder in (named, plain):
        folder.mkdir()
        write_kitti_disparity(folder / f'{stamp(0)}.png', disparity)
        write_pfm(folder / f'{stamp(1)}.pfm', disparity)
        np.save(folder / f'{stamp(2)}.npy', disparity.astype(np.float64))
    for truth in (FolderTruth(named), FolderTruth(plain, 'disparity')):
        for number in range(3):
            found = truth.at(stamp(number), PAIR, SIZE)
            np.testing.assert_array_equal(found.disparity, disparity)
            np.testing.assert_allclose(found.depth, 0.5 * 10 / (disparity - 1), rtol=1e-6)
    with pytest.raises(ValueError, match='neither the folder nor its files say whether this is depth or'):
        FolderTruth(plain)
    np.testing.assert_array_equal(FolderTruth(plain, 'depth').at(stamp(1), CAMERA, SIZE).depth, disparity)
    in_steps = FolderTruth(plain, 'kitti_depth').at(stamp(0), CAMERA, SIZE).depth
    np.testing.assert_array_equal(in_steps, disparity)


def test_a_folder_without_truth_and_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such folder; expected ground truth in files STAMP'):
        FolderTruth(tmp_path / 'nowhere')
    (tmp_path / 'left_12.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'expected ground truth in files named by.*found left_12\.png'):
        FolderTruth(tmp_path)
    (tmp_path / f'{stamp(0)}.png').write_bytes(b'no picture')
    np.save(tmp_path / f'{stamp(1)}.npy', np.zeros((2, 3, 4), np.float32))
    (tmp_path / f'{stamp(2)}.npy').write_bytes(b'cut')
    cv2.imwrite(str(tmp_path / f'{stamp(3)}.png'), np.ones(SIZE, np.uint8))
    with pytest.raises(ValueError, match="must be auto or one of depth, kitti_depth, disparity, got 'flow'"):
        FolderTruth(tmp_path, 'flow')
    truth = FolderTruth(tmp_path, 'depth')
    assert [truth.at(stamp(number), CAMERA, SIZE) for number in range(4)] == [None] * 4
    reasons = ' '.join(truth._unusable)
    for reason in ('not an image that can be decoded', 'a map [H,W] of floats is needed, got float32 [2, 3',
                   'not a whole NPY file', 'a grey 16-bit image is needed'):
        assert reason in reasons
    assert len(truth.said()) == 1 + 3  # the first reasons only


def test_the_stamps_of_a_folder_may_end_or_begin_within_the_recording(tmp_path):
    for number in (3, 4):
        cv2.imwrite(str(tmp_path / f'{stamp(number)}.png'), np.full(SIZE, 1000 + number, np.uint16))
    truth = FolderTruth(tmp_path, 'depth')
    found = [truth.at(stamp(number), CAMERA, SIZE) for number in range(7)]
    assert [each is not None for each in found] == [False] * 3 + [True] * 2 + [False] * 2
    assert found[4].depth[0, 0] == pytest.approx(1.004)
    assert truth.said()[1] == ('5 frames have no ground truth within 0.001 s, the nearest of them is '
                               '0.05 s off')
