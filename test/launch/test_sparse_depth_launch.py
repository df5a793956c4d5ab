"""sparse_depth.launch.py as a user starts it, over the package that colcon installed."""

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
import torch
from ament_index_python import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from depth_models import pretrained
from depth_models.networks.sparse_depth import SparseDepth, SparseDepthConfig

try:
    SHARE = get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

WIDTH, HEIGHT, FX = 96, 64, 100.0  # px
WALL = 3.0  # m
LIMIT = 100.0  # s, for what takes ten on an idle machine


def weights():
    torch.manual_seed(5)
    network = SparseDepth(SparseDepthConfig())
    with tempfile.NamedTemporaryFile(suffix='.safetensors', delete=False) as file:
        pretrained.write(Path(file.name), network, 'sparse_depth', network.config, {})
    return file.name


@pytest.mark.launch_test
def generate_test_description():
    given = {'namespace': '/front', 'sparse_points': '/lidar/points', 'camera_info': '/camera/info',
             'use_image': 'false', 'approximate_sync': 'true', 'denoise': 'true', 'weights': weights(),
             'engine': 'torch', 'latency_budget_ms': '5000'}
    return LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(SHARE, 'launch', 'sparse_depth.launch.py')),
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
        client = self.node.create_client(GetParameters, '/front/sparse_depth_node/get_parameters')
        self.assertTrue(client.wait_for_service(LIMIT))
        names = ['latency_budget_ms', 'weights', 'use_image', 'denoise', 'approximate_sync', 'stage']
        future = client.call_async(GetParameters.Request(names=names))
        self.wait(future.done)
        self.assertEqual([parameter_value_to_python(value) for value in future.result().values],
                         [5000.0, given['weights'], False, True, True, 0])

    def test_points_on_the_topics_given_come_back_as_dense_depth(self):
        column, row = np.meshgrid(np.arange(0, WIDTH, 7), np.arange(0, HEIGHT, 5))
        points = np.stack([(column - WIDTH / 2) * WALL / FX, (row - HEIGHT / 2) * WALL / FX,
                           np.full(column.shape, WALL)], -1).astype(np.float32).reshape(-1, 3)
        cloud = PointCloud2(
            height=1, width=len(points), point_step=12, row_step=points.nbytes,
            data=array.array('B', points.tobytes()),
            fields=[PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                    for i, n in enumerate('xyz')])
        topics = {'/lidar/points': cloud, '/camera/info': CameraInfo(width=WIDTH, height=HEIGHT, p=[
            FX, 0.0, WIDTH / 2, 0.0, 0.0, FX, HEIGHT / 2, 0.0, 0.0, 0.0, 1.0, 0.0])}
        publishers = [(self.node.create_publisher(type(message), topic, qos_profile_sensor_data), message)
                      for topic, message in topics.items()]
        answers = []
        self.node.create_subscription(Image, '/front/depth/image_rect', answers.append, 10)
        self.wait(lambda: all(publisher.get_subscription_count() for publisher, _ in publishers))

        def answered():
            # again and again: what best effort sends before both sides found each other is lost
            for publisher, message in publishers:
                message.header.stamp.sec, message.header.stamp.nanosec = 7, 21
                message.header.frame_id = 'camera_optical'
                publisher.publish(message)
            rclpy.spin_once(self.node, timeout_sec=0.2)
            return answers

        self.wait(answered)
        message = answers[-1]
        self.assertEqual((message.header.stamp.sec, message.header.frame_id), (7, 'camera_optical'))
        depth = np.frombuffer(message.data, np.float32).reshape(message.height, message.width)
        self.assertEqual(depth.shape, (HEIGHT, WIDTH))
        self.assertLess(float(np.median(np.abs(depth / WALL - 1))), 0.01)


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):

    def test_every_process_ended_with_zero(self, proc_info):
        self.assertEqual(len(proc_info.process_names()), 1)
        launch_testing.asserts.assertExitCodes(proc_info)
