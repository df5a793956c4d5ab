"""Play a bag to a node as a robot would: ros2 launch depth_nodes replay.launch.py bag:=/data/run node:=mono

`depth-nodes replay` starts the node, with use_sim_time, plays the bag and its clock, and ends the node. From
here it does so in the ROS domain of the user, where RViz and others see it, in the namespace /replay.
"""

import os
import shlex

from launch import LaunchDescription
from launch.actions import ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import ExecutableInPackage

from depth_nodes.launching import argument, fast_dds

OPTIONS = {  # argument, and option of the command -> description
    'config': 'Parameters of the node: a file as those in config/; empty: the defaults.',
    'rate': 'How fast, in times of the recording.',
    'loop': 'How many times.',
    'report': 'Folder for the report; empty: report, where launch was started.',
    'record': 'Folder for a new bag of what the node publishes; empty: none.',
    'truth': 'Ground truth: topic:/name, folder:DIR or none; empty: a topic that looks like it.'}


def generate_launch_description():
    return LaunchDescription([
        argument('bag', None, 'The recording: a folder, or a .mcap, .db3 or .bag file.'),
        argument('node', 'stereo', 'stereo, mono, coarse_to_fine, sparse_depth or super_resolution.'),
        *(argument(name, '', description) for name, description in OPTIONS.items()),
        argument('options', '', 'More, as at a terminal: "--topic left/image_rect=/cam/left --slop 0.01".'),
        *fast_dds(),
        OpaqueFunction(function=replay)])


def replay(context):
    names = ('bag', 'node', 'options', *OPTIONS)
    given = {name: LaunchConfiguration(name).perform(context) for name in names}
    words = [word for name in OPTIONS if given[name] for word in (f'--{name}', given[name])]
    return [ExecuteProcess(
        cmd=[ExecutableInPackage(package='depth_nodes', executable='depth-nodes'), 'replay', given['bag'],
             '--node', given['node'], '--realtime', *words, *shlex.split(given['options'])],
        name='replay', output='screen',
        # it would keep apart from others if it were not told a domain
        additional_env={'ROS_DOMAIN_ID': os.environ.get('ROS_DOMAIN_ID', '0')})]
