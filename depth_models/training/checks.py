"""Before the hours: does the data say the truth, and can the network learn it? Seconds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from depth_models.training.config import TrainingConfig
from depth_models.training.tasks import make_network, task_of


def check(config: TrainingConfig, say: Callable[[str], None] = print) -> None:
    """ValueError with one sentence about the first check that fails."""
    task = task_of(config.kind)
    for number, source in enumerate(config.data.sources):
        found = task.check_source(config, number)
        say(f'check: {source.kind}{" " if source.path else ""}{source.path}: {found}')
    first, last = check_overfits(config)
    say(f'check: loss on one batch {first:.2f}, {last:.2f} after {config.trainer.overfit_steps} steps')


def check_overfits(config: TrainingConfig) -> tuple[float, float]:
    """The loss on one small batch at first and after `overfit_steps`, of a network of its own.

    Of the first phase, where a training has several: what comes later learns what that leaves.
    """
    trainer, task = config.trainer, task_of(config.kind)
    small = replace(config, data=config.data.for_check(),
                    # from random weights, for trained ones start with a small loss
                    trainer=replace(trainer, initial_weights=''))
    batch = task.open(small.data)(0, range(small.data.batch))
    if not batch.valid.any():
        raise ValueError(f'none of the {task.samples} of a batch has a pixel of known truth within range')
    with torch.random.fork_rng():
        torch.manual_seed(small.data.seed)
        network = make_network(small).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=task.overfit_rate)
        losses = []
        for _ in range(trainer.overfit_steps + 1):
            optimizer.zero_grad(set_to_none=True)
            loss = task.loss(network, batch, small, parts=False).total
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
