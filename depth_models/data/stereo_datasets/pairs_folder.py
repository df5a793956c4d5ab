"""Pairs of one's own, in a plain folder."""

from collections.abc import Iterator
from pathlib import Path

from depth_models.data import formats
from depth_models.data.dataset import existing_folder, scene_folders
from depth_models.data.image_files import if_there, image_at
from depth_models.data.stereo_datasets.files import FileDataset, PairFiles, read_disparity_pfm
from depth_models.frames import Map


class PairsFolder(FileDataset):
    """
    Rectified pairs of any camera, a folder each or side by side.

        NAME/im0.png              left, 8 bits; .jpg, .webp, .ppm, .pgm and .bmp too
        NAME/im1.png              right
        NAME/disp0.pfm            disparity of the left view [px], inf unknown;
                                  or disp0.png, uint16 of 1/256 px, 0 unknown
        NAME/disp1.pfm            optional: of the right view, to tell what is occluded
        NAME/mask0nocc.png        optional: 255 where the right camera sees it too
        NAME/calib.txt            optional: the camera, as Middlebury 2014 writes it

        left/NAME.png             or all pairs in three folders
        right/NAME.png
        disparity/NAME.pfm        or .png, as above
        calib.txt                 optional: one camera for all of them
    """

    layout = ('a plain folder of pairs, NAME/im0.png, im1.png and disp0.pfm (or a 16-bit disp0.png), or '
              'left/NAME.png, right/NAME.png and disparity/NAME.pfm (or .png)')

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, [*_scenes(root), *_side_by_side(root)])

    def _disparity(self, path: Path) -> Map:
        read = read_disparity_pfm if path.suffix == '.pfm' else formats.read_kitti_disparity
        return read(path)


def _scenes(root: Path) -> Iterator[PairFiles]:
    for scene in scene_folders(root):
        disparity = _map(scene, 'disp0')
        if disparity is not None:
            yield PairFiles(
                scene.name, image_at(scene, 'im0', disparity), image_at(scene, 'im1', disparity),
                disparity, _map(scene, 'disp1'), if_there(scene / 'mask0nocc.png'),
                if_there(scene / 'calib.txt'))


def _side_by_side(root: Path) -> Iterator[PairFiles]:
    folder = root / 'disparity'
    for name in sorted({path.stem for path in folder.glob('*') if path.suffix in ('.pfm', '.png')}):
        disparity = _map(folder, name)
        assert disparity is not None  # the names are theirs
        yield PairFiles(
            name, image_at(root / 'left', name, disparity), image_at(root / 'right', name, disparity),
            disparity, calibration=if_there(root / 'calib.txt'))


def _map(folder: Path, stem: str) -> Path | None:
    return if_there(folder / f'{stem}.pfm') or if_there(folder / f'{stem}.png')
