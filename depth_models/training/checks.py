"""Before the hours: does the data say the truth, and can the network learn it? Seconds."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from depth_models.data.samples import StereoSample
from depth_models.training.batches import Mixture, Source, draw_batch
from depth_models.training.config import TrainingConfig, make_network
from depth_models.training.losses import stereo_loss

PAIRS = 6  # of every source
OFF = 2.0  # px that the truth is shifted by, either way
CROP = (64, 128)  # px that the network is shown
DISPARITIES = 64  # px at most on that crop


def check(config: TrainingConfig, say: Callable[[str], None] = print) -> None:
    """ValueError with one sentence about the first check that fails."""
    for number, source in enumerate(config.data.sources):
        errors = check_source(config, number)
        say(f'check: {source.kind}{" " if source.path else ""}{source.path}: left image explained by '
            f'the right one to {errors[0]:.1f} grey levels, {errors[1]:.1f} and {errors[2]:.1f} with '
            f'the truth {OFF:g} px off, {errors[3]:.1f} without it')
    first, last = check_overfits(config)
    say(f'check: loss on one batch {first:.2f}, {last:.2f} after {config.trainer.overfit_steps} steps')


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


def check_overfits(config: TrainingConfig) -> tuple[float, float]:
    """The loss on one small batch at first and after `overfit_steps`, of a network of its own."""
    trainer = config.trainer
    data = replace(config.data, batch=2, blank_share=0.0, height=min(CROP[0], config.data.height),
                   width=min(CROP[1], config.data.width),
                   max_disparity=min(DISPARITIES, config.data.max_disparity))
    batch = draw_batch(Mixture(data.sources, data.augment), data, 0)
    if not batch.valid.any():
        raise ValueError(f'no pixel of the pairs has a known disparity under {data.max_disparity} px')
    with torch.random.fork_rng():
        torch.manual_seed(data.seed)
        # from random weights, for trained ones start with a small loss
        network = make_network(replace(
            config, trainer=replace(trainer, initial_weights=''))).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
        losses = []
        for _ in range(trainer.overfit_steps + 1):
            optimizer.zero_grad(set_to_none=True)
            loss = stereo_loss(network(batch.left, batch.right, data.max_disparity), batch.disparity,
                               valid=batch.valid, matchable=batch.matchable)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.optimizer.gradient_norm)
            optimizer.step()
            losses.append(loss.item())
    first, last = losses[0], float(np.mean(losses[-3:]))
    if not last * trainer.overfit_factor < first:
        raise ValueError(
            f'the network does not learn one batch by heart: its loss went from {first:.3g} to {last:.3g} '
            f'in {trainer.overfit_steps} steps (trainer.overfit_steps) and should fall by '
            f'{trainer.overfit_factor:g} (trainer.overfit_factor)')
    return first, last
