"""
Start the stereo node: ros2 launch depth_nodes stereo.launch.py left:=/camera/left right:=/camera/right

What the node does stands in the parameter file; an argument given here wins over it, and one not
given changes nothing. The node configures and activates itself unless autostart is false.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from depth_nodes.dds_profile import dds_environment, shared_memory_problem

PARAMETERS = {'stage': int, 'latency_budget_ms': float, 'engine': str, 'use_sim_time': bool,
              'autostart': bool}
TOPICS = {'left/image_rect': 'left_image', 'left/camera_info': 'left_camera_info',
          'right/image_rect': 'right_image', 'right/camera_info': 'right_camera_info'}


def generate_launch_description():
    shipped = PathJoinSubstitution([FindPackageShare('depth_nodes'), 'config', 'stereo.yaml'])
    return LaunchDescription([
        argument('namespace', '', 'Namespace of the node and its topics.'),
        argument('params_file', shipped, 'Parameters of the node.'),
        argument('left', 'left', 'Namespace of the left camera.'),
        argument('right', 'right', 'Namespace of the right camera.'),
        argument('left_image', of_camera('left', 'image_rect'), 'Topic of the left image.'),
        argument('left_camera_info', of_camera('left', 'camera_info'), 'Topic of its calibration.'),
        argument('right_image', of_camera('right', 'image_rect'), 'Topic of the right image.'),
        argument('right_camera_info', of_camera('right', 'camera_info'), 'Topic of its calibration.'),
        argument('stage', '', 'Last stage of the network, 1 to 4; 0: as the budget allows.'),
        argument('latency_budget_ms', '', 'Time from the last input to the last output [ms].'),
        argument('engine', '', 'What runs the network.'),
        argument('use_sim_time', '', 'Follow the clock of a simulator or a bag.'),
        argument('autostart', '', 'false: wait for lifecycle transitions from outside.'),
        argument('log_level', 'info', 'debug, info, warn, error or fatal.'),
        argument('respawn', 'false', 'Start the node again 2 s after it died.'),
        *fast_dds(),
        OpaqueFunction(function=stereo_node),
    ])


def argument(name, default, description):
    return DeclareLaunchArgument(name, default_value=default, description=description)


def of_camera(camera, topic):
    return [LaunchConfiguration(camera), f'/{topic}']


def fast_dds():
    """Large images arrive with it. Cameras that this launch starts after us need it as much as we do."""
    environment = dds_environment()
    problem = shared_memory_problem() if environment else None
    return [*(SetEnvironmentVariable(*variable) for variable in environment.items()),
            *([LogInfo(msg=f'depth_nodes: {problem}')] if problem else [])]


def stereo_node(context):
    given = {name: ParameterValue(LaunchConfiguration(name), value_type=kind)
             for name, kind in PARAMETERS.items() if LaunchConfiguration(name).perform(context)}
    return [LifecycleNode(
        package='depth_nodes', executable='stereo_node', name='stereo_node',
        namespace=LaunchConfiguration('namespace'),
        parameters=[LaunchConfiguration('params_file'), given],
        remappings=[(topic, LaunchConfiguration(name)) for topic, name in TOPICS.items()],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        respawn=LaunchConfiguration('respawn'), respawn_delay=2.0,
        output='screen')]
