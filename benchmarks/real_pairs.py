"""What the benchmarks on a data set's pairs have in common: their options, the pairs, the range to search."""

import argparse
from pathlib import Path
from typing import NamedTuple

from benchmarks.timing import machine
from depth_models.data.dataset import StereoDataset
from depth_models.data.stereo_datasets import open_stereo_dataset
from depth_models.evaluation.stereo import SEARCHED, range_of


class Asked(NamedTuple):
    dataset: StereoDataset
    searched: int  # px: enough for every pair
    json: Path | None  # file for the figures


def asked(doc: str | None) -> Asked:
    """Read the command line; doc: the module's. Says on which machine this is."""
    parser = argparse.ArgumentParser(description=(doc or '').split(':')[0].strip())
    parser.add_argument('--data', type=Path, required=True, help='folder of a data set')
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args()
    dataset = open_stereo_dataset(options.data)
    print(f'{machine()}, {len(dataset)} pairs')
    return Asked(dataset, max(SEARCHED, *(range_of(sample) for sample in dataset)), options.json)
