"""Which frames of a run are shown: the best and the worst ones, each at another time."""

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from depth_models.frames import Camera
from depth_nodes.replay.judge import View
from depth_nodes.replay.showcase import Showcase

CAMERA = Camera(8, 6, 10.0, 10.0, 3.5, 2.5)
TENTH = 100_000_000  # ns


def shown(figures):
    """The tenths of a second of the best and the worst of frames that come ten a second."""
    ones = np.ones((6, 8), np.float32)
    view = View(np.zeros((6, 8, 3), np.uint8), CAMERA, ones, ones)
    showcase = Showcase()
    for number, figure in enumerate(figures):
        showcase.offer(number * TENTH, 'epe', float(figure), view, None)
    made = showcase.pictures()
    return [[each['stamp_ns'] // TENTH for each in made[which]] for which in ('best', 'worst')]


def test_the_best_and_the_worst_are_shown_in_their_order_and_none_beside_its_like():
    figures = np.full(100, 5.0)
    figures[[10, 30, 50, 70, 90]] = 1, 2, 3, 4, 4.5
    figures[[11, 49]] = 1.1, 2.9  # worse and better than the frames beside them
    figures[[20, 40, 60, 80]] = 9, 8, 7, 6
    assert shown(figures) == [[10, 30, 49, 70], [20, 40, 60, 80]]


def test_of_a_moment_the_best_and_the_worst_are_left_and_one_frame_is_shown_once():
    assert shown([3, 1, 2]) == [[1], [0]]
    assert shown([2]) == [[0], []]
