"""A node ends, whatever its middleware does."""

import subprocess
import sys
import time

SCRIPT = """
import ctypes
from depth_nodes import lifecycle

lifecycle.ENDING = 1.0


class Stuck(lifecycle.ManagedNode):
    def start(self):
        return False

    def destroy_node(self):
        ctypes.PyDLL(None).sleep(100)  # keeps the interpreter's lock, as what waits for itself in C++ does


def make():
    node = Stuck('stuck')
    node.declare_parameter('autostart', True)
    return node


lifecycle.run(make, [])
"""


def test_a_node_whose_middleware_never_lets_it_go_ends_and_says_where():
    began = time.monotonic()
    ended = subprocess.run([sys.executable, '-c', SCRIPT], capture_output=True, text=True, timeout=60,
                           check=False)
    assert ended.returncode == 1, ended.stderr
    assert 'Timeout (0:00:01)!' in ended.stderr
    assert 'in destroy_node' in ended.stderr
    assert time.monotonic() - began < 50
