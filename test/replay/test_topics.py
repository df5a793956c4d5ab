"""Topics as drivers name them: what is chosen for each kind of node, what is said, what is refused."""

from typing import NamedTuple

import pytest

pytest.importorskip('rclpy')
from hypothesis import given
from hypothesis import strategies as st

from depth_nodes.replay import topic_names
from depth_nodes.replay.topics import KINDS, choose, roles

TYPES = {'image': 'sensor_msgs/msg/Image', 'jpeg': 'sensor_msgs/msg/CompressedImage',
         'info': 'sensor_msgs/msg/CameraInfo', 'cloud': 'sensor_msgs/msg/PointCloud2',
         'disparity': 'stereo_msgs/msg/DisparityImage', 'other': 'sensor_msgs/msg/Imu'}


class Info(NamedTuple):
    type_name: str
    count: int


def bag(silent=(), **topics):
    """kind=[names] -> what a bag says; silent: topics without messages."""
    return {name: Info(TYPES[kind], 0 if name in silent else 100)
            for kind, names in topics.items() for name in names}


def chosen(kind, infos, overrides=None):
    return choose(kind, infos, overrides or {})


def sides(pattern):
    return [pattern.format(side) for side in ('left', 'right')]


def infos_beside(images):
    return [f'{name.rsplit("/", 1)[0]}/camera_info' for name in images]


# recorded by -> images, what of them is chosen as the pair, whether it is to be rectified
PAIRS = {
    'image_pipeline': (sides('/{}/image_rect'), sides('/{}/image_rect'), False),
    'stereo_image_proc': (sides('/stereo/{}/image_rect_color') + sides('/stereo/{}/image_raw')
                          + sides('/stereo/{}/image_mono'), sides('/stereo/{}/image_rect_color'), False),
    'raw only': (sides('/camera/{}/image_raw'), sides('/camera/{}/image_raw'), True),
    'RealSense': (['/camera/infra1/image_rect_raw', '/camera/infra2/image_rect_raw',
                   '/camera/color/image_raw', '/camera/depth/image_rect_raw'],
                  ['/camera/infra1/image_rect_raw', '/camera/infra2/image_rect_raw'], False),
    'RealSense 4': (['/camera/camera/infra1/image_rect_raw', '/camera/camera/infra2/image_rect_raw',
                     '/camera/camera/aligned_depth_to_color/image_raw', '/camera/camera/color/image_raw'],
                    ['/camera/camera/infra1/image_rect_raw', '/camera/camera/infra2/image_rect_raw'], False),
    'ZED': (['/zed/zed_node/rgb/image_rect_color', '/zed/zed_node/depth/depth_registered',
             '/zed/zed_node/left/image_rect_gray', '/zed/zed_node/right/image_rect_gray',
             '/zed/zed_node/left_raw/image_raw_color', '/zed/zed_node/right_raw/image_raw_color',
             *sides('/zed/zed_node/{}/image_rect_color')], sides('/zed/zed_node/{}/image_rect_color'), False),
    'ZED 5': (sides('/zed/zed_node/{}/color/rect/image') + sides('/zed/zed_node/{}/gray/rect/image'),
              sides('/zed/zed_node/{}/color/rect/image'), False),
    'OAK': ([*sides('/oak/{}/image_rect'), '/oak/stereo/image_raw', '/oak/rgb/image_raw'],
            sides('/oak/{}/image_rect'), False),
    'KITTI': (sides('/kitti/camera_gray_{}/image_raw') + sides('/kitti/camera_color_{}/image_raw'),
              sides('/kitti/camera_color_{}/image_raw'), True),
    'odometry': (['/camera/image_0', '/camera/image_1', '/camera/image_2', '/camera/image_3'],
                 ['/camera/image_0', '/camera/image_1'], True),
}


@pytest.mark.parametrize('driver', PAIRS)
def test_the_pair_of_a_driver_is_found_with_its_calibration(driver):
    images, (left, right), raw = PAIRS[driver]
    found = chosen('stereo', bag(image=images, info=infos_beside(images), other=['/imu']))
    beside = infos_beside([left, right])
    expected = beside if beside[0] != beside[1] else [None, None]
    assert found.topics == {'left/image_rect': left, 'left/camera_info': expected[0],
                            'right/image_rect': right, 'right/camera_info': expected[1]}
    assert found.raw == ({'left/image_rect', 'right/image_rect'} if raw else frozenset())
    assert not found.compressed and not found.optional
    assert any(left in sentence and right in sentence for sentence in found.said)


def test_without_camera_info_a_file_has_to_give_it_and_how_is_said():
    found = chosen('stereo', bag(image=['/cam0/image_raw', '/cam1/image_raw'], other=['/imu0']))
    assert found.topics['left/camera_info'] is found.topics['right/camera_info'] is None
    assert ('left/camera_info: the bag has none for /cam0/image_raw; it has to come from a file '
            '(--camera-info left/camera_info=FILE.yaml).') in found.said


def test_a_silent_camera_info_is_no_calibration_and_is_named():
    found = chosen('mono', bag(image=['/cam/image_rect'], info=['/cam/camera_info'],
                               silent=['/cam/camera_info']))
    assert found.topics['camera_info'] is None
    assert any('/cam/camera_info has no messages' in sentence for sentence in found.said)


def test_compressed_images_are_taken_where_there_are_no_others():
    jpegs = [f'{name}/compressed' for name in sides('/stereo/{}/image_rect')]
    infos = sides('/stereo/{}/camera_info')
    found = chosen('stereo', bag(jpeg=[*jpegs, '/stereo/depth/image_rect/compressedDepth'], info=infos))
    assert found.topics['right/image_rect'] == jpegs[1] and found.topics['right/camera_info'] == infos[1]
    assert found.compressed == {'left/image_rect', 'right/image_rect'} and not found.raw
    both = chosen('stereo', bag(jpeg=jpegs, image=sides('/stereo/{}/image_rect'), info=infos))
    assert both.topics['left/image_rect'] == '/stereo/left/image_rect' and not both.compressed


def test_two_equal_rigs_are_an_error_until_one_topic_decides():
    images = [*sides('/front/{}/image_rect'), *sides('/rear/{}/image_rect')]
    infos = bag(image=images, info=infos_beside(images))
    with pytest.raises(ValueError, match=r'^2 candidates for left/image_rect are equally likely: '
                       r'/\w+/left/image_rect with /\w+/right/image_rect, .*--topic left/image_rect=TOPIC$'):
        chosen('stereo', infos)
    found = chosen('stereo', infos, {'left/image_rect': 'rear/left/image_rect'})
    assert found.topics == {'left/image_rect': images[2], 'left/camera_info': '/rear/left/camera_info',
                            'right/image_rect': images[3], 'right/camera_info': '/rear/right/camera_info'}


def test_silent_topics_are_passed_over_and_named_in_the_error():
    images = sides('/stereo/{}/image_rect')
    with pytest.raises(ValueError, match=r'has /stereo/left/image_rect; without any message there is '
                       r'/stereo/right/image_rect'):
        chosen('stereo', bag(image=images, silent=images[1:]))
    with pytest.raises(ValueError, match=r'no topic looks like image_rect: the bag has no messages of '):
        chosen('mono', bag(other=['/imu']))


# images and all, kind -> role -> topic, for what is not a pair
CHOICES = {
    'RealSense, mono': ('mono', bag(
        image=['/camera/infra1/image_rect_raw', '/camera/infra2/image_rect_raw', '/camera/color/image_raw',
               '/camera/aligned_depth_to_color/image_raw'],
        info=['/camera/color/camera_info', '/camera/infra1/camera_info']),
        {'image_rect': '/camera/color/image_raw', 'camera_info': '/camera/color/camera_info'}),
    'left of a pair, mono': ('mono', bag(image=sides('/s/{}/image_rect'), info=sides('/s/{}/camera_info')),
                             {'image_rect': '/s/left/image_rect', 'camera_info': '/s/left/camera_info'}),
    'own names, mono': ('mono', bag(image=['/cam/image_rect', '/cam/sparse_depth/image'],
                                    info=['/cam/camera_info'], cloud=['/velodyne_points']),
                        {'image_rect': '/cam/image_rect', 'camera_info': '/cam/camera_info',
                         'sparse_depth/image': '/cam/sparse_depth/image'}),
    'own names, sparse': ('sparse_depth', bag(image=['/cam/image_rect', '/cam/sparse_depth/image'],
                                              info=['/cam/camera_info']),
                          {'sparse_depth/image': '/cam/sparse_depth/image', 'camera_info': '/cam/camera_info',
                           'image_rect': '/cam/image_rect'}),
    'LiDAR': ('sparse_depth', bag(image=['/camera/image_rect'], info=['/camera/camera_info'],
                                  cloud=['/velodyne_points', '/map_cloud']),
              {'sparse_points': '/velodyne_points', 'camera_info': '/camera/camera_info',
               'image_rect': '/camera/image_rect'}),
    'LiDAR, no image': ('sparse_depth', bag(info=['/camera/camera_info'], cloud=['/points']),
                        {'sparse_points': '/points', 'camera_info': '/camera/camera_info'}),
    'depth of another camera': ('sparse_depth', bag(
        image=['/camera/depth/image_rect_raw', '/camera/color/image_raw'],
        info=['/camera/depth/camera_info', '/camera/color/camera_info']),
        {'sparse_depth/image': '/camera/depth/image_rect_raw', 'camera_info': '/camera/depth/camera_info'}),
    'low resolution': ('super_resolution', bag(
        image=['/low_res/image_rect', '/image_rect', '/depth/image_rect'],
        info=['/low_res/camera_info', '/camera_info', '/depth/camera_info']),
        {'low_res/image_rect': '/low_res/image_rect', 'low_res/camera_info': '/low_res/camera_info',
         'image_rect': '/image_rect', 'camera_info': '/camera_info'}),
    'RealSense, depth and the imager that it is of': ('super_resolution', bag(
        image=['/camera/camera/depth/image_rect_raw', '/camera/camera/infra1/image_rect_raw',
               '/camera/camera/color/image_raw'],
        info=['/camera/camera/depth/camera_info', '/camera/camera/infra1/camera_info']),
        {'low_res/image_rect': '/camera/camera/depth/image_rect_raw',
         'low_res/camera_info': '/camera/camera/depth/camera_info',
         'image_rect': '/camera/camera/infra1/image_rect_raw',
         'camera_info': '/camera/camera/infra1/camera_info'}),
}


@pytest.mark.parametrize('case', CHOICES)
def test_the_topics_of_other_nodes(case):
    kind, infos, expected = CHOICES[case]
    found = chosen(kind, infos)
    assert found.topics == expected
    needed = {'mono': {'image_rect', 'camera_info'},
              'super_resolution': {'low_res/image_rect', 'low_res/camera_info'},
              'sparse_depth': {'camera_info', 'sparse_depth/image', 'sparse_points'}}[kind]
    assert found.optional == expected.keys() - needed


def test_a_lidar_is_chosen_over_depth_and_others_are_an_error():
    infos = bag(image=['/cam/depth/image'], info=['/cam/camera_info'], cloud=['/ouster/points'])
    assert chosen('sparse_depth', infos).said[0] == (
        'sparse_depth/image or sparse_points: /ouster/points as sparse_points (of a LiDAR by its name), not '
        '/cam/depth/image as sparse_depth/image.')
    two = bag(info=['/cam/camera_info'], cloud=['/front/velodyne_points', '/rear/velodyne_points'])
    with pytest.raises(ValueError, match=r'2 candidates for sparse_points are .*--topic sparse_points='):
        chosen('sparse_depth', two)
    found = chosen('sparse_depth', two, {'sparse_points': '/rear/velodyne_points'})
    assert found.topics['sparse_points'] == '/rear/velodyne_points'


@pytest.mark.parametrize('overrides, message', [
    ({'left/imge': '/l'}, 'a stereo node has no topic left/imge; it has left/image_rect, '),
    ({'left/image_rect': '/lft/image_rect'}, 'the bag has no such topic; it has /left/image_rect'),
    ({'left/image_rect': '/imu'}, 'it is sensor_msgs/msg/Imu, expected sensor_msgs/msg/Image or '),
    ({'left/image_rect': '/empty'}, 'there are no messages on it'),
    ({'left/image_rect': 'none'}, 'a stereo node needs left/image_rect'),
    ({'truth': '/imu'}, 'it is sensor_msgs/msg/Imu, expected'),
])
def test_an_override_that_cannot_be_is_one_sentence(overrides, message):
    infos = bag(image=[*sides('/{}/image_rect'), '/empty'], other=['/imu'], silent=['/empty'])
    with pytest.raises(ValueError, match=message) as error:
        chosen('stereo', infos, overrides)
    assert '\n' not in str(error.value)


def test_the_name_of_the_role_says_whether_an_image_is_rectified():
    infos = bag(image=['/a/image_raw', '/b/image_rect'])
    as_it_is = chosen('mono', infos, {'image_rect': '/a/image_raw'})
    assert as_it_is.topics['image_rect'] == '/a/image_raw' and not as_it_is.raw
    assert chosen('mono', infos, {'image_raw': '/b/image_rect'}).raw == {'image_rect'}
    by_name = chosen('mono', bag(image=['/a/image_raw']))
    assert by_name.raw == {'image_rect'}
    assert ('image_rect: /a/image_raw is not rectified, by its name; if it is, say '
            '--topic image_rect=/a/image_raw.') in by_name.said


def test_an_optional_topic_can_be_left_out_and_a_calibration_be_left_to_a_file():
    infos = bag(image=['/image_rect', '/low_res/image_rect'], info=['/camera_info', '/low_res/camera_info'])
    without = chosen('super_resolution', infos, {'image_rect': 'none'})
    assert set(without.topics) == {'low_res/image_rect', 'low_res/camera_info'}
    assert chosen('mono', infos, {'camera_info': 'none'}).topics['camera_info'] is None


@pytest.mark.parametrize('kind, infos, expected', [
    ('stereo', bag(image=[*sides('/s/{}/image_rect'), '/s/ground_truth/disparity', '/s/ground_truth/depth']),
     ('disparity', '/s/ground_truth/disparity')),
    ('mono', bag(image=['/image_rect', '/gt/depth/image', '/depth/image'], disparity=['/gt/disparity']),
     ('depth', '/gt/depth/image')),
    ('stereo', bag(image=['/camera/infra1/image_rect_raw', '/camera/infra2/image_rect_raw',
                          '/camera/depth/image_rect_raw']), ('depth', '/camera/depth/image_rect_raw')),
    # of the colour camera's pixels, and the pair is not the colour camera
    ('stereo', bag(image=['/camera/infra1/image_rect_raw', '/camera/infra2/image_rect_raw',
                          '/camera/aligned_depth_to_color/image_raw']), None),
    ('mono', bag(image=['/camera/color/image_raw', '/camera/aligned_depth_to_color/image_raw']),
     ('depth', '/camera/aligned_depth_to_color/image_raw')),
    ('mono', bag(image=['/image_rect'], cloud=['/velodyne_points']), None),
    ('mono', bag(image=['/image_rect'], cloud=['/ground_truth/points']), ('points', '/ground_truth/points')),
])
def test_what_answers_are_compared_with(kind, infos, expected):
    found = chosen(kind, infos)
    assert found.truth == expected
    assert any(sentence.startswith('truth: ') for sentence in found.said)
    assert chosen(kind, infos, {'truth': 'none'}).truth is None


def test_the_truth_can_be_given():
    infos = bag(image=['/image_rect', '/range'], cloud=['/velodyne_points'])
    assert chosen('mono', infos, {'truth': 'velodyne_points'}).truth == ('points', '/velodyne_points')
    found = chosen('mono', infos, {'truth': '/range', 'image_rect': '/image_rect'})
    assert found.truth == ('depth', '/range')


def test_every_kind_of_node_has_roles_and_no_other():
    for kind in KINDS:
        assert any(role.topic.endswith('camera_info') for role in roles(kind))
    with pytest.raises(ValueError, match="the kind of node is 'sterio', expected one of stereo, mono"):
        roles('sterio')


@given(st.lists(st.sampled_from(['left', 'right', 'cam0', 'cam1', 'image_raw', 'a']), min_size=1, max_size=4),
       st.lists(st.sampled_from(['left', 'right', 'cam0', 'cam1', 'image_raw', 'a']), min_size=1, max_size=4))
def test_a_pair_has_one_left(one, other):
    left, right = ('/' + '/'.join(parts) for parts in (one, other))
    assert topic_names.pairing(left, left) is None
    assert not (topic_names.pairing(left, right) and topic_names.pairing(right, left))
