"""Stamps of recorded messages: read without reading the message, and how well those of topics agree."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000_000  # ns
EQUAL_SHARE = 0.5  # of the stamps: where so many are equal, the others are of lost messages
SPARE = 1.5  # times the largest difference seen, as there will be larger ones
LEAST = 1_000_000  # ns of slop, where stamps are not equal


def header_stamp(data: bytes) -> int:
    """The stamp [ns] of a CDR message that begins with a header. Raises struct.error when it is cut off."""
    # four bytes of encapsulation, whose second one says the byte order; the stamp comes first in a header
    seconds, nanoseconds = struct.unpack_from('<iI' if data[1:2] == b'\x01' else '>iI', data, 4)
    return int(seconds * SECOND + nanoseconds)


def period(stamps: Sequence[int]) -> int | None:
    """Between stamps [ns], the median; None when there are too few."""
    steps = np.diff(np.sort(np.asarray(stamps, np.int64)))
    steps = steps[steps > 0]
    return int(np.median(steps)) if len(steps) else None


class Slop(NamedTuple):
    """How far stamps of one set may lie apart, and how far they do [ns]."""

    allowed: int
    median: int  # of the topic that is the farthest off
    largest: int


def find_slop(reference: Sequence[int], others: Sequence[Sequence[int]]) -> Slop:
    """What makes sets of these stamps [ns]: 0 where they are equal, else half the least period at most.

    reference: of the topic that sets are built around. More than half a period would take a neighbour
    for the one that belongs there.
    """
    allowed = median = largest = 0
    periods = [each for stamps in (reference, *others) if (each := period(stamps))]
    for stamps in others:
        if not len(stamps) or not len(reference):
            continue
        # of a slow topic that goes with a fast one, not every one has a partner
        few, many = sorted((np.unique(reference), np.unique(stamps)), key=len)
        apart = _to_nearest(few, many)
        if (apart == 0).mean() >= EQUAL_SHARE:
            continue
        if periods and (apart <= min(periods) / 2).any():  # the rest are of lost messages
            apart = apart[apart <= min(periods) / 2]
        found = max(int(apart.max() * SPARE), LEAST)
        allowed = max(allowed, min(found, min(periods) // 2) if periods else found)
        median, largest = max(median, int(np.median(apart))), max(largest, int(apart.max()))
    return Slop(allowed, median, largest)


def _to_nearest(few: NDArray, many: NDArray) -> NDArray:
    """Of each stamp, how far the nearest of the others is; both sorted."""
    after = np.clip(np.searchsorted(many, few), 1, max(len(many) - 1, 1))
    before = many[after - 1]
    return np.minimum(np.abs(few - before), np.abs(many[np.minimum(after, len(many) - 1)] - few))
