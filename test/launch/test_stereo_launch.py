"""stereo.launch.py as a user starts it, over the package that colcon installed."""

import array
import os
import tempfile
import time
import unittest

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip(
    'launch_testing', reason='launch_testing comes with a ROS 2 install, not with the wheels')

import launch_testing.actions
import launch_testing.asserts
from ament_index_python import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from stereo_msgs.msg import DisparityImage

try:
    SHARE = get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

WIDTH, HEIGHT, DISPARITY = 320, 160, 24  # px
FX, BASELINE = 200.0, 0.1  # px, m
LIMIT = 60.0  # s, for what takes one on an idle machine

PARAMETERS = """
/**:
  ros__parameters:
    stage: 3
    latency_budget_ms: 70.0
    num_threads: 1
"""


@pytest.mark.launch_test
def generate_test_description():
    with tempfile.NamedTemporaryFile('w', suffix='.yaml', delete=False) as params_file:
        params_file.write(PARAMETERS)
    arguments = {'namespace': '/front', 'left': '/camera/left', 'right_image': '/other/image',
                 'params_file': params_file.name, 'latency_budget_ms': '5000'}
    return LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(SHARE, 'launch', 'stereo.launch.py')),
            launch_arguments=arguments.items()),
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

    def test_the_node_activates_itself(self):
        self.wait(lambda: self.call(GetState, '/front/stereo_node/get_state', GetState.Request())
                  .current_state.id == State.PRIMARY_STATE_ACTIVE)

    def test_arguments_win_over_the_file_and_those_not_given_leave_it_alone(self):
        names = ['latency_budget_ms', 'stage', 'num_threads', 'use_sim_time', 'engine']
        values = self.call(GetParameters, '/front/stereo_node/get_parameters',
                           GetParameters.Request(names=names)).values
        self.assertEqual(dict(zip(names, map(parameter_value_to_python, values), strict=True)), {
            'latency_budget_ms': 5000.0,  # the argument, and a float though given as an integer
            'stage': 3, 'num_threads': 1,  # the file
            'use_sim_time': False, 'engine': 'auto'})  # neither

    def test_a_pair_on_the_topics_given_comes_back_as_disparity_under_its_stamp(self):
        texture = np.random.default_rng(3).integers(0, 255, (HEIGHT // 4, WIDTH), dtype=np.uint8)
        texture = texture.repeat(4, axis=0)
        topics = {
            '/camera/left/image_rect': image(texture),
            '/camera/left/camera_info': camera_info(0.0),
            '/other/image': image(np.roll(texture, -DISPARITY, axis=1)),
            '/front/right/camera_info': camera_info(-FX * BASELINE)}
        publishers = [(self.node.create_publisher(type(message), topic, qos_profile_sensor_data), message)
                      for topic, message in topics.items()]
        answers = []
        self.node.create_subscription(DisparityImage, '/front/disparity', answers.append, 10)
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
        header, answer = answers[0].header, answers[0].image
        self.assertEqual((header.stamp.sec, header.stamp.nanosec, header.frame_id),
                         (7, 21, 'left_optical'))
        self.assertEqual((answer.width, answer.height, answer.encoding), (WIDTH, HEIGHT, '32FC1'))
        disparity = np.frombuffer(answer.data, np.float32).reshape(HEIGHT, WIDTH)
        seen_twice = disparity[:, DISPARITY:]
        self.assertAlmostEqual(float(np.median(seen_twice)), DISPARITY, delta=1.0)


def image(pixels):
    return Image(width=WIDTH, height=HEIGHT, step=WIDTH, encoding='mono8',
                 data=array.array('B', pixels.tobytes()))


def camera_info(shift):
    return CameraInfo(width=WIDTH, height=HEIGHT, k=[FX, 0.0, 160.0, 0.0, FX, 80.0, 0.0, 0.0, 1.0],
                      p=[FX, 0.0, 160.0, shift, 0.0, FX, 80.0, 0.0, 0.0, 0.0, 1.0, 0.0])


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):

    def test_every_process_ended_with_zero(self, proc_info):
        self.assertEqual(len(proc_info.process_names()), 1)
        launch_testing.asserts.assertExitCodes(proc_info)
