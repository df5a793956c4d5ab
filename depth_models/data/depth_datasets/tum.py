"""TUM RGB-D: sequences of a Kinect with motion capture."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_models.data.dataset import existing_folder, scene_folders
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles, same_size
from depth_models.data.formats import read_depth_steps
from depth_models.frames import Camera, Map

# what the benchmark recommends for all sequences, as depth is registered with it
CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
STEPS_PER_M = 5000
TOGETHER = 20_000_000  # ns between the stamps of an image and its depth, at most


class TumRgbd(DepthFileDataset):
    """
    One sequence, or a folder of them.

        rgb.txt      lines "STAMP rgb/STAMP.png", # for comments
        depth.txt    lines "STAMP depth/STAMP.png"
        rgb/         8-bit PNG
        depth/       uint16 of 1/5000 m, 0 unknown

    Each image goes with at most one depth, taken within 20 ms of it; the closest ones are paired first,
    as associate.py of the benchmark does. The camera is the one that the benchmark recommends.

    From https://cvg.cit.tum.de/data/datasets/rgbd-dataset, CC BY 4.0, with citation of Sturm et al.,
    IROS 2012.
    """

    layout = 'a sequence of TUM RGB-D, rgb.txt and depth.txt with the files that they list, or several'

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, _pairs(root))

    def _depth(self, path: Path) -> Map:
        return read_depth_steps(path, STEPS_PER_M)

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        return same_size(CAMERA, size)


def _pairs(root: Path) -> Iterator[DepthFiles]:
    for sequence in scene_folders(root):
        lists = [sequence / 'rgb.txt', sequence / 'depth.txt']
        if all(path.is_file() for path in lists):
            (stamps, images), (depth_stamps, depths) = map(_read_list, lists)
            for image, depth in associated(stamps, depth_stamps):
                name = images[image].stem
                yield DepthFiles(name if sequence == root else f'{sequence.name}/{name}', images[image],
                                 depths[depth])


def associated(first: NDArray[np.int64], second: NDArray[np.int64], most: int = TOGETHER
               ) -> list[tuple[int, int]]:
    """Places in both lists of stamps [ns] that belong together, the closest first; each place once."""
    order = np.argsort(second, kind='stable')
    begins = np.searchsorted(second[order], first - most, 'left')
    ends = np.searchsorted(second[order], first + most, 'right')
    near = [(abs(int(first[one] - second[two])), one, int(two))
            for one, (begin, end) in enumerate(zip(begins, ends)) for two in order[begin:end]]
    used: tuple[set[int], set[int]] = set(), set()
    pairs = []
    for _, one, two in sorted(near):
        if one not in used[0] and two not in used[1]:
            used[0].add(one)
            used[1].add(two)
            pairs.append((one, two))
    return pairs


def _read_list(path: Path) -> tuple[NDArray[np.int64], list[Path]]:
    """Stamps [ns] and files."""
    stamps, files = [], []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split(maxsplit=1)
        if not words or line.startswith('#'):
            continue
        try:
            # a float would lose some 100 ns
            stamps.append(int(Decimal(words[0]) * 10 ** 9))
            files.append(path.parent / words[1].strip())
        except (InvalidOperation, IndexError, ValueError, OverflowError):
            raise ValueError(f'{path}: line {number} is not "STAMP FILE": {line}') from None
    return np.array(stamps, np.int64), files
