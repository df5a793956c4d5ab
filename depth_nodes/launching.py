"""
What the launch files share; imported by them only, because it needs a ROS 2 install.

What a node does stands in its parameter file; an argument given to launch wins over it, and one not
given changes nothing. A node configures and activates itself unless autostart is false.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

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

NETWORK_PARAMETERS: dict[str, tuple[type, str]] = {  # of nodes with one: argument -> type, description
    'latency_budget_ms': (float, 'Time from the last input to the last output [ms].'),
    'engine': (str, 'What runs the network.'),
}
PARAMETERS: dict[str, tuple[type, str]] = {  # of every node
    'use_sim_time': (bool, 'Follow the clock of a simulator or a bag.'),
    'autostart': (bool, 'false: wait for lifecycle transitions from outside.'),
}


def argument(name: str, default: Any, description: str) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(name, default_value=default, description=description)


# what nodes with one camera have, in the form of `describe_node`
IMAGE_TOPICS = {'image_rect': 'image', 'camera_info': 'camera_info',
                'sparse_depth/image': 'sparse_depth', 'sparse_points': 'sparse_points'}
IMAGE_ARGUMENTS = (
    argument('image', 'image_rect', 'Topic of the image.'),
    argument('camera_info', 'camera_info', 'Topic of its calibration.'),
    argument('sparse_depth', 'sparse_depth/image', 'Topic of metric depths, as an image.'),
    argument('sparse_points', 'sparse_points', 'Topic of metric depths, as a point cloud.'),
)
IMAGE_PARAMETERS: dict[str, tuple[type, str]] = {
    'weights': (str, 'Weights by name or path.'),
    'scale': (str, 'none, median or affine: what is fitted to the metric depths.'),
}


def describe_node(name: str, file: str, *, topics: Mapping[str, str],
                  arguments: Sequence[DeclareLaunchArgument],
                  parameters: Mapping[str, tuple[type, str]], network: bool = True) -> LaunchDescription:
    """One node.

    name: of the executable and the node. file: of its parameters, in config/. topics: of the node ->
    the argument that renames it. arguments: those and others. parameters: beside those of every node.
    network: it runs one, while somebody listens.
    """
    parameters = {**parameters, **(NETWORK_PARAMETERS if network else {}), **PARAMETERS}
    active = f'{name} is active' + (': it subscribes when somebody listens' if network else '')
    shipped = PathJoinSubstitution([FindPackageShare('depth_nodes'), 'config', file])
    return LaunchDescription([
        argument('namespace', '', 'Namespace of the node and its topics.'),
        argument('params_file', shipped, 'Parameters of the node.'),
        *arguments,
        *(argument(of, '', description) for of, (_, description) in parameters.items()),
        argument('manage', 'false', 'With autostart:=false, this launch configures and activates it.'),
        argument('log_level', 'info', 'debug, info, warn, error or fatal.'),
        argument('respawn', 'false', 'Start the node again 2 s after it died.'),
        *fast_dds(),
        OpaqueFunction(function=partial(
            _node, name=name, active=active, topics=topics, parameters=parameters)),
    ])


def fast_dds() -> list[Any]:
    """Large images arrive with it. Cameras that this launch starts after us need it as much as we do."""
    environment = dds_environment()
    problem = shared_memory_problem() if environment else None
    return [*(SetEnvironmentVariable(*variable) for variable in environment.items()),
            *([LogInfo(msg=f'depth_nodes: {problem}')] if problem else [])]


def _node(context: Any, *, name: str, active: str, topics: Mapping[str, str],
          parameters: Mapping[str, tuple[type, str]]) -> list[Any]:
    given = {of: ParameterValue(LaunchConfiguration(of), value_type=kind)
             for of, (kind, _) in parameters.items() if LaunchConfiguration(of).perform(context)}
    node = LifecycleNode(
        package='depth_nodes', executable=name, name=name,
        namespace=LaunchConfiguration('namespace'),
        parameters=[LaunchConfiguration('params_file'), given],
        remappings=[(topic, LaunchConfiguration(of)) for topic, of in topics.items()],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        respawn=LaunchConfiguration('respawn'), respawn_delay=2.0,
        output='screen')
    return [*_lifecycle_events(node, active), node]


def _lifecycle_events(node: LifecycleNode, active: str) -> list[RegisterEventHandler]:
    """Say `active` when the node is; configure and activate it when asked to."""
    handlers = [OnStateTransition(
        target_lifecycle_node=node, goal_state='active',
        entities=[LogInfo(msg=active)])]
    managed = IfCondition(LaunchConfiguration('manage'))

    def transition(id_: int) -> EmitEvent:
        return EmitEvent(condition=managed, event=ChangeState(
            lifecycle_node_matcher=matches_action(node), transition_id=id_))

    handlers += [
        OnProcessStart(target_action=node, on_start=[transition(Transition.TRANSITION_CONFIGURE)]),
        OnStateTransition(target_lifecycle_node=node, start_state='configuring', goal_state='inactive',
                          entities=[transition(Transition.TRANSITION_ACTIVATE)])]
    return [RegisterEventHandler(handler) for handler in handlers]
