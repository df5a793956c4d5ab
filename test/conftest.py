"""What every test shares: a ROS graph that no other session on this machine or network sees."""

import contextlib
import os
import tempfile
import warnings

from depth_nodes.dds_profile import keep_apart, use_dds_profile

# before any test imports rclpy, and inherited by the processes that tests start
keep_apart()
os.environ['RCUTILS_COLORIZED_OUTPUT'] = '0'
# exported graphs, shared by the tests and the nodes that they start; never the user's
_cache = tempfile.TemporaryDirectory(prefix='depth_nodes_test_')
os.environ['XDG_CACHE_HOME'] = _cache.name
use_dds_profile()

# rclpy brings this in late; Python 3.11 and later warn about what it imports, and here warnings are errors
with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.simplefilter('ignore', DeprecationWarning)
    import lark  # noqa: F401
