"""KITTI raw with projected LiDAR: driving scenes with sparse depth."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from depth_models.data.dataset import existing_folder
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles
from depth_models.data.formats import read_kitti_depth
from depth_models.data.image_files import beside, if_there, image_at
from depth_models.data.stereo_datasets.kitti import read_projection
from depth_models.frames import Camera, Map

KINDS = ('groundtruth', 'velodyne_raw')
CAMERAS = ('image_02', 'image_03')
CALIBRATION = 'calib_cam_to_cam.txt'
ARCHIVES = ('', 'data_depth_annotated', 'data_depth_velodyne')  # where splits may lie
RAW = ('', 'raw', 'raw_data', 'kitti_raw')  # where dates may lie
SELECTIONS = ('.', 'val_selection_cropped', 'depth_selection/val_selection_cropped')
# folder of the depth in a selection, and what its names have instead of 'image'
SELECTED = {'groundtruth': ('groundtruth_depth', 'groundtruth_depth'),
            'velodyne_raw': ('velodyne_raw', 'velodyne_raw')}


class KittiRaw(DepthFileDataset):
    """
    Colour images of the left camera and depth of the depth prediction and completion benchmark.

        train/DRIVE/proj_depth/groundtruth/image_02/NNNNNNNNNN.png   uint16 of 1/256 m, 0 unknown;
                                                  val/ too; also in data_depth_annotated/
        DATE/DRIVE/image_02/data/NNNNNNNNNN.png   the raw images (or .jpg); also in raw/, raw_data/,
                                                  kitti_raw/, or within train/
        DATE/calib_cam_to_cam.txt                 optional: the camera, P_rect_02

    or the selection of 1000 frames for validation (the folder, or the one above depth_selection)

        val_selection_cropped/image/DRIVE_image_NNNNNNNNNN_image_02.png
        val_selection_cropped/groundtruth_depth/DRIVE_groundtruth_depth_NNNNNNNNNN_image_02.png
        val_selection_cropped/intrinsics/DRIVE_image_NNNNNNNNNN_image_02.txt   optional

    or a single frame, of both cameras

        raw/sync_rect/cam_02.png, depth_completion/groundtruth_image_02.png, raw/calib_cam_to_cam.txt

    split: 'train' or 'val'; None: both. kind: 'groundtruth', of eleven scans, or 'velodyne_raw', of
    one (data_depth_velodyne/). Drives whose images are not there at all are passed over.

    From https://www.cvlibs.net/datasets/kitti/eval_depth.php?benchmark=depth_prediction, CC BY-NC-SA
    3.0, with citation of Uhrig et al., 3DV 2017.
    """

    layout = ('KITTI depth, train/DRIVE/proj_depth/groundtruth/image_02/NAME.png with the raw images '
              'DATE/DRIVE/image_02/data/NAME.png, or val_selection_cropped/image/ and groundtruth_depth/')
    indoors = False
    splits: ClassVar = {'training': 'train', 'validation': 'val'}

    def __init__(self, folder: Path | str, *, split: str | None = None, kind: str = 'groundtruth') -> None:
        root = existing_folder(folder, self.layout)
        if kind not in KINDS:
            raise ValueError(f'kind must be one of {", ".join(KINDS)}, got {kind!r}')
        if split not in (None, 'train', 'val'):
            raise ValueError(f'split must be one of train, val, got {split!r}')
        samples = list(_of_drives(root, (split,) if split else ('train', 'val'), kind))
        if split != 'train':
            samples += [*_selected(root, kind), *_single(root, kind)]
        super().__init__(root, samples)

    def depth_of(self, index: int, size: tuple[int, ...]) -> Map:
        """The depth of one sample without its image, of this (height, width)."""
        path = self.files[index].depth
        depth = self._depth(path)
        if depth.shape != size:
            raise ValueError(f'{path}: {depth.shape[1]}x{depth.shape[0]} px, but {size[1]}x{size[0]} px are '
                             'needed')
        return depth

    def _depth(self, path: Path) -> Map:
        return read_kitti_depth(path)

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        path = files.calibration
        if path is None:
            return None
        if path.name == CALIBRATION:
            name = 'P_rect_03' if files.name.endswith('03') else 'P_rect_02'
            matrix = read_projection(path, name)
            values = [float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2))]
        else:
            values = _intrinsics(path)
        return Camera(size[1], size[0], *values)


def _of_drives(root: Path, splits: tuple[str, ...], kind: str) -> Iterator[DepthFiles]:
    for archive in ARCHIVES:
        for split in splits:
            for drive in sorted((root / archive / split).glob(f'*/proj_depth/{kind}/image_02')):
                yield from _of_drive(root, drive)


def _of_drive(root: Path, depths: Path) -> Iterator[DepthFiles]:
    """depths: .../SPLIT/DRIVE/proj_depth/KIND/image_02"""
    drive = depths.parents[2]
    date = drive.name[:len('2011_09_26')]
    places = [root / raw / date / drive.name for raw in RAW] + [drive]
    images = [place / 'image_02' / 'data' for place in places if (place / 'image_02' / 'data').is_dir()]
    if not images:
        return
    calibration = next((path for raw in RAW if (path := root / raw / date / CALIBRATION).is_file()), None)
    for depth in sorted(depths.glob('*.png')):
        yield DepthFiles(f'{drive.name}/{depth.stem}', image_at(images[0], depth.stem, depth), depth,
                         calibration)


def _selected(root: Path, kind: str) -> Iterator[DepthFiles]:
    folder, word = SELECTED[kind]
    for place in SELECTIONS:
        selection = root / place
        for depth in sorted((selection / folder).glob(f'*_{word}_*.png')):
            stem = depth.stem.replace(f'_{word}_', '_image_', 1)
            yield DepthFiles(stem, image_at(selection / 'image', stem, depth), depth,
                             if_there(selection / 'intrinsics' / f'{stem}.txt'))


def _single(root: Path, kind: str) -> Iterator[DepthFiles]:
    for camera in CAMERAS:
        depth = if_there(root / 'depth_completion' / f'{kind}_{camera}.png')
        image = beside(root / 'raw' / 'sync_rect', camera.replace('image', 'cam'))
        if depth is not None and image is not None:
            yield DepthFiles(camera, image, depth, if_there(root / 'raw' / CALIBRATION))


def _intrinsics(path: Path) -> list[float]:
    """fx, fy, cx, cy of the nine numbers of a selection's file."""
    text = path.read_text()
    try:
        fx, _, cx, _, fy, cy, _, _, _ = (float(word) for word in text.split())
    except ValueError:
        raise ValueError(f'{path}: not the 9 numbers of a camera matrix: {text.strip()}') from None
    return [fx, fy, cx, cy]
