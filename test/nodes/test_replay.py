"""Bags go out and come back the same; the sample recording holds what it claims."""

import array
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from sensor_msgs.msg import CameraInfo, Image
from stereo_msgs.msg import DisparityImage

from depth_nodes import conversions
from depth_nodes.replay import bags, sample

SAMPLES = Path(__file__).parents[2] / 'samples'


def test_messages_come_back_as_they_were_in_the_order_of_their_time(tmp_path):
    image = Image(height=2, width=3, step=3, encoding='mono8', data=array.array('B', b'abcdef'))
    image.header.stamp.sec, image.header.frame_id = 7, 'left'
    disparity = DisparityImage(image=image, f=100.5, t=0.25)
    info = CameraInfo(width=3, height=2, d=[0.5, -0.25])
    bags.write(tmp_path / 'bag', [
        ('/b', 20, disparity), ('/a', 10, image), ('/c', 30, info), ('/a', 40, image)])
    back = list(bags.read(tmp_path / 'bag'))
    assert [(m.topic, m.time_ns) for m in back] == [('/a', 10), ('/b', 20), ('/c', 30), ('/a', 40)]
    assert [m.message() for m in back] == [image, disparity, info, image]
    assert list((tmp_path / 'bag').glob('*.mcap'))


def test_a_bag_is_never_written_over(tmp_path):
    (tmp_path / 'bag').mkdir()
    with pytest.raises(FileExistsError, match='bag is there already'):
        bags.write(tmp_path / 'bag', [])


def test_the_sample_recording_pans_over_the_pair_with_its_truth():
    messages = list(sample.recording(SAMPLES, frames=4, rate=10.0))
    assert len(messages) == 4 * 5
    times = sorted({time for _, time, _ in messages})
    assert np.diff(times).tolist() == [100_000_000] * 3
    windows = set()
    for when in times:
        at = {topic: message for topic, time, message in messages if time == when}
        left = conversions.read_image(at['/stereo/left/image_rect'], 'left')
        right = conversions.read_image(at['/stereo/right/image_rect'], 'right')
        truth = conversions.read_map(at[sample.TRUTH], 'truth')
        windows.add(left.tobytes())
        assert left.shape == right.shape == (480, 640, 3) and truth.shape == (480, 640)
        # the right image, looked up at x - d, is the left one: not so a few pixels beside
        errors = [photometric_error(left, right, truth + offset) for offset in (-4, 0, 4)]
        assert errors[1] < 0.75 * min(errors[0], errors[2])
    assert len(windows) == 4


def photometric_error(left: np.ndarray, right: np.ndarray, disparity: np.ndarray) -> float:
    x, y = np.meshgrid(np.arange(640, dtype=np.float32), np.arange(480, dtype=np.float32))
    known = np.isfinite(disparity) & (x - disparity >= 0)
    warped = cv2.remap(right, np.where(known, x - disparity, 0).astype(np.float32), y,
                       cv2.INTER_LINEAR)
    return float(np.abs(warped[known].astype(float) - left[known]).mean())


def test_camera_infos_carry_the_baseline_in_the_right_projection():
    left, right = sample.camera_infos(sample.CAMERA)
    assert left.p[3] == 0.0
    assert right.p[3] == pytest.approx(-800.0 * 0.1)  # -fx * baseline


def test_a_missing_sample_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no sample picture at .*aloeL\.jpg'):
        next(sample.recording(tmp_path, frames=1, rate=1.0))
