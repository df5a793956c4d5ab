"""Data sets of different layouts, side by side in one folder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from depth_models.data.dataset import DepthDataset, LayoutError, existing_folder, layout_error, open_dataset
from depth_models.data.depth_datasets.layouts import EXPECTED, LAYOUTS, Reader
from depth_models.data.samples import DepthSample


class MixedFolder(DepthDataset):
    """
    All samples of the folders in a folder, each in a layout of its own; names begin with the folder's.

    Folders in no known layout are passed over. At least two layouts, or one of these reads the folder
    as a whole; and all indoors or all outdoors, for they are judged by different rules.
    """

    layout = 'folders in different ones of these layouts, all indoors or all outdoors'

    def __init__(self, folder: Path | str, *, readers: Mapping[str, Reader] = LAYOUTS) -> None:
        self.folder = existing_folder(folder, self.layout)
        self.parts: list[DepthDataset] = []
        for path in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            try:
                self.parts.append(open_dataset(path, 'auto', readers, EXPECTED))
            except LayoutError:
                continue
        if len({type(part) for part in self.parts}) < 2 or len({part.indoors for part in self.parts}) > 1:
            raise layout_error(self.folder, self.layout)
        self.indoors = self.parts[0].indoors
        self.names = [f'{part.folder.name}/{name}' for part in self.parts for name in part.names]
        self._ends = np.cumsum([len(part) for part in self.parts])

    def __getitem__(self, index: int) -> DepthSample:
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')
        part = int(np.searchsorted(self._ends, index, 'right'))
        return self.parts[part][index - int(self._ends[part]) + len(self.parts[part])]
