"""Start the mono node: ros2 launch depth_nodes mono.launch.py image:=/camera/image_rect camera_info:=..."""

from depth_nodes.launching import IMAGE_ARGUMENTS, IMAGE_PARAMETERS, IMAGE_TOPICS, describe_node


def generate_launch_description():
    return describe_node(
        'mono_node', 'mono.yaml', topics=IMAGE_TOPICS, arguments=IMAGE_ARGUMENTS,
        parameters={'model': (str, 'mono_unet, or depth_anything_v2_small and its sisters.'),
                    **IMAGE_PARAMETERS})
