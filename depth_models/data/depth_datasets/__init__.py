"""
Readers of images with depth, all with one face: `len(samples)`, `samples.names`, `samples[i]`.

>>> samples = open_depth_dataset('data/nyu')
>>> sample = samples[0]  # a DepthSample: image, depth, camera
"""

from pathlib import Path

from depth_models.data.dataset import DepthDataset, LayoutError, open_dataset
from depth_models.data.depth_datasets.generated import GeneratedViews
from depth_models.data.depth_datasets.kitti_raw import KittiRaw
from depth_models.data.depth_datasets.layouts import EXPECTED, LAYOUTS
from depth_models.data.depth_datasets.mixed import MixedFolder
from depth_models.data.depth_datasets.nyu import NyuFolders, NyuLabelled
from depth_models.data.depth_datasets.rgbd_folder import RgbdFolder
from depth_models.data.depth_datasets.seven_scenes import SevenScenes
from depth_models.data.depth_datasets.tum import TumRgbd

__all__ = ['DEPTH_LAYOUTS', 'DepthDataset', 'GeneratedViews', 'KittiRaw', 'LayoutError', 'MixedFolder',
           'NyuFolders', 'NyuLabelled', 'RgbdFolder', 'SevenScenes', 'TumRgbd', 'open_depth_dataset']

DEPTH_LAYOUTS = {**LAYOUTS, 'mixed': MixedFolder}


def open_depth_dataset(folder: Path | str, layout: str = 'auto') -> DepthDataset:
    """
    The reader of a folder by the name of its layout, or by what lies in it.

    See `depth_models.data.dataset.open_dataset`, also for its errors; ImportError where a reader needs
    a package that is not there.
    """
    return open_dataset(folder, layout, DEPTH_LAYOUTS, {**EXPECTED, 'mixed': MixedFolder.layout})
