"""
Readers of stereo data sets, all with one face: `len(pairs)`, `pairs.names`, `pairs[i]`.

>>> pairs = open_stereo_dataset('data/kitti2015')
>>> sample = pairs[0]  # a StereoSample: left, right, disparity, visible, camera
"""

from pathlib import Path

from depth_models.data.dataset import LayoutError, StereoDataset, open_dataset
from depth_models.data.shards import ShardedStereo
from depth_models.data.stereo_datasets.eth3d import Eth3d
from depth_models.data.stereo_datasets.kitti import Kitti2012, Kitti2015
from depth_models.data.stereo_datasets.middlebury import Middlebury
from depth_models.data.stereo_datasets.pairs_folder import PairsFolder
from depth_models.data.stereo_datasets.scene_flow import SceneFlow

__all__ = ['LAYOUTS', 'Eth3d', 'Kitti2012', 'Kitti2015', 'LayoutError', 'Middlebury', 'PairsFolder',
           'SceneFlow', 'ShardedStereo', 'StereoDataset', 'open_stereo_dataset']

LAYOUTS: dict[str, type[SceneFlow] | type[Kitti2012] | type[Kitti2015] | type[Eth3d]
              | type[Middlebury] | type[PairsFolder] | type[ShardedStereo]] = {
    'shards': ShardedStereo,
    'scene_flow': SceneFlow,
    'kitti2012': Kitti2012,
    'kitti2015': Kitti2015,
    'pairs': PairsFolder,
    'middlebury': Middlebury,
    'eth3d': Eth3d,
}


def open_stereo_dataset(folder: Path | str, layout: str = 'auto') -> StereoDataset:
    """
    The reader of a folder by the name of its layout, or by what lies in it.

    See `depth_models.data.dataset.open_dataset`, also for its errors.
    """
    return open_dataset(folder, layout, LAYOUTS,
                        {name: reader.layout for name, reader in LAYOUTS.items()})
