"""Start it: ros2 launch depth_nodes sparse_depth.launch.py sparse_points:=/lidar/points camera_info:=..."""

from depth_nodes.launching import IMAGE_ARGUMENTS, IMAGE_TOPICS, describe_node


def generate_launch_description():
    return describe_node(
        'sparse_depth_node', 'sparse_depth.yaml', topics=IMAGE_TOPICS, arguments=IMAGE_ARGUMENTS,
        parameters={'weights': (str, 'Weights by name or path.'),
                    'weights_rgb': (str, 'Weights of the network that sees the image too.'),
                    'use_image': (bool, 'See the image too, while it comes.'),
                    'denoise': (bool, 'Measurements may be wrong: depth may differ from them.'),
                    'approximate_sync': (bool, 'Match stamps that differ a little, as those of a LiDAR.')})
