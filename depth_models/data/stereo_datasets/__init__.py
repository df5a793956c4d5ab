"""
Readers of stereo data sets, all with one face: `len(pairs)`, `pairs.names`, `pairs[i]`.

>>> pairs = open_stereo_dataset('data/kitti2015')
>>> sample = pairs[0]  # a StereoSample: left, right, disparity, visible, camera
"""

from pathlib import Path

from depth_models.data.dataset import LayoutError, StereoDataset, existing_folder, listing
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

    'auto' takes the layout that finds the most pairs, the first in LAYOUTS if several do: what two
    of them find in the same files, they read alike. Raises ValueError for a layout that is not known
    or does not fit, and OSError where the folder or a file of a pair is missing.
    """
    if layout != 'auto':
        if layout not in LAYOUTS:
            raise ValueError(f'layout must be auto or one of {", ".join(LAYOUTS)}, got {layout!r}')
        return LAYOUTS[layout](folder)
    root = existing_folder(folder, f'a data set in one of the layouts {", ".join(LAYOUTS)}')
    found: list[StereoDataset] = []
    broken: list[Exception] = []
    for reader in LAYOUTS.values():
        try:
            found.append(reader(root))
        except LayoutError:
            continue
        except (OSError, ValueError) as error:  # its layout, but not whole
            broken.append(error)
    if found:
        return max(found, key=len)
    if broken:
        raise broken[0]
    raise ValueError(f'{root}: in none of the known layouts, found {listing(root)}; expected '
                     + '; or '.join(f'{name}: {reader.layout}' for name, reader in LAYOUTS.items()))
