"""Depth super-resolution judged, set by set, case by case, method by method."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from depth_models.data.dataset import DepthDataset
from depth_models.evaluation.depth_metrics import SPARSE
from depth_models.evaluation.figures import Figures, means_of
from depth_models.evaluation.sparse import chosen
from depth_models.evaluation.super_resolution_data import opened
from depth_models.evaluation.super_resolution_figures import (
    DEGRADATIONS,
    NOTHING,
    Given,
    given,
    has_noise,
    judge,
)
from depth_models.evaluation.upsampling import enlarged
from depth_models.frames import Map

BICUBIC = 'bicubic'
Case = tuple[str, str]  # 'x4', 'clean'
Figured = dict[Case, dict[str, dict[str, Figures]]]  # by case, name of the frame and method


class Set(NamedTuple):
    """The frames of one folder."""

    name: str
    dataset: DepthDataset
    unit: str
    places: Mapping[str, int]  # in the data set, by the name of the frame with that of the set before it


class Answering(Protocol):
    """What is judged: every method answers every pixel."""

    names: list[str]  # of the methods

    def answer(self, method: str, frame: Given, unit: str, *, noisy: bool) -> tuple[Map, float]:
        """A map [H,W] in the unit of the given one, and the time that it took [ms], NaN where not timed."""


def cases_of(factors: Sequence[int], degradations: Sequence[str]) -> list[Case]:
    """Each of them once, in the order of what is harder."""
    return [(f'x{factor}', degradation) for factor in sorted(set(factors))
            for degradation in DEGRADATIONS if degradation in degradations]


def opened_sets(folders: Sequence[Path], layout: str, count: int | None) -> list[Set]:
    """The folders with the frames to judge; named by the last part of their paths, or by all of it."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    if len(set(names)) < len(names):
        raise ValueError(f'--data must name different folders, got {" ".join(names)}')
    found = []
    for name, folder in zip(names, folders):
        dataset, unit = opened(folder, layout)
        places = {f'{name}/{frame}': place for frame, place in chosen(dataset, count).items()}
        found.append(Set(name, dataset, unit, places))
    return found


def judged_sets(sets: Sequence[Set], cases: Sequence[Case], methods: Answering
                ) -> tuple[dict[str, Figured], list[str]]:
    """
    Figures by set, and the names of the frames that were left out.

    Raises ValueError where no frame is left.
    """
    figures: dict[str, Figured] = {}
    left_out = []
    for one in sets:
        for name, place in tqdm(one.places.items(), one.name, unit='frame', disable=None, file=sys.stderr):
            sample = one.dataset[place]
            if np.isfinite(sample.depth).mean() < SPARSE:
                left_out.append(name)
                continue
            for case in cases:
                frame = given(sample, name, int(case[0][1:]), case[1])
                figures.setdefault(one.name, {}).setdefault(case, {})[name] = judged_frame(
                    methods, frame, one.unit, noisy=has_noise(case[1]))
    if not figures:
        folders = ' '.join(str(one.dataset.folder) for one in sets)
        raise ValueError(f'{folders}: there is no frame of which half is known')
    return figures, left_out


def judged_frame(methods: Answering, frame: Given, unit: str, *, noisy: bool) -> dict[str, Figures]:
    """Figures of every method."""
    if not np.isfinite(frame.low_res).any():
        return dict.fromkeys(methods.names, NOTHING)
    bicubic = enlarged(BICUBIC, frame.low_res, frame.image)
    found = {}
    for method in methods.names:
        large, ms = methods.answer(method, frame, unit, noisy=noisy)
        found[method] = judge(large, frame.target, bicubic=bicubic, ms=ms)
    return found


def together(figures: Mapping[str, Figured]) -> Figured:
    """Of all sets."""
    cases = next(iter(figures.values()))
    return {case: {name: made for of_set in figures.values() for name, made in of_set[case].items()}
            for case in cases}


def means(figures: Figured) -> dict[Case, dict[str, Figures]]:
    """By case and method."""
    return {case: means_of(frames) for case, frames in figures.items()}


def nested(figures: Mapping[Case, dict[str, Figures]]) -> dict[str, dict[str, dict[str, Figures]]]:
    """By factor, degradation and method."""
    found: dict[str, dict[str, dict[str, Figures]]] = {}
    for (factor, degradation), of_methods in figures.items():
        found.setdefault(factor, {})[degradation] = of_methods
    return found
