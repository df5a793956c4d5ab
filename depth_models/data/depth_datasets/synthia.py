"""SYNTHIA: rendered streets with exact depth."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depth_models.data.dataset import existing_folder, scene_folders
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles
from depth_models.data.image_files import decode, if_there, image_at
from depth_models.frames import Camera, Map

STEPS_PER_M = 100  # centimetres
UNKNOWN = (0, 65535)  # 65535: the sky
SIZE = (760, 1280)  # height, width [px] that the intrinsics are of


class Synthia(DepthFileDataset):
    """
    A video sequence, the random set, or a folder of them.

        SYNTHIA-SEQS-01-SUMMER/RGB/Stereo_Left/Omni_F/NNNNNN.png     8 bits, and the other cameras
        SYNTHIA-SEQS-01-SUMMER/Depth/Stereo_Left/Omni_F/NNNNNN.png   uint16 cm, the same in every channel
        SYNTHIA-SEQS-01-SUMMER/CameraParams/intrinsics.txt           optional: focal, cx, cy, baseline

    or

        RAND_CITYSCAPES/RGB/NNNNNNN.png, RAND_CITYSCAPES/Depth/Depth/NNNNNNN.png   (or Depth/NNNNNNN.png)

    From https://synthia-dataset.net/, CC BY-NC-SA 3.0, with citation of Ros et al., CVPR 2016.
    """

    layout = ('SYNTHIA, RGB/ and Depth/ with the same files in them, as Stereo_Left/Omni_F/NNNNNN.png, or '
              'several such folders')
    indoors = False

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, (files for scene in scene_folders(root) for files in _frames(root, scene)))

    def _depth(self, path: Path) -> Map:
        steps = decode(path)
        if steps.dtype != np.uint16 or steps.ndim not in (2, 3):
            raise ValueError(f'{path}: an image of 16 bits is needed, got {steps.dtype} {list(steps.shape)}')
        steps = steps if steps.ndim == 2 else steps[..., 0]
        depth: Map = steps.astype(np.float32) / np.float32(STEPS_PER_M)
        depth[np.isin(steps, UNKNOWN)] = np.nan
        return depth

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        if files.calibration is None or size != SIZE:
            return None
        text = files.calibration.read_text()
        numbers = [float(word) for word in re.findall(r'[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?', text)]
        if len(numbers) < 3 or not numbers[0] > 0:
            raise ValueError(f'{files.calibration}: not focal length, cx and cy: {" ".join(text.split())}')
        return Camera(size[1], size[0], numbers[0], numbers[0], numbers[1], numbers[2])


def _frames(root: Path, scene: Path) -> Iterator[DepthFiles]:
    if not (scene / 'RGB').is_dir():  # the folders of a set itself, among others
        return
    depths = scene / 'Depth'
    depths = depths / 'Depth' if (depths / 'Depth').is_dir() else depths
    calibration = if_there(scene / 'CameraParams' / 'intrinsics.txt')
    for depth in depths.rglob('*.png'):
        place = depth.relative_to(depths).with_suffix('')
        name = place.as_posix() if scene == root else f'{scene.name}/{place.as_posix()}'
        yield DepthFiles(name, image_at(scene / 'RGB' / place.parent, place.name, depth), depth, calibration)
