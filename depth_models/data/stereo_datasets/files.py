"""Pairs that lie in files: what the readers of the public data sets share."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data import formats
from depth_models.data.dataset import StereoDataset, layout_error
from depth_models.data.image_files import check_size, decode, read_rgb
from depth_models.data.samples import StereoSample
from depth_models.frames import Map, StereoCamera

CONSISTENT = 1.0  # px between the two disparities of a point that both cameras see
VISIBLE = 255  # in mask0nocc.png; 128 is occluded, 0 unknown

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PairFiles:
    """Where one pair lies."""

    name: str
    left: Path
    right: Path
    disparity: Path
    right_disparity: Path | None = None
    visible: Path | None = None  # a mask, or a disparity that is known where both cameras see
    calibration: Path | None = None


class FileDataset(StereoDataset):
    """Pairs of one layout; a reader finds the files and says how ground truth is read."""

    def __init__(self, folder: Path, pairs: Iterable[PairFiles]) -> None:
        self.folder = folder
        self.files = sorted(pairs, key=lambda files: files.name)
        self.names = [files.name for files in self.files]
        if not self.files:
            raise layout_error(folder, self.layout)

    def __getitem__(self, index: int) -> StereoSample:
        files = self.files[index]
        left, right = read_rgb(files.left), read_rgb(files.right)
        size = (left.shape[0], left.shape[1])
        check_size(files.right, right, left)
        disparity = self._disparity(files.disparity)
        check_size(files.disparity, disparity, left)
        visible, camera = self._visible(files, disparity), None
        if files.calibration is not None:
            camera = self._camera(files.calibration, size)
            if (camera.left.height, camera.left.width) != size:
                raise ValueError(f'{files.calibration}: {camera.left.width}x{camera.left.height} px, '
                                 f'but the left image is {size[1]}x{size[0]} px')
        return StereoSample(left, right, disparity, visible, camera)

    def _visible(self, files: PairFiles, disparity: Map) -> Mask | None:
        """What the right camera sees too, as a mask says, else the disparity of its view."""
        if files.visible is not None:
            mask = decode(files.visible, cv2.IMREAD_GRAYSCALE)
            check_size(files.visible, mask, disparity)
            return mask == VISIBLE
        if files.right_disparity is not None:
            of_right = self._disparity(files.right_disparity)
            check_size(files.right_disparity, of_right, disparity)
            return consistent(disparity, of_right)
        return None

    def _disparity(self, path: Path) -> Map:
        """[H,W] px, NaN where unknown."""
        return read_disparity_pfm(path)

    def _camera(self, path: Path, size: tuple[int, int]) -> StereoCamera:
        """size: (height, width) of the images, for files that do not tell it."""
        return formats.read_middlebury_calibration(path).camera


def read_disparity_pfm(path: Path) -> Map:
    """A grey PFM as disparity [px]."""
    values = formats.read_pfm(path)
    if values.ndim != 2:
        raise ValueError(f'{path}: a grey PFM is needed, this one is in colour')
    return values


def consistent(disparity: Map, of_right: Map) -> Mask:
    """
    Where the right view's disparity at the matched column is the same within 1 px.

    A pixel whose match lies outside the right image or is unknown there is not. This is how
    Middlebury made mask0nocc.png: on Motorcycle (2014) the two agree in every pixel.
    """
    with np.errstate(invalid='ignore'):
        return np.abs(at_match(disparity, of_right) - disparity) <= CONSISTENT


def at_match(disparity: Map, of_right: Map) -> Map:
    """[H,W] px: the right view's disparity at the matched column; NaN where it is outside, or one unknown."""
    known = np.isfinite(disparity)
    columns = np.arange(disparity.shape[1]) - np.where(known, disparity, 0)
    matches = np.rint(columns).astype(np.intp)
    inside = known & (matches >= 0) & (matches < disparity.shape[1])
    found = np.take_along_axis(of_right, np.clip(matches, 0, disparity.shape[1] - 1), axis=1)
    return np.where(inside, found, np.float32(np.nan))
