"""Sparse depth with an image or without: the network that looks at images where there is one."""

from collections.abc import Sequence
from typing import Any

from depth_models.estimators.prepared import Size
from depth_models.estimators.sparse import GUIDED, PLAIN, SparseDepthEstimator
from depth_models.frames import Image, Map, SparseEstimate


class SparseByImage:
    """Two estimators that take turns; to its caller it is one.

    Which one comes next cannot be known before the frame is: what is asked about costs is answered for
    the one that ran last, because cameras do not come and go from frame to frame.
    """

    def __init__(self, plain: SparseDepthEstimator, guided: SparseDepthEstimator) -> None:
        if plain.guided or not guided.guided:
            raise ValueError('the first network must be one without an image, the second one with')
        self._plain, self._guided, self._last = plain, guided, guided

    def describe(self) -> dict[str, str]:
        """What runs, for people: as of `SparseDepthEstimator`."""
        return {**self._plain.describe(), 'model': f'{GUIDED} where there is an image, else {PLAIN}'}

    def warm_up(self, scales: Sequence[float] = (1.0,)) -> None:
        """Get ready for the sizes that were used last on this computer, or for a usual one."""
        for estimator in (self._plain, self._guided):
            estimator.warm_up(scales)

    def make_ready(self, size: Size, scales: Sequence[float] = (1.0,)) -> bool:
        """As of `SparseDepthEstimator`: both of them, so that neither waits when an image comes or stops."""
        ready = [estimator.make_ready(size, scales) for estimator in (self._plain, self._guided)]
        return all(ready)

    def scale_for(self, size: Size, seconds: float) -> float:
        return self._last.scale_for(size, seconds)

    def least_cost(self, size: Size, scale: float = 1.0) -> float:
        return self._last.least_cost(size, scale)

    def compute(self, sparse: Map, image: Image | None = None, **how: Any) -> SparseEstimate:
        """As of `SparseDepthEstimator`."""
        self._last = self._plain if image is None else self._guided
        return self._last.compute(sparse, image, **how)


def load_sparse(weights: str = PLAIN, weights_rgb: str = '', **options: Any
                ) -> SparseDepthEstimator | SparseByImage:
    """
    The estimator of shipped names or .safetensors files; options: `SparseDepthEstimator`.

    weights_rgb: of the network that looks at images; '': there is none. Raises FileNotFoundError or
    ValueError, in one sentence.
    """
    plain = SparseDepthEstimator.from_pretrained(weights, **options)
    if plain.guided:
        raise ValueError(f'weights: {weights} needs images; it is one for weights_rgb')
    if not weights_rgb:
        return plain
    # what load does to the one that runs tells what the other one would take
    guided = SparseDepthEstimator.from_pretrained(weights_rgb, **{**options, 'costs': plain.costs})
    if not guided.guided:
        raise ValueError(f'weights_rgb: {weights_rgb} does not look at images; it is one for weights')
    return SparseByImage(plain, guided)
