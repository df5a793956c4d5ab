"""Ground truth in files that are named by their stamps."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np

from depth_models.data.dataset import existing_folder, listing
from depth_models.data.formats import read_depth_steps, read_kitti_depth, read_kitti_disparity, read_pfm
from depth_models.frames import Map
from depth_nodes.replay.stamps import SECOND
from depth_nodes.replay.truth_by_stamp import ByStamp
from depth_nodes.replay.truth_maps import Fit, of_depth, of_disparity

SLOP = 0.001  # s: names with six decimals are cut
SUFFIXES = ('.png', '.pfm', '.npy')
# what a file holds: PNG; PFM and NPY
KINDS = {'depth': 'depth: PNG in mm, PFM and NPY in m',
         'kitti_depth': 'depth: PNG in 1/256 m, PFM and NPY in m',
         'disparity': 'disparity: PNG in 1/256 px, PFM and NPY in px'}
PNG = {'depth': read_depth_steps, 'kitti_depth': read_kitti_depth, 'disparity': read_kitti_disparity}


class FolderTruth(ByStamp):
    """
    STAMP.png, STAMP.pfm or STAMP.npy in a folder, all of one kind of KINDS.

    STAMP is of a frame's header: nanoseconds (1700000000123456789) or seconds with a point
    (1700000000.123456, as TUM has it). 0, in PNG, and what is not finite are unknown.
    """

    def __init__(self, folder: Path | str, kind: str = 'auto', slop: float = SLOP) -> None:
        """
        kind: 'auto' takes it from the names of the folder and those above: disparity where one has
        'disp' in it, depth where one has 'depth'; else depth, where all files are PNG.

        Raises ValueError or OSError in a sentence where nothing of it can be used.
        """
        root = existing_folder(folder, f'ground truth in files STAMP with one of {", ".join(SUFFIXES)}')
        files = dict(_stamped(root))
        if not files:
            raise ValueError(f'{root}: expected ground truth in files named by stamps, nanoseconds or '
                             f'seconds with a point, and one of {", ".join(SUFFIXES)}; found {listing(root)}')
        self.kind = _kind(root, kind, files.values())
        super().__init__(f'{root} ({KINDS[self.kind]})', slop)
        self._files, self._stamps = files, sorted(files)

    def _nearest(self, stamp_ns: int) -> int | None:
        place = bisect_left(self._stamps, stamp_ns)
        return min(self._stamps[max(place - 1, 0):place + 1], key=lambda stamp: abs(stamp - stamp_ns))

    def _read(self, stamp: int) -> Fit:
        path = self._files[stamp]
        values = PNG[self.kind](path) if path.suffix == '.png' else _floats(path)
        return (of_disparity if self.kind == 'disparity' else of_depth)(values, str(path))


def _stamped(root: Path) -> Iterator[tuple[int, Path]]:
    for path in sorted(root.iterdir()):
        if path.suffix in SUFFIXES and (match := re.fullmatch(r'(\d+)(\.\d+)?', path.stem)):
            # a float would lose some 100 ns
            yield (int(Decimal(path.stem) * SECOND) if match[2] else int(path.stem)), path


def _kind(root: Path, kind: str, files: Iterable[Path]) -> str:
    if kind != 'auto':
        if kind not in KINDS:
            raise ValueError(f'the kind of ground truth must be auto or one of {", ".join(KINDS)}, '
                             f'got {kind!r}')
        return kind
    for name in reversed(root.resolve().parts):
        for part, found in (('disp', 'disparity'), ('depth', 'depth')):
            if part in name.lower():
                return found
    if any(path.suffix != '.png' for path in files):
        raise ValueError(f'{root}: neither the folder nor its files say whether this is depth or disparity; '
                         f'give the kind, one of {", ".join(KINDS)}')
    return 'depth'


def _floats(path: Path) -> Map:
    if path.suffix == '.pfm':
        values = read_pfm(path)
    else:
        try:
            values = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f'{path}: not a whole NPY file: {error}') from error
    if values.ndim != 2 or values.size == 0 or values.dtype.kind != 'f':
        raise ValueError(f'{path}: a map [H,W] of floats is needed, got {values.dtype} {list(values.shape)}')
    return values.astype(np.float32, copy=False)
