"""What depth super-resolution is judged on: depth in m, or disparity in px, as its papers have it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from depth_models.data.dataset import DepthDataset, LayoutError, StereoDataset, existing_folder
from depth_models.data.depth_datasets import DEPTH_LAYOUTS, open_depth_dataset
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles
from depth_models.data.image_files import decode, image_at, read_rgb
from depth_models.data.samples import DepthSample
from depth_models.data.stereo_datasets import LAYOUTS as STEREO_LAYOUTS
from depth_models.data.stereo_datasets import open_stereo_dataset
from depth_models.frames import Image, Map
from depth_models.sparse_maps import is_measured

METRES, PIXELS = 'm', 'px'
MOST_BORDER = 0.05  # of a side: by so much an image may be larger than its map
RGB_DISPARITY = 'rgb_disparity'
LAYOUTS = (*DEPTH_LAYOUTS, *STEREO_LAYOUTS, RGB_DISPARITY)


class DisparityMaps(DepthDataset):
    """Left images with the disparity [px] of a stereo data set in the place of depth."""

    layout = 'a stereo data set'

    def __init__(self, pairs: StereoDataset) -> None:
        self.folder, self.names, self._pairs = pairs.folder, pairs.names, pairs

    def __getitem__(self, index: int) -> DepthSample:
        sample = self._pairs[index]
        known = is_measured(sample.disparity)
        return DepthSample(sample.left, np.where(known, sample.disparity, np.float32(np.nan)))


class RgbDisparity(DepthFileDataset):
    """
    Middlebury's images and their maps of disparity without holes, as MSG-Net's authors give them.

        RGB/art.png      8 bits
        Depth/art.png    8 bits, px of disparity, 0 unknown

    Where the map is smaller the image has been left as it was, and is cut to the map about its middle.
    """

    layout = 'RGB/NAME.png and Depth/NAME.png of 8 bits'

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, _of_8_bits(root))

    def __getitem__(self, index: int) -> DepthSample:
        files = self.files[index]
        disparity = self._depth(files.depth)
        return DepthSample(_middle(files, read_rgb(files.image), disparity), disparity)

    def _depth(self, path: Path) -> Map:
        steps = decode(path, cv2.IMREAD_GRAYSCALE)
        return np.where(steps > 0, steps.astype(np.float32), np.float32(np.nan))


def opened(folder: Path, layout: str = 'auto') -> tuple[DepthDataset, str]:
    """
    A folder in a layout of depth, of stereo or that of `RgbDisparity`, and the unit of its maps.

    Raises LayoutError, ValueError or OSError in one sentence.
    """
    if layout == RGB_DISPARITY:
        return RgbDisparity(folder), PIXELS
    if layout in STEREO_LAYOUTS:
        return DisparityMaps(open_stereo_dataset(folder, layout)), PIXELS
    if layout in DEPTH_LAYOUTS:
        return open_depth_dataset(folder, layout), METRES
    if layout != 'auto':
        raise ValueError(f'layout must be auto or one of {", ".join(LAYOUTS)}, got {layout!r}')
    with suppress(LayoutError):  # before the others: SYNTHIA's files lie as these do
        return RgbDisparity(folder), PIXELS
    with suppress(LayoutError):
        return open_depth_dataset(folder), METRES
    return DisparityMaps(open_stereo_dataset(folder)), PIXELS


def _of_8_bits(root: Path) -> Iterator[DepthFiles]:
    for path in sorted((root / 'Depth').glob('*.png')):
        if (root / 'RGB').is_dir() and decode(path).dtype == np.uint8:
            yield DepthFiles(path.stem, image_at(root / 'RGB', path.stem, path), path)


def _middle(files: DepthFiles, image: Image, disparity: Map) -> Image:
    height, width = disparity.shape
    more = image.shape[0] - height, image.shape[1] - width
    if any(not 0 <= extra <= MOST_BORDER * side for extra, side in zip(more, disparity.shape)):
        raise ValueError(f'{files.depth}: {width}x{height} px, but the image is '
                         f'{image.shape[1]}x{image.shape[0]} px, it may be larger by {MOST_BORDER:.0%}')
    top, left = (extra // 2 for extra in more)
    return np.ascontiguousarray(image[top:top + height, left:left + width])
