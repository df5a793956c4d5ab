"""
Readers of images with depth, all with one face: `len(samples)`, `samples.names`, `samples[i]`.

>>> samples = open_depth_dataset('data/nyu')
>>> sample = samples[0]  # a DepthSample: image, depth, camera
"""

from functools import partial
from pathlib import Path

from depth_models.data.dataset import DepthDataset, LayoutError, open_dataset
from depth_models.data.depth_datasets.generated import GeneratedViews
from depth_models.data.depth_datasets.kitti_completion import KittiCompletion
from depth_models.data.depth_datasets.kitti_object import KittiObject
from depth_models.data.depth_datasets.kitti_raw import KittiRaw
from depth_models.data.depth_datasets.layouts import EXPECTED, LAYOUTS, Reader, readers_for
from depth_models.data.depth_datasets.matterport import Matterport
from depth_models.data.depth_datasets.mixed import MixedFolder
from depth_models.data.depth_datasets.nyu import NyuFolders, NyuLabelled
from depth_models.data.depth_datasets.rgbd_folder import RgbdFolder
from depth_models.data.depth_datasets.seven_scenes import SevenScenes
from depth_models.data.depth_datasets.synthia import Synthia
from depth_models.data.depth_datasets.tum import TumRgbd

__all__ = ['DEPTH_LAYOUTS', 'DepthDataset', 'GeneratedViews', 'KittiCompletion', 'KittiObject',
           'KittiRaw', 'LayoutError',
           'Matterport', 'MixedFolder', 'NyuFolders', 'NyuLabelled', 'RgbdFolder', 'SevenScenes', 'Synthia',
           'TumRgbd', 'open_depth_dataset']

DEPTH_LAYOUTS = {**LAYOUTS, 'mixed': MixedFolder}


def open_depth_dataset(folder: Path | str, layout: str = 'auto', *, use: str = '', measured: bool = False
                       ) -> DepthDataset:
    """
    The reader of a folder by the name of its layout, or by what lies in it.

    use: 'training' or 'validation' takes the split that is for it, where a data set has some; else each
    reader chooses, NYU's the test split. measured: where a LiDAR's measurements lie beside the truth, take
    the frames that have both, though `auto` would take more without. See
    `depth_models.data.dataset.open_dataset`, also for its errors; ImportError where a reader needs a package
    that is not there.
    """
    readers = readers_for(use)
    if measured and layout != 'kitti_raw':
        readers['kitti_raw'] = partial(
            _with_measurements, completion=readers['kitti_completion'], without=readers['kitti_raw'])
    every: dict[str, Reader] = {**readers, 'mixed': partial(MixedFolder, readers=readers)}
    return open_dataset(folder, layout, every, {**EXPECTED, 'mixed': MixedFolder.layout})


def _with_measurements(folder: Path | str, *, completion: Reader, without: Reader) -> DepthDataset:
    try:
        return completion(folder)
    except LayoutError:
        return without(folder)
