"""Sets of messages: one of several topics for a place, and places that a set can do without."""

import numpy as np
import pytest

pytest.importorskip('rclpy')
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_nodes.arrivals import TopicCount, rates, stamp_gap, why_silent
from depth_nodes.matching import Either, Matching
from depth_nodes.standins.message_filters import SimpleFilter


def stamped(kind, stamp: float):
    message = kind()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(round(stamp * 1e9), 10**9)
    return message


class Rig:
    """Depth or points, a camera info, and an image that sets can do without."""

    def __init__(self, tolerance: float | None = None, optional: bool = True) -> None:
        self.depth, self.points, self.info, self.image = (SimpleFilter() for _ in range(4))
        self.sets: list[tuple] = []
        self.image_comes = True
        self.matching = Matching(
            [Either([self.depth, self.points]), self.info, self.image], [False, False, optional],
            queue_size=3, tolerance=tolerance, waits=lambda: self.image_comes,
            deliver=lambda *messages: self.sets.append(messages))

    def send(self, stamp: float, *names: str) -> None:
        kinds = {'depth': Image, 'points': PointCloud2, 'info': CameraInfo, 'image': Image}
        for name in names:
            getattr(self, name).signalMessage(stamped(kinds[name], stamp))

    def found(self) -> list[tuple]:
        """Stamp and whether there is an image, of every set."""
        return [(one[0].header.stamp.sec, one[2] is not None) for one in self.sets]


def test_either_topic_fills_the_place():
    rig = Rig()
    rig.send(1, 'depth', 'info', 'image')
    rig.send(2, 'image', 'info', 'points')
    assert [type(one[0]) for one in rig.sets] == [Image, PointCloud2]
    assert rig.found() == [(1, True), (2, True)]


def test_while_images_come_a_set_waits_for_its_own():
    rig = Rig()
    rig.send(1, 'points', 'info')
    assert rig.found() == []
    rig.send(1, 'image')
    assert rig.found() == [(1, True)]


def test_while_they_do_not_a_set_is_complete_without():
    rig = Rig()
    rig.image_comes = False
    rig.send(1, 'info', 'points')
    rig.send(2, 'depth', 'info')
    assert rig.found() == [(1, False), (2, False)]
    rig.image_comes = True
    rig.send(3, 'points', 'info', 'image')
    assert rig.found()[2:] == [(3, True)]


def test_an_image_that_comes_after_all_gives_no_second_answer():
    rig = Rig()
    rig.image_comes = False
    rig.send(1, 'points', 'info')
    rig.image_comes = True
    rig.send(1, 'image')
    rig.send(2, 'points', 'info', 'image')
    assert rig.found() == [(1, False), (2, True)]


def test_sets_that_all_have_one_stamp_are_all_given():
    rig = Rig()  # a driver that stamps nothing
    for _ in range(3):
        rig.send(0, 'points', 'info', 'image')
    assert rig.found() == [(0, True)] * 3


def test_what_is_not_optional_is_waited_for():
    rig = Rig(optional=False)
    rig.image_comes = False
    rig.send(1, 'points', 'info')
    assert rig.found() == []
    rig.send(1, 'image')
    assert rig.found() == [(1, True)]


def test_stamps_a_little_apart_match_within_the_tolerance_with_and_without_an_image():
    rig = Rig(tolerance=0.01)
    for image_comes in (True, False):
        rig.image_comes = image_comes
        start = 10.0 if image_comes else 20.0
        rig.send(start, 'points')
        rig.send(start + 0.004, 'info')
        rig.send(start + 0.004, *(['image'] if image_comes else []))
    assert rig.found() == [(10, True), (20, False)]
    rig.matching.tolerate(0.001)
    rig.send(30.0, 'points')
    rig.send(30.004, 'info')
    assert len(rig.sets) == 2


def test_time_that_jumps_back_leaves_nothing_in_the_way():
    rig = Rig()
    for stamp in (100, 101, 102):
        rig.send(stamp, 'points')
    rig.matching.forget_later_than(50 * 10**9)
    rig.send(50, 'points', 'info', 'image')
    assert rig.found() == [(50, True)]


# --- what is missing


def counts(**messages: int) -> dict[str, TopicCount]:
    made = {name: TopicCount() for name in messages}
    for name, number in messages.items():
        for stamp in range(number):
            made[name].add(stamp * 10**9)
    return made


NEEDED = [('depth', 'points'), ('camera_info',)]


@pytest.mark.parametrize(('found', 'publishers', 'reason'), [
    ({'depth': 0, 'points': 0, 'camera_info': 2}, {'camera_info': 1}, 'Nobody publishes depth or points: '),
    ({'depth': 0, 'points': 0, 'camera_info': 2}, {'points': 1, 'camera_info': 1},
     'camera_info comes, but depth or points does not: Fast DDS loses'),
    ({'depth': 2, 'points': 0, 'camera_info': 0}, {'depth': 1}, 'Nobody publishes camera_info: remap'),
    ({'depth': 0, 'points': 3, 'camera_info': 0}, {'points': 1, 'camera_info': 1},
     'camera_info has a publisher but nothing arrives: compare its QoS (`ros2 topic info -v`) with best'),
    ({'depth': 0, 'points': 3, 'camera_info': 2}, {}, '')])
def test_one_of_several_topics_is_enough_and_what_is_missing_is_named(found, publishers, reason):
    said = why_silent(counts(**found), NEEDED, lambda name: publishers.get(name, 0), within=5.0,
                      qos='best effort')
    assert said.startswith(reason) and bool(said) == bool(reason)


def test_rates_and_gaps_are_told():
    made = counts(depth=3, points=0)
    made['info'] = TopicCount()
    made['info'].add(1_900_000_000)
    assert rates(made, {'depth': 1, 'points': 2}.get)[1] == '  points: 0 messages, 0.0 Hz, 2 publishers'
    assert np.isclose(stamp_gap(made), 0.1)
    assert stamp_gap({}) == 0.0
