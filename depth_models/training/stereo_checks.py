"""Whether the pairs of a source are what they should be: the disparity takes one image to the other."""

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data.samples import StereoSample
from depth_models.training.config import TrainingConfig
from depth_models.training.stereo_batches import Source

PAIRS = 6  # of every source
OFF = 2.0  # px that the truth is shifted by, either way


def check_source(config: TrainingConfig, number: int) -> tuple[float, float, float, float]:
    """Truth, sign and unit of one source: the right image, warped by the disparity, is the left one.

    Returns the error [grey levels] with the true disparity, with 2 px more, 2 px less and with none.
    """
    data = config.data
    where = data.sources[number]
    source = Source(where, data.augment)
    totals = np.zeros(4)
    for index in range(PAIRS):
        rng = np.random.default_rng([data.seed, 0, index])
        totals += warp_errors(source.draw(rng, (data.height, data.width), data.max_disparity))
    true, more, less, none = (totals / PAIRS).tolist()
    if not true < 0.95 * min(more, less, none):
        better = 'none at all'
        if min(more, less) < none:
            better = f'{OFF:g} px {"more" if more < less else "less"}'
        raise ValueError(
            f'data.sources[{number}] ({where.kind} {where.path}): its disparity does not take the right '
            f'image to the left one: {better} explains it as well ({true:.2f} grey levels against '
            f'{min(more, less, none):.2f}); is it in px, positive, and of the left image?')
    return true, more, less, none


def warp_errors(sample: StereoSample) -> NDArray[np.float64]:
    """How far [grey levels] the left image is from the right one, seen through the true disparity,
    through 2 px more, 2 px less, and as it is.

    Over the same pixels, those that both cameras see, after the gain between the two is taken out.
    """
    left, right = (cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
                   for image in (sample.left, sample.right))
    height, width = left.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    seen_at = columns - sample.disparity  # NaN where unknown
    use = (seen_at >= OFF) & (seen_at <= width - 1 - OFF)
    if sample.visible is not None:
        use &= sample.visible
    if use.sum() < 100:
        return np.zeros(4)
    return np.array([
        _difference(left[use], cv2.remap(right, np.nan_to_num(at), rows, cv2.INTER_LINEAR)[use])
        for at in (seen_at, seen_at - np.float32(OFF), seen_at + np.float32(OFF), columns)])


def _difference(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Mean absolute difference after the gain and the offset between two cameras are taken out."""
    gain = float(one.std()) / max(float(two.std()), 1e-3)
    return float(np.abs((one - one.mean()) - np.clip(gain, 0.3, 3.0) * (two - two.mean())).mean())
