"""Whether the views of a source are what they should be: depth in m, and of this image."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from depth_models.data.samples import DepthSample
from depth_models.evaluation.depth_metrics import near_edges
from depth_models.frames import Image, Map
from depth_models.training.config import TrainingConfig
from depth_models.training.mono_batches import Views

VIEWS = 16  # of a source
LEAST_KNOWN = 0.005  # of the pixels, all views together; LiDAR reaches some percent
LEAST_WITHIN = 0.05  # of the known pixels, up to the largest depth that the network can say
LEAST_EDGES = 200  # px, or nothing can be said of them
MORE = 1.1  # times as much of an edge must be in the image itself as in any other


class EdgeStrength(NamedTuple):
    """Gradients of images where depth has edges, in parts of the images' means."""

    itself: float
    flipped: float  # the image left to right
    upside_down: float
    next: float  # the image of the next view


def check_source(config: TrainingConfig, number: int, bound: str = 'network.max_depth') -> str:
    """A line about the truth of one source. ValueError with one sentence where depth is hardly there,
    out of range, or not of its image, if that is looked at. bound: the key of the config that says up to
    where depth counts."""
    where = config.data.sources[number]
    views = Views(replace(config.data, sources=(replace(where, augment=False),)))
    samples = [views.draw(np.random.default_rng([config.data.seed, 0, index])) for index in range(VIEWS)]
    name = f'data.sources[{number}] ({where.kind} {where.path})'
    depths = np.concatenate([sample.depth[~np.isnan(sample.depth)] for sample in samples])
    share = len(depths) / sum(sample.depth.size for sample in samples)
    if not share >= LEAST_KNOWN:
        raise ValueError(f'{name}: depth is known of {100 * share:.2g} % of the pixels only')
    if not (np.isfinite(depths) & (depths > 0)).all():
        raise ValueError(f'{name}: depth must be positive and finite, or NaN where it is unknown, got '
                         f'{depths[~(np.isfinite(depths) & (depths > 0))][0]:g}')
    section, key = bound.split('.')
    largest = getattr(getattr(config, section), key)
    within = float(np.mean(depths <= largest))
    median = float(np.median(depths))
    if not within >= LEAST_WITHIN or median < largest / 1000:
        raise ValueError(
            f'{name}: {100 * within:.0f} % of the known depths lie up to {bound} = {largest:g} m, '
            f'and their median is {median:.3g} m; are they in m?')
    found = f'depth of {100 * share:.0f} % of the pixels, median {median:.3g} m'
    if not config.data.coloured:
        return found
    strength = edge_strength(samples)
    if strength is None:
        return f'{found}; too few edges in it to compare them with those of the images'
    if not strength.itself > MORE * max(strength[1:]):
        raise ValueError(
            f'{name}: the edges of depth are not those of the images: gradients there are '
            f'{strength.itself:.2f} times the mean, {strength.flipped:.2f} in the image flipped, '
            f'{strength.upside_down:.2f} upside down, {strength.next:.2f} in the next one; does each '
            'depth belong to its image, and cover the same view?')
    return (f'{found}; images have {strength.itself:.1f} times their mean gradient at its edges, '
            f'{max(strength[1:]):.1f} where they are flipped or exchanged')


def edge_strength(samples: list[DepthSample]) -> EdgeStrength | None:
    """Over all views together; None where there are hardly any edges, as in depth of a LiDAR."""
    totals, pixels = np.zeros(4), 0
    gradients = [_gradients(sample.image) for sample in samples]
    for index, sample in enumerate(samples):
        edges = near_edges(sample.depth)
        itself, other = gradients[index], gradients[(index + 1) % len(samples)]
        totals += [float(one[edges].sum()) for one in (itself, itself[:, ::-1], itself[::-1], other)]
        pixels += int(edges.sum())
    if pixels < LEAST_EDGES:
        return None
    return EdgeStrength(*(totals / pixels).tolist())


def _gradients(image: Image) -> Map:
    """[H,W] of the blurred image, 1 in the mean."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    size: Map = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return size / max(float(size.mean()), 1e-3)
