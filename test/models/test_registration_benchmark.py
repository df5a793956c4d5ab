"""The benchmark that finds where the colour camera of 7-Scenes sits."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('scipy')

from benchmarks import registration
from depth_models.data.depth_datasets.seven_scenes import DEPTH_CAMERA, ColourCamera
from depth_models.frames import Camera
from depth_models.geometry import points_from_depth, project_points

TRUE = ColourCamera(focal=532.0, centre=(323.0, 236.0), beside=0.03, roll=0.015)


def write(folder, number, image, depth):
    """image: [H,W,3]; depth: [H,W] m."""
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f'frame-{number:06d}.color.png'), image)
    cv2.imwrite(str(folder / f'frame-{number:06d}.depth.png'), np.rint(1000 * depth).astype(np.uint16))


def write_scene(folder, count):
    """Boxes at some depths before a wall, of one grey each, as that camera sees them."""
    rng = np.random.default_rng(4)
    camera = Camera(640, 480, TRUE.focal, TRUE.focal, *TRUE.centre)
    for number in range(count):
        depth = np.full((480, 640), 4.0, np.float32)
        for _ in range(40):
            top, left = rng.integers(20, 380), rng.integers(20, 540)
            depth[top:top + rng.integers(30, 90), left:left + rng.integers(30, 90)] = rng.uniform(1, 3)
        seen = project_points(points_from_depth(depth, DEPTH_CAMERA), camera, transform=TRUE.transform)
        grey = cv2.medianBlur((50 * np.nan_to_num(seen, nan=4.0)).astype(np.uint8), 3)
        write(folder, number, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), depth)


def test_the_camera_is_found_and_judged_on_frames_that_it_was_not_found_from(tmp_path, capsys):
    write_scene(tmp_path / 'scene', 6)
    registration.main(['--data', str(tmp_path / 'scene'), '--json', str(tmp_path / 'found.json')])
    made = json.loads((tmp_path / 'found.json').read_text())
    assert made['frames'] == 6 and 'from the second half' in capsys.readouterr().out
    cameras = made['cameras']
    assert cameras['from all']['roll'] == pytest.approx(TRUE.roll, abs=0.003)
    # nearly the same for depths like these: focal length and centre, what lies beside and the centre
    frame = registration.edges_of(*registration.SevenScenes(tmp_path / 'scene').unregistered(0))
    found = ColourCamera(**{name: cameras['from all'][name] for name in ColourCamera._fields})
    pixels = []
    for camera in (found, TRUE):
        seen = frame.points @ camera.transform[:3, :3].T + camera.transform[:3, 3]
        pixels.append(camera.focal * seen[:, :2] / seen[:, 2:] + camera.centre)
    assert np.abs(pixels[0] - pixels[1]).mean() < 1.0
    for half, other in (('first', 'on the second'), ('second', 'on the first')):
        assert cameras[f'from the {half} half'][other] > 1.5 * cameras['nominal'][other]


def test_frames_without_edges_say_so(tmp_path, capsys):
    write(tmp_path, 0, np.zeros((480, 640, 3), np.uint8), np.full((480, 640), 2.0, np.float32))
    with pytest.raises(SystemExit):
        registration.main(['--data', str(tmp_path)])
    assert 'two frames with depth edges are needed, there are 0' in capsys.readouterr().err
