"""KITTI object detection: images of the left colour camera, and the points of one turn of a LiDAR."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_models.data.dataset import DepthDataset, existing_folder, layout_error
from depth_models.data.image_files import image_at, read_rgb
from depth_models.data.samples import DepthSample
from depth_models.data.stereo_datasets.kitti import read_projection
from depth_models.frames import Camera
from depth_models.geometry import project_points

VALUES = 4  # of a point: x, y, z [m], intensity; float32 each


class KittiObject(DepthDataset):
    """
    Depth is that of the points, the nearest one of a pixel; about 4 % of the pixels have one.

        image_2/NNNNNN.png     8-bit RGB
        velodyne/NNNNNN.bin    float32 x, y, z [m], intensity, in the frame of the LiDAR
        calib/NNNNNN.txt       P2, R0_rect, Tr_velo_to_cam

    also in training/. From https://www.cvlibs.net/datasets/kitti/eval_object.php, CC BY-NC-SA 3.0, with
    citation of Geiger et al., CVPR 2012.
    """

    layout = 'KITTI objects, image_2/NNNNNN.png, velodyne/NNNNNN.bin and calib/NNNNNN.txt'
    indoors = False

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        self.folder = root / 'training' if (root / 'training').is_dir() else root
        self.names = sorted(path.stem for path in (self.folder / 'velodyne').glob('*.bin'))
        if not self.names or not (self.folder / 'calib').is_dir():
            raise layout_error(self.folder, self.layout)

    def __getitem__(self, index: int) -> DepthSample:
        name = self.names[index]
        cloud = self.folder / 'velodyne' / f'{name}.bin'
        image = read_rgb(image_at(self.folder / 'image_2', name, cloud))
        camera, transform = read_calibration(self.folder / 'calib' / f'{name}.txt', image.shape)
        return DepthSample(image, project_points(read_points(cloud), camera, transform=transform), camera)


def read_points(path: Path) -> NDArray[np.float32]:
    """[N,3] m."""
    data = path.read_bytes()
    if len(data) % (4 * VALUES):
        raise ValueError(f'{path}: {len(data)} bytes, not whole points of {4 * VALUES}; it was cut off')
    return np.frombuffer(data, '<f4').reshape(-1, VALUES)[:, :3].astype(np.float32)


def read_calibration(path: Path, shape: tuple[int, ...]) -> tuple[Camera, NDArray[np.float64]]:
    """The camera of an image [H,W,...], and the 4x4 from the LiDAR to it."""
    projection = read_projection(path, 'P2')
    rectified, lidar = np.eye(4), np.eye(4)
    rectified[:3, :3] = _rotation(path)
    lidar[:3] = read_projection(path, 'Tr_velo_to_cam')
    beside = np.eye(4)  # P2 is K [I|t]: the colour camera stands beside the one of the rotation
    beside[:3, 3] = np.linalg.solve(projection[:, :3], projection[:, 3])
    camera = Camera(shape[1], shape[0], *(float(projection[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2))))
    return camera, beside @ rectified @ lidar


def _rotation(path: Path) -> NDArray[np.float64]:
    line = re.search(r'^R0_rect:[ \t]*(.*)$', path.read_text(), re.MULTILINE)
    try:
        return np.array([float(value) for value in (line[1] if line else '').split()]).reshape(3, 3)
    except ValueError:
        raise ValueError(f'{path}: R0_rect is not 9 numbers: {line[1] if line else "no such line"}') from None
