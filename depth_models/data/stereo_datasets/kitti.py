"""KITTI Stereo 2012 and 2015: driving scenes with sparse disparity from a laser scanner."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from depth_models.data import formats
from depth_models.data.dataset import existing_folder, layout_error
from depth_models.data.image_files import check_size, if_there, image_at
from depth_models.data.stereo_datasets.files import FileDataset, Mask, PairFiles
from depth_models.frames import Camera, Map, StereoCamera


class _Kitti(FileDataset):
    """Frames NNNNNN_10.png; `visible` is where disp_noc is known, of what disp_occ knows."""

    images: ClassVar[tuple[tuple[str, str], ...]]  # folders of the left and right image, best first
    truth: ClassVar[tuple[str, str]]  # folders of all and of the non-occluded disparities
    calibration: ClassVar[str]  # folder of NNNNNN.txt
    projections: ClassVar[dict[str, tuple[str, str]]]  # in there, by the folder of the left image

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        if (root / 'training').is_dir():
            root = root / 'training'
        cameras = [pair for pair in self.images if (root / pair[0]).is_dir()]
        frames = {path.stem for name in self.truth for path in (root / name).glob('*_10.png')}
        if not cameras or not frames:
            raise layout_error(root, self.layout)
        super().__init__(root, self._pairs(root, cameras[0], sorted(frames)))

    def _pairs(self, root: Path, cameras: tuple[str, str], frames: list[str]) -> Iterator[PairFiles]:
        for frame in frames:
            every, both = (if_there(root / name / f'{frame}.png') for name in self.truth)
            disparity = every or both
            assert disparity is not None  # the frames are listed by it
            left, right = (image_at(root / name, frame, disparity) for name in cameras)
            number = frame.removesuffix('_10')
            yield PairFiles(number, left, right, disparity, visible=both,
                            calibration=if_there(root / self.calibration / f'{number}.txt'))

    def _disparity(self, path: Path) -> Map:
        return formats.read_kitti_disparity(path)

    def _visible(self, files: PairFiles, disparity: Map) -> Mask | None:
        if files.visible is None:
            return None
        both = self._disparity(files.visible)
        check_size(files.visible, both, disparity)
        return np.isfinite(both)

    def _camera(self, path: Path, size: tuple[int, int]) -> StereoCamera:
        left, right = self.projections[self.files[0].left.parent.name]
        return read_kitti_camera(path, left, right, size)


class Kitti2012(_Kitti):
    """
    194 pairs of about 1242x375 px; the colour images if they are there, else the grey ones.

        data_stereo_flow/training/       (or training itself)
            colored_0/000000_10.png      left;  image_0/ for grey
            colored_1/000000_10.png      right; image_1/ for grey
            disp_occ/000000_10.png       every known disparity: uint16 of 1/256 px, 0 unknown
            disp_noc/000000_10.png       those that the right camera sees too
            calib/000000.txt             optional: lines P0: to P3: of 12 numbers

    From https://www.cvlibs.net/datasets/kitti/eval_stereo_flow.php?benchmark=stereo, CC BY-NC-SA 3.0,
    with citation of Geiger et al., CVPR 2012.
    """

    layout = ('the layout of KITTI 2012, colored_0 and colored_1 (or image_0 and image_1) with '
              'disp_occ and disp_noc, files NNNNNN_10.png, in this folder or its training/')
    images = (('colored_0', 'colored_1'), ('image_0', 'image_1'))
    truth = ('disp_occ', 'disp_noc')
    calibration = 'calib'
    projections: ClassVar = {'colored_0': ('P2', 'P3'), 'image_0': ('P0', 'P1')}


class Kitti2015(_Kitti):
    """
    200 pairs of about 1242x375 px, with moving cars; the first of the two frames of each scene.

        data_scene_flow/training/          (or training itself)
            image_2/000000_10.png          left
            image_3/000000_10.png          right
            disp_occ_0/000000_10.png       every known disparity: uint16 of 1/256 px, 0 unknown
            disp_noc_0/000000_10.png       those that the right camera sees too
            calib_cam_to_cam/000000.txt    optional: lines P_rect_02: and P_rect_03: of 12 numbers

    From https://www.cvlibs.net/datasets/kitti/eval_scene_flow.php?benchmark=stereo, CC BY-NC-SA 3.0,
    with citation of Menze and Geiger, CVPR 2015.
    """

    layout = ('the layout of KITTI 2015, image_2 and image_3 with disp_occ_0 and disp_noc_0, files '
              'NNNNNN_10.png, in this folder or its training/')
    images = (('image_2', 'image_3'),)
    truth = ('disp_occ_0', 'disp_noc_0')
    calibration = 'calib_cam_to_cam'
    projections: ClassVar = {'image_2': ('P_rect_02', 'P_rect_03')}


def read_kitti_camera(path: Path, left: str, right: str, size: tuple[int, int]) -> StereoCamera:
    """
    The camera of two projection matrices "NAME: 12 numbers" in a file of KITTI; size: (height, width).

    P[0,3] is -fx times the camera's place along the baseline, so that the baseline is
    (P_left[0,3] - P_right[0,3]) / fx (Geiger et al., IJRR 2013).
    """
    p_left, p_right = (read_projection(path, name) for name in (left, right))
    fx = float(p_left[0, 0])
    baseline = float(p_left[0, 3] - p_right[0, 3]) / fx
    if not baseline > 0:
        raise ValueError(f'{path}: the baseline from {left} to {right} is {baseline:g} m, not over 0')
    camera = Camera(size[1], size[0], fx, float(p_left[1, 1]), float(p_left[0, 2]),
                    float(p_left[1, 2]))
    return StereoCamera(camera, baseline, float(p_right[0, 2]))


def read_projection(path: Path, name: str) -> NDArray[np.float64]:
    """The projection matrix [3,4] of a line "NAME: 12 numbers" in a file of KITTI."""
    line = re.search(rf'^{name}:[ \t]*(.*)$', path.read_text(), re.MULTILINE)
    if line is None:
        raise ValueError(f'{path}: no line "{name}: ..."')
    try:
        return np.array([float(value) for value in line[1].split()]).reshape(3, 4)
    except ValueError:
        raise ValueError(f'{path}: {name} is not 12 numbers: {line[1].strip()}') from None
