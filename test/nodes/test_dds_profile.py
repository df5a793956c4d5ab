"""The Fast DDS profile: large best-effort images arrive with it, and a user's own settings win."""

import os
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

from depth_nodes import dds_profile
from depth_nodes.dds_profile import (
    OPT_OUT,
    PROFILES_FILE,
    PROFILES_FILE_OF_FASTDDS_2,
    dds_environment,
    profile_path,
    shared_memory_problem,
    use_dds_profile,
)

PAIRS, RATE = 45, 15.0  # Hz
WIDTH, HEIGHT = 1242, 375

CAMERA = f"""
import array, sys, time
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

rclpy.init()
node = rclpy.create_node('camera')
publishers = [node.create_publisher(Image, topic, qos_profile_sensor_data) for topic in ('left', 'right')]
while not all(publisher.get_subscription_count() for publisher in publishers):
    time.sleep(0.01)
image = Image(width={WIDTH}, height={HEIGHT}, step=3 * {WIDTH}, encoding='bgr8',
              data=array.array('B', bytes(3 * {WIDTH} * {HEIGHT})))
next_time = time.monotonic()
for number in range({PAIRS}):
    time.sleep(max(0.0, next_time - time.monotonic()))
    next_time += 1 / {RATE}
    image.header.stamp.sec = number
    for publisher in publishers:
        publisher.publish(image)
sys.stdin.read()  # stay until the test has read all
rclpy.shutdown()
"""


def test_no_best_effort_colour_pair_from_another_process_is_lost():
    rclpy = pytest.importorskip('rclpy')
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    if not os.environ.get(PROFILES_FILE):
        pytest.skip(f'the profile is not in use: {OPT_OUT} says off or the user has another')
    if problem := shared_memory_problem():
        pytest.skip(problem)
    # deep enough that only the way to the queue can lose a message, not a slow reader of it
    qos = QoSProfile(depth=PAIRS, reliability=ReliabilityPolicy.BEST_EFFORT)
    rclpy.init()
    node = rclpy.create_node('listener')
    arrived = Counter()
    for topic in ('left', 'right'):
        node.create_subscription(
            Image, topic, lambda m, topic=topic: arrived.update([(topic, m.header.stamp.sec)]), qos)
    camera = subprocess.Popen([sys.executable, '-c', CAMERA], stdin=subprocess.PIPE)
    try:
        end = time.monotonic() + 30.0
        while len(arrived) < 2 * PAIRS and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.1)
    finally:
        camera.communicate()
        node.destroy_node()
        rclpy.shutdown()
    assert arrived == Counter((side, n) for side in ('left', 'right') for n in range(PAIRS))
    assert camera.returncode == 0


@pytest.mark.parametrize('name', [
    PROFILES_FILE, PROFILES_FILE_OF_FASTDDS_2, 'FASTDDS_BUILTIN_TRANSPORTS'])
def test_settings_of_the_user_are_left_alone(name):
    environ = {name: 'mine'}
    use_dds_profile(environ)
    assert environ == {name: 'mine'}


def test_the_opt_out_leaves_fast_dds_as_it_is():
    assert dds_environment({OPT_OUT: 'off'}) == {}
    assert dds_environment({OPT_OUT: ''}) == {PROFILES_FILE: str(profile_path())}


def test_distributions_with_fast_dds_2_get_the_name_that_they_read_and_later_ones_do_not():
    path = str(profile_path())
    assert dds_environment({'ROS_DISTRO': 'humble'})[PROFILES_FILE_OF_FASTDDS_2] == path
    assert dds_environment({'ROS_DISTRO': 'jazzy'})[PROFILES_FILE_OF_FASTDDS_2] == path
    assert dds_environment({'ROS_DISTRO': 'kilted'}) == {PROFILES_FILE: path}


def test_too_little_shared_memory_is_told_with_the_sizes_and_the_remedy(monkeypatch):
    usage = type('Usage', (), {'free': 64 * 2**20})  # what Docker gives by default
    monkeypatch.setattr('shutil.disk_usage', lambda folder: usage)
    problem = shared_memory_problem()
    assert '/dev/shm has 64 MB free' in problem
    assert 'need 128 MB' in problem
    assert '--shm-size' in problem
    usage.free = 128 * 2**20
    assert shared_memory_problem() is None


def test_a_domain_in_use_is_not_taken(monkeypatch):
    monkeypatch.setattr(dds_profile.random, 'sample', lambda *_: [17, 18])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as DDS does
        somebody.bind(('', 7400 + 250 * 17))
        assert dds_profile.free_domain() == 18
