"""Start the stereo node: ros2 launch depth_nodes stereo.launch.py left:=/camera/left right:=/camera/right"""

from launch.substitutions import LaunchConfiguration

from depth_nodes.launching import argument, describe_node

TOPICS = {'left/image_rect': 'left_image', 'left/camera_info': 'left_camera_info',
          'right/image_rect': 'right_image', 'right/camera_info': 'right_camera_info'}


def generate_launch_description():
    return describe_node(
        'stereo_node', 'stereo.yaml', topics=TOPICS, arguments=[
            argument('left', 'left', 'Namespace of the left camera.'),
            argument('right', 'right', 'Namespace of the right camera.'),
            argument('left_image', of_camera('left', 'image_rect'), 'Topic of the left image.'),
            argument('left_camera_info', of_camera('left', 'camera_info'), 'Topic of its calibration.'),
            argument('right_image', of_camera('right', 'image_rect'), 'Topic of the right image.'),
            argument('right_camera_info', of_camera('right', 'camera_info'), 'Topic of its calibration.'),
        ],
        parameters={'stage': (int, 'Last stage of the network, 1 to 4; 0: as the budget allows.')})


def of_camera(camera, topic):
    return [LaunchConfiguration(camera), f'/{topic}']
