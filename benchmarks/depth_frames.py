"""Frames with depth for the benchmarks of one camera: those of a folder, or generated ones."""

import argparse
from pathlib import Path

import numpy as np

from depth_models.data.depth_datasets import GeneratedViews, open_depth_dataset
from depth_models.data.depth_datasets.kept import Samples
from depth_models.data.samples import DepthSample

SEED = 424_243  # of views that no training draws
SIZE = (240, 320)  # (height, width) px of generated views
GENERATED = 24
LEAST_KNOWN = 0.5  # of the pixels, up to the largest depth: else a view is of the sky


def add_data(parser: argparse.ArgumentParser) -> None:
    """The option --data."""
    parser.add_argument('--data', type=Path, help='folder of a data set of depth (default: generated views)')


def frames(folder: Path | None, count: int, max_depth: float) -> list[DepthSample]:
    """Up to `count` frames, evenly out of all that have depth up to max_depth [m] in half of their pixels.

    Raises OSError or ValueError in one sentence.
    """
    samples: Samples = (GeneratedViews(GENERATED * -(-count // GENERATED), SEED, SIZE) if folder is None
                        else open_depth_dataset(folder))
    found: list[DepthSample] = []
    # an order in which the first ones are spread over all
    for place in np.argsort(np.arange(len(samples)) * 0.6180339887498949 % 1, kind='stable'):
        sample = samples[int(place)]
        with np.errstate(invalid='ignore'):
            if np.mean((sample.depth > 0) & (sample.depth < max_depth)) >= LEAST_KNOWN:
                found.append(sample)
        if len(found) == count:
            return found
    if not found:
        raise ValueError(f'{folder or "generated views"}: no frame has depth up to {max_depth:g} m in half '
                         'of its pixels')
    return found
