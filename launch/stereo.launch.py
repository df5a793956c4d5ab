"""
Start the stereo node: ros2 launch depth_nodes stereo.launch.py left:=/camera/left right:=/camera/right

What the node does stands in the parameter file; an argument given here wins over it, and one not
given changes nothing. The node configures and activates itself unless autostart is false.
"""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition

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
        argument('manage', 'false', 'With autostart:=false, this launch configures and activates it.'),
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
    node = LifecycleNode(
        package='depth_nodes', executable='stereo_node', name='stereo_node',
        namespace=LaunchConfiguration('namespace'),
        parameters=[LaunchConfiguration('params_file'), given],
        remappings=[(topic, LaunchConfiguration(name)) for topic, name in TOPICS.items()],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        respawn=LaunchConfiguration('respawn'), respawn_delay=2.0,
        output='screen')
    return [*lifecycle_events(node), node]


def lifecycle_events(node):
    """Say when the node is active; configure and activate it when asked to."""
    handlers = [OnStateTransition(
        target_lifecycle_node=node, goal_state='active',
        entities=[LogInfo(msg='stereo_node is active: it subscribes when somebody listens')])]
    managed = IfCondition(LaunchConfiguration('manage'))

    def transition(id_):
        return EmitEvent(condition=managed, event=ChangeState(
            lifecycle_node_matcher=matches_action(node), transition_id=id_))

    handlers += [
        OnProcessStart(target_action=node, on_start=[transition(Transition.TRANSITION_CONFIGURE)]),
        OnStateTransition(target_lifecycle_node=node, start_state='configuring', goal_state='inactive',
                          entities=[transition(Transition.TRANSITION_ACTIVATE)])]
    return [RegisterEventHandler(handler) for handler in handlers]
