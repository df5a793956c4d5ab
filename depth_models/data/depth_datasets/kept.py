"""Samples that are slow to make, kept in memory once they were."""

from typing import Protocol

from depth_models.data.samples import DepthSample


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
