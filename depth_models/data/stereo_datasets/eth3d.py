"""ETH3D low-resolution two-view stereo."""

from collections.abc import Iterator
from pathlib import Path

from depth_models.data.dataset import existing_folder, scene_folders
from depth_models.data.image_files import if_there, image_at
from depth_models.data.stereo_datasets.files import FileDataset, PairFiles

TRUTH = 'disp0GT.pfm'


class Eth3d(FileDataset):
    """
    27 grey pairs, in and out of doors, with disparity from a laser scanner.

        two_view_training/delivery_area_1l/       im0.png  im1.png  calib.txt
        two_view_training_gt/delivery_area_1l/    disp0GT.pfm  mask0nocc.png

    The folder is the one above these two (they may be called training and training_gt), the first of
    the two, or one into which both archives were unpacked. Scenes without ground truth (the test set)
    are passed over. `camera` comes from calib.txt.

    From https://www.eth3d.net/datasets#low-res-two-view, CC BY-NC-SA 4.0, with citation of Schöps et
    al., CVPR 2017.
    """

    layout = ('the layout of ETH3D two-view, two_view_training/SCENE/im0.png, im1.png and calib.txt, '
              'and two_view_training_gt/SCENE/disp0GT.pfm and mask0nocc.png, or all in one SCENE folder')

    def __init__(self, folder: Path | str) -> None:
        super().__init__(root := existing_folder(folder, self.layout), _pairs(root))


def _pairs(root: Path) -> Iterator[PairFiles]:
    images, truths = _folders(root)
    for truth in scene_folders(truths):
        disparity = truth / TRUTH
        if disparity.is_file():
            scene = images / truth.relative_to(truths)
            yield PairFiles(
                truth.name, image_at(scene, 'im0', disparity), image_at(scene, 'im1', disparity),
                disparity, visible=if_there(truth / 'mask0nocc.png'),
                calibration=if_there(scene / 'calib.txt'))


def _folders(root: Path) -> tuple[Path, Path]:
    """Where the images and where the ground truth are."""
    for images in (root / 'two_view_training', root / 'training', root):
        truths = images.with_name(images.name + '_gt')
        if images.is_dir() and truths.is_dir():
            return images, truths
    return root, root
