"""
What the name and type of a recorded topic say: picture or depth, rectified, in colour, side of a pair.

Drivers agree on little. What is here is read off image_pipeline, realsense2_camera, zed-ros2-wrapper,
depthai-ros, openni2/freenect, the EuRoC and TUM bags, and KITTI as kitti2bag writes it.
"""

import re
from itertools import zip_longest

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
INFO, POINTS = 'sensor_msgs/msg/CameraInfo', 'sensor_msgs/msg/PointCloud2'
DISPARITY = 'stereo_msgs/msg/DisparityImage'
TRUTHS = (IMAGE, DISPARITY, POINTS)  # types that ground truth comes in

PICTURE, DEPTH, DISPARITIES, CLOUD = 'picture', 'depth', 'disparity', 'points'
NO_PICTURE = {'confidence', 'mask', 'masks', 'semantic', 'semantics', 'segmentation', 'label', 'labels',
              'flow', 'normals', 'debug', 'overlay', 'costmap', 'annotated', 'detections',
              'uncertainty', 'thermal', 'cost'}
TRUTH = {'truth', 'gt', 'groundtruth'}
LIDARS = {'lidar', 'velodyne', 'velo', 'ouster', 'livox', 'hesai', 'rslidar', 'robosense', 'pandar'}
COLOUR, GREY = {'color', 'colour', 'rgb', 'bgr'}, {'gray', 'grey', 'mono', 'infra', 'infra1', 'infra2', 'ir'}
# names of whole cameras that give depth, and pictures as well
DEPTH_CAMERAS = {'depth_camera', 'depth_cam', 'rgbd_camera'}
# depth topic -> how topics begin whose pictures see the same, pixel by pixel
REGISTERED = (
    (r'(.*/)aligned_depth_to_(\w+)/.*', (r'\1\2/',)),  # realsense2_camera
    (r'(.*/)depth/image_rect_raw', (r'\1infra1/',)),  # its depth is that of the left imager
    (r'(.*/)depth/depth_registered', (r'\1left/', r'\1rgb/')),  # ZED
    (r'(.*/)depth_registered/.*', (r'\1rgb/', r'\1color/')),  # openni2, freenect
    (r'(.*/)stereo/image_raw', (r'\1rgb/',)),  # depthai-ros, whose topic has no depth in its name
)
NUMBERED = re.compile(r'(cam|camera|image|img|infra|ir|)(\d+)')


def words(topic: str) -> list[str]:
    """'/zed/left_raw/image' -> zed, left, raw, image."""
    return [word for word in re.split(r'[/_.-]+', topic.lower()) if word]


def bare(topic: str) -> str:
    """Without the name of its transport: '/a/image_raw/compressed' -> '/a/image_raw'."""
    return topic.removesuffix('/compressed')


def content(topic: str, type_name: str) -> str:
    """What comes on it: PICTURE, DEPTH, DISPARITIES, CLOUD, or '' for something else."""
    if type_name in (POINTS, DISPARITY):
        return CLOUD if type_name == POINTS else DISPARITIES
    if type_name not in (IMAGE, COMPRESSED) or topic.endswith('/compressedDepth'):
        return ''
    parts = [part for part in bare(topic).lower().split('/') if part not in DEPTH_CAMERAS]
    said = set(words('/'.join(parts)))
    if said & NO_PICTURE:
        return ''
    found = PICTURE
    if 'disparity' in said:
        found = DISPARITIES
    elif 'depth' in said or {'low', 'res'} <= said or parts[-2:] == ['stereo', 'image_raw']:
        found = DEPTH
    elif said & TRUTH:
        return ''
    return '' if found != PICTURE and type_name == COMPRESSED else found  # values do not survive JPEG


def is_truth(topic: str) -> bool:
    return bool(TRUTH & set(words(topic)))


def truth_of(topic: str, type_name: str) -> str:
    """What a topic is that somebody says is the truth: an image whose name says nothing is depth."""
    return content(topic, type_name) if content(topic, type_name) in (DISPARITIES, CLOUD) else DEPTH


def is_lidar(topic: str) -> bool:
    return bool(LIDARS & set(words(topic)))


def is_rectified(topic: str) -> bool:
    """RealSense's image_rect_raw is rectified, too."""
    return bool({'rect', 'rectified'} & set(words(topic)))


def colour(topic: str) -> int:
    """2: its name says colour, 0: it says grey, 1: neither."""
    said = set(words(topic))
    return 2 if said & COLOUR else 0 if said & GREY else 1


def side(topic: str) -> int:
    """2: of no pair by its name, 1: left, 0: right."""
    said = words(topic)
    if any('right' in word or word in ('infra2', 'cam1', 'r') for word in said):
        return 0
    return 1 if any('left' in word or word in ('infra1', 'cam0', 'l') for word in said) else 2


def pairing(left: str, right: str) -> tuple[int, int] | None:
    """How surely two topics are left and right of a pair; None: not at all.

    (1, 0): their names say left and right. (0, -n): they are numbered n and n + 1.
    """
    surest: tuple[int, int] | None = None
    # separators stay, as /a_left/x and /a/left_x are no pair
    for one, other in zip_longest(*(re.split(r'([/_.-])', name.lower()) for name in (left, right))):
        if one == other:
            continue
        if one is None or other is None:
            return None
        found = _sides(one, other)
        if found is None:
            return None
        surest = found if surest is None else min(surest, found)
    return surest


def _sides(one: str, other: str) -> tuple[int, int] | None:
    if ('left' in one and one.replace('left', 'right') == other) or (one, other) == ('l', 'r'):
        return 1, 0
    first, second = NUMBERED.fullmatch(one), NUMBERED.fullmatch(other)
    if first and second and first[1] == second[1] and int(first[2]) + 1 == int(second[2]):
        return 0, -int(first[2])
    return None


def calibrations(topic: str) -> list[str]:
    """Where the camera_info of an image may be, the likeliest first: beside it, or further up."""
    parts = bare(topic).split('/')[:-1]
    return ['/'.join([*parts[:end], 'camera_info']) for end in range(len(parts), 0, -1)]


def is_registered(depth: str, picture: str) -> bool:
    """Whether the driver that names them so brings that depth to the pixels of that picture."""
    for pattern, beginnings in REGISTERED:
        if match := re.fullmatch(pattern, depth):
            return any(picture.startswith(match.expand(beginning)) for beginning in beginnings)
    return False
