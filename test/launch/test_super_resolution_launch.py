"""super_resolution.launch.py as a user starts it, over the package that colcon installed."""

import array
import os
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip(
    'launch_testing', reason='launch_testing comes with a ROS 2 install, not with the wheels')

import launch_testing
import launch_testing.actions
import launch_testing.asserts
import super_resolution_networks
from ament_index_python import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

try:
    SHARE = get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

WIDTH, HEIGHT, FX = 24, 16, 25.0  # px
WALL = 3.0  # m
LIMIT = 100.0  # s, for what takes ten on an idle machine


def weights():
    with tempfile.NamedTemporaryFile(suffix='.safetensors', delete=False) as file:
        return super_resolution_networks.write(Path(file.name), 4)


@pytest.mark.launch_test
def generate_test_description():
    given = {'namespace': '/front', 'low_res': '/tof/depth', 'low_res_camera_info': '/tof/info',
             'use_image': 'false', 'scale_factor': '4', 'method': 'bicubic', 'fill_holes': 'true',
             'weights': weights(), 'engine': 'torch', 'latency_budget_ms': '5000'}
    return LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(SHARE, 'launch', 'super_resolution.launch.py')),
            launch_arguments=given.items()),
        launch_testing.actions.ReadyToTest(),
    ]), {'given': given}


class WhileItRuns(unittest.TestCase):

    def setUp(self):
        rclpy.init()
        self.node = rclpy.create_node('user')

    def tearDown(self):
        self.node.destroy_node()
        rclpy.shutdown()

    def wait(self, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            self.assertLess(time.monotonic(), end, 'timed out')
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def test_arguments_win_over_the_file_and_those_not_given_leave_it_alone(self, given):
        client = self.node.create_client(GetParameters, '/front/super_resolution_node/get_parameters')
        self.assertTrue(client.wait_for_service(LIMIT))
        names = ['latency_budget_ms', 'weights', 'use_image', 'scale_factor', 'method', 'fill_holes',
                 'relative']
        future = client.call_async(GetParameters.Request(names=names))
        self.wait(future.done)
        self.assertEqual([parameter_value_to_python(value) for value in future.result().values],
                         [5000.0, given['weights'], False, 4, 'bicubic', True, 'mono_unet'])

    def test_depth_on_the_topics_given_comes_back_four_times_as_large(self):
        wall = np.full((HEIGHT, WIDTH), 1000 * WALL, np.uint16)
        wall[5:8, 9:12] = 0
        depth = Image(height=HEIGHT, width=WIDTH, encoding='16UC1', step=wall[0].nbytes,
                      data=array.array('B', wall.tobytes()))
        topics = {'/tof/depth': depth, '/tof/info': CameraInfo(width=WIDTH, height=HEIGHT, p=[
            FX, 0.0, WIDTH / 2, 0.0, 0.0, FX, HEIGHT / 2, 0.0, 0.0, 0.0, 1.0, 0.0])}
        publishers = [(self.node.create_publisher(type(message), topic, qos_profile_sensor_data), message)
                      for topic, message in topics.items()]
        answers, calibrations = [], []
        self.node.create_subscription(Image, '/front/depth/image_rect', answers.append, 10)
        self.node.create_subscription(CameraInfo, '/front/depth/camera_info', calibrations.append, 10)
        self.wait(lambda: all(publisher.get_subscription_count() for publisher, _ in publishers))

        def answered():
            # again and again: what best effort sends before both sides found each other is lost
            for publisher, message in publishers:
                message.header.stamp.sec, message.header.stamp.nanosec = 7, 21
                message.header.frame_id = 'tof_optical'
                publisher.publish(message)
            rclpy.spin_once(self.node, timeout_sec=0.2)
            return answers and calibrations

        self.wait(answered)
        message = answers[-1]
        self.assertEqual((message.header.stamp.sec, message.header.frame_id), (7, 'tof_optical'))
        depth = np.frombuffer(message.data, np.float32).reshape(message.height, message.width)
        self.assertEqual(depth.shape, (4 * HEIGHT, 4 * WIDTH))
        np.testing.assert_allclose(depth, WALL, rtol=1e-3)
        fx, cx = calibrations[-1].p[0], calibrations[-1].p[2]
        self.assertEqual((fx, cx), (4 * FX, 4 * (WIDTH / 2 + 0.5) - 0.5))  # of the centre of a pixel


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):

    def test_every_process_ended_with_zero(self, proc_info):
        self.assertEqual(len(proc_info.process_names()), 1)
        launch_testing.asserts.assertExitCodes(proc_info)
