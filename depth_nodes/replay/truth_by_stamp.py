"""Ground truth that is looked up by stamp; what cannot be used of it is counted and said."""

from abc import ABC, abstractmethod
from collections import Counter
from threading import Lock
from typing import Protocol

from depth_models.frames import Camera, StereoCamera
from depth_nodes.replay.stamps import SECOND
from depth_nodes.replay.truth_maps import Fit, Truth

MOST_SAID = 3  # different reasons why truth could not be used


class GroundTruth(Protocol):
    """Whatever knows the truth of a recording."""

    name: str  # what it is, for people

    def at(self, stamp_ns: int, camera: Camera | StereoCamera, size: tuple[int, ...]) -> Truth | None:
        """The truth nearest in time, of (height, width) `size`; None where there is none near or usable.

        camera: of the frame. Of a pair depth is told from disparity and disparity from depth.
        """

    def said(self) -> list[str]:
        """How much was found, and what was wrong with the rest, in sentences."""


class ByStamp(ABC):
    """Ground truth that is looked up by stamp, and keeps count of what it finds. For several threads."""

    def __init__(self, name: str, slop: float) -> None:
        """slop: largest difference of stamps [s]."""
        if not slop >= 0:
            raise ValueError(f'the slop of ground truth must be 0 s or more, got {slop:g}')
        self.name, self._slop = name, round(slop * SECOND)
        self._lock = Lock()
        self._asked = self._found = 0
        self._nearest_miss: int | None = None  # ns
        self._unusable: Counter[str] = Counter()

    def at(self, stamp_ns: int, camera: Camera | StereoCamera, size: tuple[int, ...]) -> Truth | None:
        with self._lock:
            self._asked += 1
            stamp = self._nearest(stamp_ns)
            if stamp is None:
                return None
            if (off := abs(stamp - stamp_ns)) > self._slop:
                self._nearest_miss = off if self._nearest_miss is None else min(off, self._nearest_miss)
                return None
            try:
                truth = self._read(stamp)(camera, (size[0], size[1]))
            except (ValueError, OSError) as error:
                self._unusable[str(error)] += 1
                return None
            self._found += 1
            return truth

    def said(self) -> list[str]:
        with self._lock:
            missed = self._asked - self._found - sum(self._unusable.values())
            said = [f'ground truth for {self._found} of {self._asked} frames comes from {self.name}']
            if missed:
                said.append(f'{missed} frames have no ground truth within {self._slop / SECOND:g} s' + (
                    '' if self._nearest_miss is None else
                    f', the nearest of them is {self._nearest_miss / SECOND:.3g} s off'))
            said += [f'{count} times ground truth could not be used: {why}'
                     for why, count in self._unusable.most_common(MOST_SAID)]
            return said

    @abstractmethod
    def _nearest(self, stamp_ns: int) -> int | None:
        """The stamp of what is nearest in time, whatever the slop; None where there is nothing."""

    @abstractmethod
    def _read(self, stamp: int) -> Fit:
        """What has this stamp. ValueError or OSError where it cannot be read."""
