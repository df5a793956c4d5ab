"""Samples that are slow to make, kept in memory or on a disk once they were."""

import hashlib
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cached_property, lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data.depth_datasets.generated import GeneratedViews
from depth_models.data.samples import DepthSample

DATA = Path(__file__).parents[1]
TOGETHER = 8  # views that a process draws before it says so


class Samples(Protocol):
    """Images with depth by number: a `DepthDataset`, or views that are drawn."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> DepthSample: ...


class Kept:
    """
    The samples of another data set; each is made when it is first asked for, and then kept.

    Without its camera a sample takes 7 bytes a pixel: 2.3 GB for 4000 of 320x256 px. Every process that
    this is handed to keeps its own.
    """

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self._kept: dict[int, DepthSample] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> DepthSample:
        """The same arrays every time: not to be written to, and marked so."""
        if index not in self._kept:
            made = self.samples[index]
            for array in (made.image, made.depth, *([] if made.sparse is None else [made.sparse])):
                array.flags.writeable = False
            self._kept[index] = DepthSample(made.image, made.depth, sparse=made.sparse)
        return self._kept[index]


class KeptOnDisk:
    """
    Generated views in files that all processes and later runs share; what is missing is drawn when asked for.

    They lie in a folder named by everything that the views depend on, the code that draws them included, but
    for their number: 7 bytes a pixel, 1.9 GB for 4000 of 304x224 px. Where two processes draw the same view,
    they write the same.
    """

    def __init__(self, views: GeneratedViews, folder: Path) -> None:
        self.views = views
        about = {name: value for name, value in asdict(views).items() if name not in ('count', 'furniture')}
        libraries = sorted(views.furniture.glob('*.sh3f'))
        about['furniture'] = [[file.name, file.stat().st_size] for file in libraries]
        about['generator'] = _generator()
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = folder.expanduser() / name
        self.about = about

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, index: int) -> DepthSample:
        """Without its camera; the arrays are those of the files, and not to be written to."""
        images, depths, done = self._files
        if not done[index]:
            sample = self.views[index]
            images[index], depths[index] = sample.image, sample.depth
            done[index] = 1  # last: who sees it finds the others written
        image, depth = images[index], depths[index]
        image.flags.writeable = depth.flags.writeable = False
        return DepthSample(np.asarray(image), np.asarray(depth))

    def missing(self) -> list[int]:
        """The numbers of the views that were not drawn yet."""
        return [int(index) for index in np.flatnonzero(self._files[2][:len(self)] == 0)]

    def fill(self, jobs: int) -> None:
        """Draw what is missing in so many processes, with a line and a bar on stderr."""
        missing = self.missing()
        if not missing:
            return
        from tqdm import tqdm

        # the bar is for terminals alone, and this takes minutes
        print(f'drawing {len(missing)} views, to be kept in {self.folder}', file=sys.stderr, flush=True)
        parts = [missing[start:start + TOGETHER] for start in range(0, len(missing), TOGETHER)]
        with ProcessPoolExecutor(jobs, mp_context=get_context('spawn')) as pool, tqdm(
                total=len(missing), unit='view', desc='drawing views', disable=None, file=sys.stderr) as bar:
            for count in pool.map(self._draw, parts):
                bar.update(count)

    def _draw(self, indices: Sequence[int]) -> int:
        cv2.setNumThreads(1)  # the processes are what runs side by side
        for index in indices:
            self[index]
        return len(indices)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != '_files'}  # opened anew

    @cached_property
    def _files(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Images, depths and what is done, for as many views as were ever asked for."""
        height, width = self.views.size
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / 'about.json').write_text(json.dumps(self.about) + '\n')
        return (_grown(self.folder / 'images', np.uint8, (len(self), height, width, 3)),
                _grown(self.folder / 'depths', np.float32, (len(self), height, width)),
                _grown(self.folder / 'done', np.uint8, (len(self),)))


@lru_cache(maxsize=1)
def _generator() -> str:
    """Another one for other code."""
    sources = [*sorted(DATA.glob('world/*.py')), DATA / 'textures.py', DATA / 'camera_effects.py']
    return hashlib.sha256(b''.join(source.read_bytes() for source in sources)).hexdigest()


def _grown(path: Path, kind: type[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A file as an array of at least this shape; what is new is 0, and takes no room until it is written."""
    item = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(kind).itemsize
    with path.open('ab') as file:
        size = max(file.tell(), shape[0] * item)
        file.truncate(size)
    return np.memmap(path, kind, 'r+', shape=(size // item, *shape[1:]))
