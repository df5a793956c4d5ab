"""evaluation.launch.py as a user starts it, over the package that colcon installed."""

import array
import os
import time
import unittest

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip(
    'launch_testing', reason='launch_testing comes with a ROS 2 install, not with the wheels')

import launch_testing
import launch_testing.actions
import launch_testing.asserts
from ament_index_python import PackageNotFoundError, get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

try:
    SHARE = get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

WIDTH, HEIGHT = 24, 16  # px
WALL, ERROR = 3.0, 0.3  # m
LIMIT = 60.0  # s, for what takes one on an idle machine


@pytest.mark.launch_test
def generate_test_description():
    # the launch configures and activates it, as a manager would
    given = {'namespace': '/front', 'depth': '/stereo/depth', 'ground_truth': '/sim/depth', 'window': '2',
             'most_abs_rel': '0.05', 'use_confidence': 'false', 'autostart': 'false', 'manage': 'true'}
    return LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(SHARE, 'launch', 'evaluation.launch.py')),
            launch_arguments=given.items()),
        launch_testing.actions.ReadyToTest(),
    ])


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

    def call(self, kind, name, request):
        client = self.node.create_client(kind, name)
        self.assertTrue(client.wait_for_service(LIMIT), name)
        future = client.call_async(request)
        self.wait(future.done)
        return future.result()

    def test_the_launch_activates_the_node(self):
        self.wait(lambda: self.call(GetState, '/front/evaluation_node/get_state', GetState.Request())
                  .current_state.id == State.PRIMARY_STATE_ACTIVE)

    def test_arguments_win_over_the_file_and_those_not_given_leave_it_alone(self):
        names = ['window', 'most_abs_rel', 'use_confidence', 'autostart', 'max_range', 'approximate_sync']
        values = self.call(GetParameters, '/front/evaluation_node/get_parameters',
                           GetParameters.Request(names=names)).values
        self.assertEqual([parameter_value_to_python(value) for value in values],
                         [2, 0.05, False, False, 100.0, False])

    def test_depth_and_truth_on_the_topics_given_come_back_as_metrics(self):
        wall = np.full((HEIGHT, WIDTH), WALL, np.float32)
        found = wall + np.float32(ERROR)
        topics = {'/stereo/depth': message(found, '32FC1'),
                  '/sim/depth': message((1000 * wall).astype(np.uint16).repeat(2, 0).repeat(2, 1), '16UC1')}
        publishers = [(self.node.create_publisher(Image, topic, qos_profile_sensor_data), message)
                      for topic, message in topics.items()]
        answers = []
        self.node.create_subscription(
            DiagnosticArray, '/front/evaluation_node/metrics', answers.append, 10)
        self.wait(lambda: all(publisher.get_subscription_count() for publisher, _ in publishers))

        def answered():
            # again and again: what best effort sends before both sides found each other is lost
            for publisher, message in publishers:
                message.header.stamp.sec, message.header.stamp.nanosec = 7, 21
                message.header.frame_id = 'left_optical'
                publisher.publish(message)
            rclpy.spin_once(self.node, timeout_sec=0.2)
            return answers

        self.wait(answered)
        self.assertEqual((answers[0].header.stamp.sec, answers[0].header.frame_id), (7, 'left_optical'))
        status = answers[0].status[0]
        values = {value.key: value.value for value in status.values}
        self.assertAlmostEqual(float(values['mae']), ERROR, delta=1e-3)
        self.assertAlmostEqual(float(values['mean_abs_rel']), ERROR / WALL, delta=1e-3)
        self.assertIn('above most_abs_rel, which is 0.05', status.message)


def message(values, encoding):
    height, width = values.shape
    return Image(height=height, width=width, encoding=encoding, step=values[0].nbytes,
                 data=array.array('B', values.tobytes()))


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):

    def test_every_process_ended_with_zero(self, proc_info):
        self.assertEqual(len(proc_info.process_names()), 1)
        launch_testing.asserts.assertExitCodes(proc_info)
