"""The training loop: steps, moving average of the weights, checkpoints that resume, a log."""

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast."""

    steps: int = 4000
    learning_rate: float = 3e-3  # the peak: linear warm-up, then a cosine down to nothing
    warmup_steps: int = 300
    weight_decay: float = 1e-4
    gradient_norm: float = 1.0  # steps beyond it are scaled down
    average_decay: float = 0.998  # moving average of the weights, which is what ships
    checkpoint_every: int = 250
    validate_every: int = 500


def train(network: nn.Module, batches: Callable[[int], Iterator[Any]],
          loss: Callable[[nn.Module, Any], Tensor], validate: Callable[[nn.Module], dict[str, float]],
          folder: Path, config: LoopConfig) -> nn.Module:
    """Train `network` and return the moving average of its weights.

    batches: called with the step to start from, so that a resumed run goes on with new data.
    folder: checkpoint.pt (resumed when it is there) and log.jsonl are written into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    average = deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=config.warmup_steps),
         torch.optim.lr_scheduler.CosineAnnealingLR(
             optimizer, max(1, config.steps - config.warmup_steps))],
        milestones=[config.warmup_steps])
    state: dict[str, Any] = {
        'network': network, 'average': average, 'optimizer': optimizer, 'schedule': schedule}
    checkpoint = folder / 'checkpoint.pt'
    start = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        start = saved.pop('step')
        for name, part in state.items():
            part.load_state_dict(saved[name])
        _log(folder, {'step': start, 'event': 'resumed'})

    network.train()
    began, recent = time.monotonic(), 0.0
    for step, batch in enumerate(batches(start), start=start + 1):
        if step > config.steps:
            break
        optimizer.zero_grad(set_to_none=True)
        value = loss(network, batch)
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.gradient_norm)
        optimizer.step()
        schedule.step()
        # a young average forgets faster, or it would remember the random start
        _follow(average, network, min(config.average_decay, step / (step + 10)))
        recent = value.item() if step == start + 1 else 0.98 * recent + 0.02 * value.item()
        if step % 50 == 0:
            _log(folder, {'step': step, 'loss': round(recent, 4),
                          'seconds_per_step': round((time.monotonic() - began) / (step - start), 3)})
        if step % config.checkpoint_every == 0 or step == config.steps:
            _save(checkpoint, {'step': step, **{k: v.state_dict() for k, v in state.items()}})
        if step % config.validate_every == 0 or step == config.steps:
            _log(folder, {'step': step, **{k: round(v, 4) for k, v in validate(average).items()}})
    return average


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    followed = [*average.parameters(), *average.buffers()]
    for kept, new in zip(followed, [*network.parameters(), *network.buffers()], strict=True):
        if kept.is_floating_point():  # statistics of batch norm move with the weights
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _save(path: Path, state: dict[str, Any]) -> None:
    half = path.with_suffix('.part')
    torch.save(state, half)
    half.replace(path)  # a killed run leaves the old checkpoint or the new one, never half of one


def _log(folder: Path, entry: dict[str, Any]) -> None:
    with (folder / 'log.jsonl').open('a') as file:
        file.write(json.dumps(entry) + '\n')
    print(entry, flush=True)
