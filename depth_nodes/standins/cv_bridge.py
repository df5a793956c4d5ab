"""
cv_bridge: the real package where it works, else our stand-in.

"Works" is tried in a process of its own: a cv_bridge compiled for NumPy 1 takes the interpreter
down under NumPy 2, and one that meets OpenCV 5 fails in its constructor.
"""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec

import cv2
import numpy as np

TRIAL = """
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
image = Image(height=1, width=2, step=6, encoding='rgb8')
image.data.frombytes(bytes([1, 2, 3, 4, 5, 6]))
bridge = CvBridge()
assert bridge.imgmsg_to_cv2(image, 'bgr8').tolist() == [[[3, 2, 1], [6, 5, 4]]]
assert bridge.cv2_to_imgmsg(bridge.imgmsg_to_cv2(image), 'rgb8').data == image.data
"""
TRIAL_LIMIT = 60.0  # s; it takes one, on a slow board a few


def why_unusable() -> str | None:
    """What happens when the installed cv_bridge is tried, in a few words; None: it works."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    try:
        trial = subprocess.run([sys.executable, '-c', TRIAL], env=environment, capture_output=True,
                               text=True, errors='replace', timeout=TRIAL_LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if trial.returncode == 0:
        return None
    if trial.returncode < 0:
        return f'it ends the process with {signal.Signals(-trial.returncode).name}'
    return (trial.stderr.strip().splitlines() or [f'it ends with {trial.returncode}'])[-1]


_installed = find_spec('cv_bridge') is not None
_reason = why_unusable() if _installed else None
PASSED_OVER = _reason and (
    f'the installed cv_bridge does not work with NumPy {np.__version__} and OpenCV '
    f'{cv2.__version__} ({_reason}); a stand-in converts images instead. To use the real one, '
    f'install what it was built for, often "numpy<2" and "opencv-python<5"')

if _installed and _reason is None:
    from cv_bridge import CvBridge, CvBridgeError
else:
    from depth_nodes.standins.our_cv_bridge import CvBridge, CvBridgeError

__all__ = ['PASSED_OVER', 'CvBridge', 'CvBridgeError']
