"""Middlebury stereo data sets of 2001 to 2021, told apart scene by scene."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_models.data import formats
from depth_models.data.dataset import existing_folder, scene_folders
from depth_models.data.image_files import beside, if_there, image_at
from depth_models.data.stereo_datasets.files import FileDataset, PairFiles, read_disparity_pfm
from depth_models.frames import Map


@dataclass(frozen=True)
class Kind:
    """File names (without suffix) of a scene whose disparities are steps in 8-bit images."""

    left: str
    right: str
    disparity: str
    right_disparity: str | None
    steps: dict[int, int]  # steps a px of disparity, by the height of the image [px]


KINDS = (
    Kind('scene1.row3.col3', 'scene1.row3.col4', 'truedisp.row3.col3', None,
         {288: 16}),  # Tsukuba, 2001
    Kind('im2', 'im6', 'disp2', 'disp6',
         {380: 8, 381: 8, 383: 8,  # 2001
          375: 4, 750: 2, 1500: 1}),  # 2003: quarter, half, full size
    Kind('view1', 'view5', 'disp1', 'disp5',
         {370: 3, 555: 2, 1110: 1}),  # 2005 and 2006: third, half, full size
)


class Middlebury(FileDataset):
    """
    Indoor scenes of structured light, of any year and mixed: one scene, or a folder of them.

        tsukuba/   scene1.row3.col3.ppm  scene1.row3.col4.ppm  truedisp.row3.col3.pgm      2001
        venus/     im2.ppm  im6.ppm  disp2.pgm  disp6.pgm                                  2001
        teddy/     im2.png  im6.png  disp2.png  disp6.png     (or .ppm and .pgm)           2003
        Art/       view1.png  view5.png  disp1.png  disp5.png                       2005 and 2006
        Adirondack-perfect/  im0.png  im1.png  disp0.pfm  disp1.pfm  calib.txt             2014
        artroom1/            im0.png  im1.png  disp0.pfm  disp1.pfm  calib.txt             2021
        trainingQ/Teddy/     im0.png  im1.png  disp0GT.pfm  mask0nocc.png  calib.txt       MiddEval3

    Scenes without disparity of the left view (test sets) are passed over. Up to 2006 a grey step is
    1/16 to 1 px, and how much is not in the file. It follows from the height of the image, which is
    the same for every scene of a year and size: 288 px is Tsukuba (16 steps a px); 380 to 383 px
    are 2001 (8); 375, 750 and 1500 px are 2003 at quarter, half and full size (4, 2, 1); 370,
    555 and 1110 px are 2005 and 2006 at third, half and full size (3, 2, 1). Any other height is
    refused, unless `steps_per_px` says what all 8-bit maps of the folder are in.

    `visible` comes from mask0nocc.png, else from the disparities of both views if they are there.
    `camera` is known from 2014 on. dmin.txt (2005, 2006) is not needed: it moves depth, not disparity.

    From https://vision.middlebury.edu/stereo/data/, free to use and publish with citation of the
    paper of the year, given there.
    """

    layout = ('the layout of Middlebury, folders with im0.png, im1.png and disp0.pfm or disp0GT.pfm '
              '(2014 on), view1, view5 and disp1 (2005, 2006), im2, im6 and disp2 (2001, 2003), or '
              'scene1.row3.col3, scene1.row3.col4 and truedisp.row3.col3 (Tsukuba)')

    def __init__(self, folder: Path | str, *, steps_per_px: float | None = None) -> None:
        if steps_per_px is not None and not steps_per_px > 0:
            raise ValueError(f'steps_per_px must be over 0, got {steps_per_px:g}')
        self.steps_per_px = steps_per_px
        super().__init__(root := existing_folder(folder, self.layout), _pairs(root))

    def _disparity(self, path: Path) -> Map:
        if path.suffix == '.pfm':
            return read_disparity_pfm(path)
        steps = formats.read_middlebury_disparity(path, scale=1)
        return steps / np.float32(self.steps_per_px or _steps_per_px(path, steps.shape))


def _pairs(root: Path) -> Iterator[PairFiles]:
    for scene in scene_folders(root):
        if (files := _float_scene(scene) or _grey_scene(scene)) is not None:
            yield files


def _float_scene(scene: Path) -> PairFiles | None:
    """2014, 2021 and MiddEval3: disparities as PFM."""
    for suffix in ('GT.pfm', '.pfm'):
        disparity = scene / f'disp0{suffix}'
        if disparity.is_file():
            return PairFiles(
                scene.name, image_at(scene, 'im0', disparity), image_at(scene, 'im1', disparity),
                disparity, if_there(scene / f'disp1{suffix}'), if_there(scene / 'mask0nocc.png'),
                if_there(scene / 'calib.txt'))
    return None


def _grey_scene(scene: Path) -> PairFiles | None:
    """2001 to 2006: disparities as 8-bit images."""
    for kind in KINDS:
        disparity = beside(scene, kind.disparity)
        # a disp1 alone is of the right view in sets that number their views from 0
        if disparity is not None and (left := beside(scene, kind.left)) is not None:
            of_right = kind.right_disparity and beside(scene, kind.right_disparity)
            return PairFiles(scene.name, left, image_at(scene, kind.right, disparity), disparity,
                             of_right or None)
    return None


def _steps_per_px(path: Path, shape: tuple[int, ...]) -> int:
    kind = next(kind for kind in KINDS if path.stem in (kind.disparity, kind.right_disparity))
    if shape[0] not in kind.steps:
        raise ValueError(
            f'{path}: no Middlebury set with {kind.left} and {kind.disparity} is {shape[1]}x{shape[0]} '
            f'px (their heights are {", ".join(map(str, sorted(kind.steps)))}), so its steps a px are '
            'not known: pass steps_per_px')
    return kind.steps[shape[0]]
