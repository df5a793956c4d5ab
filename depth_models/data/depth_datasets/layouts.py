"""The readers by the names of their layouts."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from depth_models.data.dataset import DepthDataset
from depth_models.data.depth_datasets.kitti_completion import KittiCompletion
from depth_models.data.depth_datasets.kitti_object import KittiObject
from depth_models.data.depth_datasets.kitti_raw import KittiRaw
from depth_models.data.depth_datasets.matterport import Matterport
from depth_models.data.depth_datasets.nyu import NyuFolders, NyuLabelled
from depth_models.data.depth_datasets.rgbd_folder import RgbdFolder
from depth_models.data.depth_datasets.seven_scenes import SevenScenes
from depth_models.data.depth_datasets.synthia import Synthia
from depth_models.data.depth_datasets.tum import TumRgbd

Reader = Callable[[Path | str], DepthDataset]

LAYOUTS: dict[str, type[NyuLabelled] | type[NyuFolders] | type[KittiRaw] | type[KittiCompletion]
              | type[KittiObject] | type[TumRgbd] | type[SevenScenes] | type[Synthia] | type[Matterport]
              | type[RgbdFolder]] = {
    'nyu_labelled': NyuLabelled,
    'nyu_folders': NyuFolders,
    'kitti_raw': KittiRaw,
    'kitti_completion': KittiCompletion,  # finds what kitti_raw finds or less, so auto takes that
    'kitti_object': KittiObject,
    'tum': TumRgbd,
    'seven_scenes': SevenScenes,
    'synthia': Synthia,
    'matterport': Matterport,
    'rgbd': RgbdFolder,
}
EXPECTED = {name: reader.layout for name, reader in LAYOUTS.items()}


def readers_for(use: str) -> dict[str, Reader]:
    """The readers, each with the split of its data set that is for a use: 'training' or 'validation'."""
    readers: dict[str, Reader] = {**LAYOUTS}
    for name, reader in LAYOUTS.items():
        if use in reader.splits:
            readers[name] = partial(cast(Callable[..., DepthDataset], reader), split=reader.splits[use])
    return readers
