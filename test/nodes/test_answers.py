"""What is published of an estimate: within the range, sure enough, and as a disparity that fits."""

import numpy as np
import pytest

pytest.importorskip('rclpy')
from std_msgs.msg import Header

from depth_models.frames import Camera, MonoFrame
from depth_nodes.answers import DepthAnswer
from depth_nodes.conversions import disparity_message
from depth_nodes.outputs import OutputParams

NAN = np.nan
CAMERA = Camera(4, 2, fx=200.0, fy=180.0, cx=31.0, cy=23.0)
DEPTH = np.float32([[0.05, 1.0, 2.0, 10.0], [NAN, 50.0, 200.0, 4.0]])
SURE = np.ones((2, 4), np.float32)


def answer(confidence=SURE, **params) -> DepthAnswer:
    return DepthAnswer(MonoFrame(np.zeros((2, 4, 3), np.uint8), CAMERA), DEPTH, confidence, stage=1,
                       virtual_baseline=0.01, params=OutputParams(**params))


def test_depth_out_of_range_is_unknown():
    np.testing.assert_array_equal(answer(min_range=1.0, max_range=50.0).depth,
                                  np.float32([[NAN, 1.0, 2.0, 10.0], [NAN, 50.0, NAN, 4.0]]))


def test_unsure_depth_is_unknown_and_what_has_no_confidence_is_kept():
    confidence = np.float32([[0.2, 0.6, NAN, 0.5], [0.9, 0.1, 0.9, 0.9]])
    expected = np.float32([[NAN, 1.0, 2.0, 10.0], [NAN, NAN, 200.0, 4.0]])
    given = answer(confidence, confidence_threshold=0.5, max_range=1000.0)
    np.testing.assert_array_equal(given.depth, expected)


def test_disparity_is_that_of_a_right_camera_which_sees_everything():
    found = answer(min_range=1.0, max_range=50.0).disparity  # 200 px * 0.01 m = 2 px m
    message = disparity_message(
        Header(), found.values, found.camera, min_disparity=found.low, max_disparity=found.high,
        delta_d=1.0, virtual=found.virtual)
    low = np.float32(2 / 50)
    assert (message.f, message.t) == (200.0, pytest.approx(0.01))
    assert (message.min_disparity, message.max_disparity) == (pytest.approx(low), 2.0)
    values = np.frombuffer(message.image.data, np.float32).reshape(2, 4)
    np.testing.assert_allclose(values, [[low - 1, 2.0, 1.0, 0.2], [low - 1, low, low - 1, 0.5]], rtol=1e-6)
    window = message.valid_window
    assert (window.x_offset, window.y_offset, window.width, window.height) == (0, 0, 4, 2)


def test_no_disparity_is_above_the_width_of_the_image():
    assert answer(min_range=0.0).disparity.high == 4.0
    assert answer(min_range=10.0, max_range=20.0).disparity.high == pytest.approx(0.2)
