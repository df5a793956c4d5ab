"""`ros2 launch depth_nodes stereo.launch.py` at a terminal: Ctrl-C, and a start that fails."""

import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

if shutil.which('ros2') is None:
    pytest.skip('the ros2 command comes with a ROS 2 install, not with the wheels',
                allow_module_level=True)
from ament_index_python import PackageNotFoundError, get_package_share_directory

try:
    get_package_share_directory('depth_nodes')
except (PackageNotFoundError, OSError):
    pytest.skip('depth_nodes is not in the ament index: colcon build, then source install/setup.bash',
                allow_module_level=True)

LIMIT = 60.0  # s


class Terminal:
    """`ros2 launch` in a process group of its own, as a shell starts it, with all that it prints."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            ['ros2', 'launch', 'depth_nodes', 'stereo.launch.py', *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while not any(text in line for line in self.lines):
            assert time.monotonic() < end and self.process.poll() is None, ''.join(self.lines)
            self.reader.join(0.05)

    def control_c(self):
        os.killpg(self.process.pid, signal.SIGINT)  # a terminal sends it to the whole group

    def close(self):
        try:
            self.process.wait(LIMIT)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.reader.join()
            self.process.stdout.close()
        return ''.join(self.lines)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments):
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
        one.close()


@pytest.mark.parametrize('arguments', [[], ['autostart:=false', 'manage:=true']])
def test_it_says_when_the_node_is_active_whoever_activates_it(terminal, arguments):
    running = terminal(*arguments)
    running.wait_for('stereo_node is active')
    running.control_c()
    assert 'process has finished cleanly' in running.close()


def test_control_c_which_reaches_the_node_twice_ends_it_cleanly(terminal):
    running = terminal()
    running.wait_for('active')
    running.control_c()
    printed = running.close()
    assert 'process has finished cleanly' in printed
    assert 'process has died' not in printed


def test_a_start_that_fails_says_why_and_ends_the_launch(terminal, tmp_path):
    params_file = tmp_path / 'params.yaml'
    params_file.write_text('/**:\n  ros__parameters:\n    weights: /nowhere.safetensors\n')
    printed = terminal(f'params_file:={params_file}').close()
    assert '/nowhere.safetensors' in printed
    assert 'exit code 1' in printed
    assert 'Traceback' not in printed


def test_a_value_that_is_no_number_is_refused_before_the_node_starts(terminal):
    printed = terminal('latency_budget_ms:=soon').close()
    assert 'soon' in printed
    assert 'process started' not in printed
