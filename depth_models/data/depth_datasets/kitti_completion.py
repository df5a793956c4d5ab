"""KITTI depth completion: what a LiDAR measured in one turn, and what eleven turns agree on."""

from pathlib import Path
from typing import ClassVar

from depth_models.data.dataset import DepthDataset, LayoutError, existing_folder, layout_error
from depth_models.data.depth_datasets.kitti_raw import KittiRaw
from depth_models.data.samples import DepthSample


class KittiCompletion(DepthDataset):
    """
    As KittiRaw, with what the LiDAR measured beside the truth: `sample.sparse`.

        train/DRIVE/proj_depth/groundtruth/image_02/NNNNNNNNNN.png     the truth, and
        train/DRIVE/proj_depth/velodyne_raw/image_02/NNNNNNNNNN.png    what was measured: uint16 of
                                                  1/256 m, 0 none; val/ too; also in
                                                  data_depth_annotated/ and data_depth_velodyne/
        DATE/DRIVE/image_02/data/NNNNNNNNNN.png   the raw images: all places that KittiRaw looks at

    or the selection of 1000 frames for validation

        val_selection_cropped/image/, groundtruth_depth/, velodyne_raw/, intrinsics/

    or a single frame, raw/sync_rect/ with depth_completion/groundtruth_image_02.png and
    depth_completion/velodyne_raw_image_02.png. Frames of which one of the two is missing are passed over.

    From https://www.cvlibs.net/datasets/kitti/eval_depth.php?benchmark=depth_completion, CC BY-NC-SA 3.0,
    with citation of Uhrig et al., "Sparsity Invariant CNNs", 3DV 2017.
    """

    layout = ('KITTI depth completion, proj_depth/groundtruth and proj_depth/velodyne_raw of the same drives '
              'with the raw images, or val_selection_cropped/')
    indoors = False
    splits: ClassVar = KittiRaw.splits

    def __init__(self, folder: Path | str, *, split: str | None = None) -> None:
        self.folder = existing_folder(folder, self.layout)
        try:
            self._truth = KittiRaw(folder, split=split)
            self._measured = KittiRaw(folder, split=split, kind='velodyne_raw')
        except LayoutError:  # it tells of one of the two
            raise layout_error(self.folder, self.layout) from None
        places = {name: index for index, name in enumerate(self._measured.names)}
        self._places = [(index, places[name]) for index, name in enumerate(self._truth.names)
                        if name in places]
        self.names = [self._truth.names[index] for index, _ in self._places]
        if not self.names:
            raise layout_error(self.folder, self.layout)

    def __getitem__(self, index: int) -> DepthSample:
        truth, measured = self._places[index]
        sample = self._truth[truth]
        return DepthSample(sample.image, sample.depth, sample.camera,
                           self._measured.depth_of(measured, sample.depth.shape))
