"""mono.launch.py, coarse_to_fine.launch.py as a user starts them, over the package that colcon installed."""

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
from sensor_msgs.msg import CameraInfo, Image

from depth_models import pretrained
from depth_models.networks.mono_networks import KINDS

try:
    SHARE = get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

WIDTH, HEIGHT, FX = 96, 64, 100.0  # px
METRES = 2.0  # what the sparse depths say of every second row and column
LIMIT = 100.0  # s, for what takes ten on an idle machine


def weights(kind):
    """A file of a random network whose depth varies."""
    torch.manual_seed(5)
    network = KINDS[kind].network(KINDS[kind].config())
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    with tempfile.NamedTemporaryFile(suffix='.safetensors', delete=False) as file:
        pretrained.write(Path(file.name), network, kind, network.config, {})
    return file.name


@pytest.mark.launch_test
@launch_testing.parametrize('kind', ['mono_unet', 'coarse_to_fine'])
def generate_test_description(kind):
    name = 'mono' if kind == 'mono_unet' else kind
    given = {'namespace': '/front', 'image': '/camera/image', 'camera_info': '/camera/info',
             'sparse_depth': '/lidar/depth', 'scale': 'median', 'weights': weights(kind), 'engine': 'torch',
             'latency_budget_ms': '5000'}
    if name == kind:
        given['stage'] = '1'
    return LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(os.path.join(SHARE, 'launch', f'{name}.launch.py')),
            launch_arguments=given.items()),
        launch_testing.actions.ReadyToTest(),
    ]), {'node_name': f'{name}_node', 'given': given}


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

    def test_arguments_win_over_the_file_and_those_not_given_leave_it_alone(self, node_name, given):
        client = self.node.create_client(GetParameters, f'/front/{node_name}/get_parameters')
        self.assertTrue(client.wait_for_service(LIMIT))
        names = ['latency_budget_ms', 'weights', 'scale', 'scale_max_age']
        future = client.call_async(GetParameters.Request(names=names))
        self.wait(future.done)
        self.assertEqual([parameter_value_to_python(value) for value in future.result().values],
                         [5000.0, given['weights'], 'median', 0.1])

    def test_an_image_on_the_topics_given_comes_back_as_depth_in_the_metres_of_the_sparse_depths(self):
        pixels = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
        known = np.full((HEIGHT, WIDTH), np.nan, np.float32)
        known[::2, ::2] = METRES
        topics = {  # the sparse depths first: they must be there when the image is answered
            '/lidar/depth': image(known, '32FC1'), '/camera/image': image(pixels, 'mono8'),
            '/camera/info': CameraInfo(width=WIDTH, height=HEIGHT, p=[
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
            return answers and abs(
                np.median(depth_of(answers[-1])[::2, ::2]) / METRES - 1) < 1e-3

        self.wait(answered)
        header, depth = answers[-1].header, depth_of(answers[-1])
        self.assertEqual((header.stamp.sec, header.stamp.nanosec, header.frame_id),
                         (7, 21, 'camera_optical'))
        self.assertEqual(depth.shape, (HEIGHT, WIDTH))
        self.assertGreater(float(np.std(depth)), 0.01)


def depth_of(message):
    return np.frombuffer(message.data, np.float32).reshape(message.height, message.width)


def image(pixels, encoding):
    return Image(width=WIDTH, height=HEIGHT, step=pixels[0].nbytes, encoding=encoding,
                 data=array.array('B', pixels.tobytes()))


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):

    def test_every_process_ended_with_zero(self, proc_info):
        self.assertEqual(len(proc_info.process_names()), 1)
        launch_testing.asserts.assertExitCodes(proc_info)
