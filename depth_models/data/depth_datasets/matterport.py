"""Matterport3D: panoramas of houses, in views with depth."""

import re
from collections.abc import Iterator
from pathlib import Path

from depth_models.data.dataset import existing_folder
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles
from depth_models.data.formats import read_depth_steps
from depth_models.data.image_files import image_at
from depth_models.frames import Map

STEPS_PER_M = 4000
SETS = ('undistorted', 'matterport')  # the first that a house has is read
NAME = re.compile(r'(.+)_d(\d)_(\d)')  # panorama, camera, yaw


class Matterport(DepthFileDataset):
    """
    A house, or a folder of them.

        HOUSE/undistorted_color_images/UUID_iC_Y.jpg    C: camera, Y: yaw
        HOUSE/undistorted_depth_images/UUID_dC_Y.png    uint16 of 1/4000 m along the axis, 0 unknown

    or, where a house has those only, the files as they were recorded

        HOUSE/matterport_color_images/UUID_iC_Y.jpg
        HOUSE/matterport_depth_images/UUID_dC_Y.png

    The archives hold HOUSE/ again, so it may be there twice, one in the other. Cameras are not read.

    From https://niessner.github.io/Matterport/ under its terms of use, with citation of Chang et al.,
    "Matterport3D: Learning from RGB-D Data in Indoor Environments", 3DV 2017.
    """

    layout = ('Matterport3D, undistorted_color_images/UUID_iC_Y.jpg with undistorted_depth_images/'
              'UUID_dC_Y.png, or matterport_color_images with matterport_depth_images, in this folder or '
              'HOUSE/')

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, _frames(root))

    def _depth(self, path: Path) -> Map:
        return read_depth_steps(path, STEPS_PER_M)


def _frames(root: Path) -> Iterator[DepthFiles]:
    read: set[Path] = set()  # houses
    for kind in SETS:
        found: set[Path] = set()
        for above in ('', '*/', '*/*/'):
            for folder in root.glob(f'{above}{kind}_depth_images'):
                if folder.parent in read:
                    continue
                found.add(folder.parent)
                yield from _of_house(root, folder, kind)
        read |= found


def _of_house(root: Path, depths: Path, kind: str) -> Iterator[DepthFiles]:
    images = depths.with_name(f'{kind}_color_images')
    house = depths.parent.relative_to(root).as_posix()
    for depth in sorted(depths.glob('*.png')):
        if match := NAME.fullmatch(depth.stem):
            stem = f'{match[1]}_i{match[2]}_{match[3]}'
            yield DepthFiles(stem if house == '.' else f'{house}/{stem}', image_at(images, stem, depth),
                             depth)
