"""NYU Depth v2: indoor scenes seen by a Kinect."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from depth_models.data.dataset import DepthDataset, existing_folder, layout_error
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles, same_size
from depth_models.data.formats import read_depth_steps
from depth_models.data.image_files import image_at
from depth_models.data.samples import DepthSample
from depth_models.frames import Camera, Map

CAMERA = Camera(640, 480, 518.857901, 519.469611, 325.582449, 253.736166)  # camera_params.m, RGB
LABELLED, SPLITS = 'nyu_depth_v2_labeled.mat', 'splits.mat'
INDICES = {'train': 'trainNdxs', 'test': 'testNdxs'}  # in splits.mat, from 1 on
IN_FOLDERS = {'test': ('official_splits/test', 'test', '.'), 'train': ('sync', 'official_splits/train', '.')}
EXTRA = 'pip install depth_nodes[nyu]'


class NyuLabelled(DepthDataset):
    """
    The 1449 labelled frames of 640x480 px in one file, of which Eigen et al. test 654.

        nyu_depth_v2_labeled.mat     MATLAB 7.3, so HDF5: images [N,3,W,H] uint8, depths and
                                     rawDepths [N,W,H] m
        splits.mat                   optional: testNdxs and trainNdxs

    split: 'test', 'train' or 'all'; None: 'test' where splits.mat is there, else 'all'. filled: depth
    with its holes in-painted, as most of the literature tests on; else as the Kinect saw it. Names
    are indices from 0 on, as those of `NyuFolders`.

    From https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html, with citation of Silberman et al.,
    ECCV 2012; splits.mat from the project's toolbox.
    """

    layout = f'{LABELLED} of NYU Depth v2, with {SPLITS} beside it for its test split'
    splits: ClassVar = {'training': 'train', 'validation': 'test'}

    def __init__(self, folder: Path | str, *, split: str | None = None, filled: bool = True) -> None:
        self.folder = existing_folder(folder, self.layout)
        self.file, splits = self.folder / LABELLED, self.folder / SPLITS
        if not self.file.is_file():
            raise layout_error(self.folder, self.layout)
        if split is None:
            split = 'test' if splits.is_file() else 'all'
        if split not in (*INDICES, 'all'):
            raise ValueError(f'split must be one of {", ".join(INDICES)}, all, got {split!r}')
        self._key = 'depths' if filled else 'rawDepths'
        with _opened(self.file) as file:
            missing = [key for key in ('images', self._key) if key not in file]
            if missing:
                raise ValueError(f'{self.file}: no {" and no ".join(missing)} in it')
            shape, of_depth = file['images'].shape, file[self._key].shape
        if len(shape) != 4 or shape[1] != 3 or of_depth != (shape[0], *shape[2:]):
            raise ValueError(f'{self.file}: images must be [N,3,W,H] and {self._key} [N,W,H], got '
                             f'{list(shape)} and {list(of_depth)}')
        self._places = (list(range(shape[0])) if split == 'all'
                        else _places(splits, INDICES[split], shape[0]))
        self.names = [f'{place:05d}' for place in self._places]

    def __getitem__(self, index: int) -> DepthSample:
        place = self._places[index]
        try:
            with _opened(self.file) as file:  # anew: an open file cannot go to another process
                image, depth = file['images'][place], file[self._key][place]
        except OSError as error:
            raise OSError(f'{self.file}: frame {place} cannot be read: {error}') from error
        image, depth = np.ascontiguousarray(image.T), np.ascontiguousarray(depth.T, np.float32)
        depth = np.where(depth > 0, depth, np.float32(np.nan))
        return DepthSample(image, depth, same_size(CAMERA, (image.shape[0], image.shape[1])))


class NyuFolders(DepthFileDataset):
    """
    The same frames as files, and the training frames, as BTS and AdaBins distribute them.

        official_splits/test/SCENE/rgb_00045.jpg     Eigen's 654 (or the folder test)
                                   sync_depth_00045.png   uint16 mm, 0 unknown
        sync/SCENE/rgb_00000.jpg                     for training, with depth as above

    split: 'test' or 'train'; None: 'test' if it is there. The folder is the one above these, or one
    that has the SCENE folders in it.

    From https://github.com/cleinc/bts (pytorch/README.md, its script and its link).
    """

    layout = ('NYU Depth v2 in folders, official_splits/test/SCENE/rgb_NNNNN.jpg and '
              'sync_depth_NNNNN.png, or sync/SCENE/ with the same for training')
    splits: ClassVar = {'training': 'train', 'validation': 'test'}

    def __init__(self, folder: Path | str, *, split: str | None = None) -> None:
        root = existing_folder(folder, self.layout)
        if split is not None and split not in IN_FOLDERS:
            raise ValueError(f'split must be one of {", ".join(IN_FOLDERS)}, got {split!r}')
        places = IN_FOLDERS[split] if split else [p for names in IN_FOLDERS.values() for p in names]
        for place in places:
            samples = list(_in_scenes(root / place))
            if samples:
                break
        super().__init__(root, samples)

    def _depth(self, path: Path) -> Map:
        return read_depth_steps(path)

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        return same_size(CAMERA, size)


def _in_scenes(folder: Path) -> Iterator[DepthFiles]:
    for depth in sorted(folder.glob('*/sync_depth_*.png')):
        number, scene = depth.stem.removeprefix('sync_depth_'), depth.parent
        yield DepthFiles(f'{scene.name}/{number}', image_at(scene, f'rgb_{number}', depth), depth)


def _opened(path: Path) -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ImportError(f'{path} is an HDF5 file, which h5py reads ({error}): {EXTRA}') from error
    try:
        return h5py.File(path, 'r')
    except OSError as error:
        raise OSError(f'{path}: not a whole HDF5 file: {" ".join(str(error).split())}') from error


def _places(path: Path, name: str, count: int) -> list[int]:
    """Indices from 0 on of a split; path: of splits.mat, MATLAB 5."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file; it tells the frames to train and to test on')
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ModuleNotFoundError as error:
        raise ImportError(f'{path} is a MATLAB file, which scipy reads ({error}): {EXTRA}') from error
    try:
        indices = np.asarray(loadmat(path)[name]).ravel().astype(int) - 1
    except (MatReadError, ValueError, TypeError, KeyError, NotImplementedError, zlib.error) as error:
        raise ValueError(f'{path}: {name} cannot be read from it: {error}') from error
    if indices.size == 0 or indices.min() < 0 or indices.max() >= count:
        raise ValueError(f'{path}: {name} must lie in 1..{count}, the frames that there are')
    return sorted(indices.tolist())
