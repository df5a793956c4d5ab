"""Start it: ros2 launch depth_nodes super_resolution.launch.py low_res:=/tof/depth image:=/camera/image"""

from depth_nodes.launching import argument, describe_node

TOPICS = {'low_res/image_rect': 'low_res', 'low_res/camera_info': 'low_res_camera_info',
          'image_rect': 'image', 'camera_info': 'camera_info', 'relative_depth/image': 'relative_depth'}


def generate_launch_description():
    return describe_node(
        'super_resolution_node', 'super_resolution.yaml', topics=TOPICS, arguments=[
            argument('low_res', 'low_res/image_rect', 'Topic of the depth of low resolution.'),
            argument('low_res_camera_info', 'low_res/camera_info', 'Topic of its calibration.'),
            argument('image', 'image_rect', 'Topic of the image of high resolution.'),
            argument('camera_info', 'camera_info', 'Topic of its calibration.'),
            argument('relative_depth', 'relative_depth/image',
                     'Topic of relative depth of the image, with relative:=topic.'),
        ],
        parameters={'scale_factor': (int, '2, 4 or 8; 0: to the resolution of the image.'),
                    'method': (str, 'auto, guided, depth_only or bicubic.'),
                    'weights': (str, 'Weights by name or path.'),
                    'weights_guided': (str, 'Weights of the network that sees the image too.'),
                    'use_image': (bool, 'Be guided by the image, while it comes.'),
                    'relative': (str, 'Where relative depth of the image comes from.'),
                    'fill_holes': (bool, 'Depth where the map has none, too.'),
                    'approximate_sync': (bool, 'Match stamps that differ a little.')})
