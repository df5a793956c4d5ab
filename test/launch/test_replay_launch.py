"""replay.launch.py as a user starts it, over the package that colcon installed: a bag in, a report out."""

import json
import os
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip(
    'launch_testing', reason='launch_testing comes with a ROS 2 install, not with the wheels')
pytest.importorskip('rosbags')

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import launch_testing.util
from ament_index_python import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from std_msgs.msg import Header

from depth_models.frames import Camera, StereoCamera
from depth_nodes.conversions import image_message
from depth_nodes.replay.bags import write
from depth_nodes.replay.sample import START_NS, camera_infos

try:
    SHARE = get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

WIDTH, HEIGHT, DISPARITY = 192, 96, 20  # px
CAMERA = StereoCamera(Camera(WIDTH, HEIGHT, 200.0, 200.0, 95.5, 47.5), baseline=0.1, cx_right=95.5)
FRAMES, PERIOD = 20, 0.2  # s
LIMIT = 90.0  # s, for what takes ten on an idle machine


def recording():
    """A wall at one disparity, whose true disparity comes too."""
    texture = np.random.default_rng(3).integers(0, 255, (HEIGHT // 4, WIDTH), dtype=np.uint8)
    texture = texture.repeat(4, axis=0)
    left_info, right_info = camera_infos(CAMERA)
    for number in range(FRAMES):
        time_ns = START_NS + round(number * PERIOD * 1e9)
        header = Header(frame_id='left_optical')
        header.stamp.sec, header.stamp.nanosec = divmod(time_ns, 1_000_000_000)
        left_info.header = right_info.header = header
        yield '/cam/left/camera_info', time_ns, left_info
        yield '/cam/right/camera_info', time_ns, right_info
        yield '/cam/left/image_rect', time_ns, image_message(header, texture, 'mono8')
        yield '/cam/right/image_rect', time_ns, image_message(
            header, np.ascontiguousarray(np.roll(texture, -DISPARITY, axis=1)), 'mono8')


@pytest.mark.launch_test
def generate_test_description():
    folder = Path(tempfile.mkdtemp(prefix='depth_nodes_replay_'))
    write(folder / 'bag', recording())
    parameters = ('weights=anynet', 'engine=torch', 'num_threads=1', 'latency_budget_ms=5000.0')
    given = {'bag': str(folder / 'bag'), 'node': 'stereo', 'report': str(folder / 'report'),
             'record': str(folder / 'answers'), 'truth': 'none',
             'options': ' '.join(f'--param {each}' for each in parameters)}
    return LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(SHARE, 'launch', 'replay.launch.py')),
            launch_arguments=given.items()),
        launch_testing.util.KeepAliveProc(),  # the replay ends before the test does
        launch_testing.actions.ReadyToTest(),
    ]), {'folder': folder}


class WhileItRuns(unittest.TestCase):

    def test_the_node_is_in_the_domain_of_the_user_until_the_bag_ends_and_then_there_is_a_report(
            self, proc_info, folder):
        rclpy.init()
        node = rclpy.create_node('user')
        try:
            client = node.create_client(GetParameters, '/replay/stereo_node/get_parameters')
            self.assertTrue(client.wait_for_service(LIMIT))
            future = client.call_async(GetParameters.Request(
                names=['use_sim_time', 'weights', 'num_threads']))
            rclpy.spin_until_future_complete(node, future, timeout_sec=LIMIT)
            values = [parameter_value_to_python(value) for value in future.result().values]
            self.assertEqual(values, [True, 'anynet', 1])
        finally:
            node.destroy_node()
            rclpy.shutdown()
        proc_info.assertWaitForShutdown(process='replay', timeout=LIMIT)
        report = json.loads((folder / 'report' / 'report.json').read_text())
        self.assertTrue((folder / 'report' / 'report.html').is_file())
        self.assertTrue((folder / 'answers').is_dir())
        self.assertEqual(report['about']['mode'], 'realtime')
        self.assertIn('stereo', report['about']['node'])
        self.assertEqual(report['summary']['frames'], FRAMES)
        self.assertGreater(report['summary']['answered'], 0)


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):

    def test_the_replay_ended_with_zero(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info, process='replay')
