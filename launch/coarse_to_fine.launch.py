"""Start it: ros2 launch depth_nodes coarse_to_fine.launch.py image:=/camera/image_rect camera_info:=..."""

from depth_nodes.launching import IMAGE_ARGUMENTS, IMAGE_PARAMETERS, IMAGE_TOPICS, describe_node


def generate_launch_description():
    return describe_node(
        'coarse_to_fine_node', 'coarse_to_fine.yaml', topics=IMAGE_TOPICS, arguments=IMAGE_ARGUMENTS,
        parameters={'stage': (int, '1 coarse, 2 fine; 0: fine where the budget allows.'),
                    **IMAGE_PARAMETERS})
