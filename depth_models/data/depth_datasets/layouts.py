"""The readers by the names of their layouts."""

from depth_models.data.depth_datasets.kitti_raw import KittiRaw
from depth_models.data.depth_datasets.nyu import NyuFolders, NyuLabelled
from depth_models.data.depth_datasets.rgbd_folder import RgbdFolder
from depth_models.data.depth_datasets.seven_scenes import SevenScenes
from depth_models.data.depth_datasets.tum import TumRgbd

LAYOUTS: dict[str, type[NyuLabelled] | type[NyuFolders] | type[KittiRaw] | type[TumRgbd]
              | type[SevenScenes] | type[RgbdFolder]] = {
    'nyu_labelled': NyuLabelled,
    'nyu_folders': NyuFolders,
    'kitti_raw': KittiRaw,
    'tum': TumRgbd,
    'seven_scenes': SevenScenes,
    'rgbd': RgbdFolder,
}
EXPECTED = {name: reader.layout for name, reader in LAYOUTS.items()}
