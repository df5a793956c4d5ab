"""
Train AnyNet on generated pairs: `python -m depth_models.training.stereo --out runs/anynet`.

A killed run goes on where its last checkpoint was. `--ship` puts the result among the shipped
weights; its card, anynet.md, is written by hand from what the evaluation prints.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from depth_models import pretrained
from depth_models.data import textures
from depth_models.data.layered_scenes import render_stereo
from depth_models.networks.anynet import AnyNet, AnyNetConfig
from depth_models.training.loop import LoopConfig, train
from depth_models.training.losses import is_right, stereo_loss

VALIDATION_SEED = 999_983  # of pairs that no training run draws


@dataclass(frozen=True)
class DataConfig:
    """Which pairs a step sees."""

    batch: int = 8
    height: int = 256  # px, multiples of 16
    width: int = 512
    max_disparity: int = 192  # px
    blank_share: float = 0.05  # pairs without anything to match: black, saturated, plain, noise
    seed: int = 1
    workers: int = 1


class StereoBatch(NamedTuple):
    left: Tensor  # [B,H,W,3] uint8
    right: Tensor  # [B,H,W,3]
    disparity: Tensor  # [B,1,H,W] px
    valid: Tensor  # [B,1,H,W] bool: within the searched range
    matchable: Tensor  # [B,1,H,W] bool: not of a blank pair


class GeneratedBatches(IterableDataset):
    """Batches drawn from (seed, step), so that any step can be drawn again."""

    def __init__(self, config: DataConfig, start: int) -> None:
        self.config, self.start = config, start

    def __iter__(self) -> Iterator[StereoBatch]:
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.start + number  # the loader takes from the workers in turn
        while True:
            yield draw_batch(self.config, step)
            step += of


def draw_batch(config: DataConfig, step: int) -> StereoBatch:
    """The batch of one step; the same arguments give the same batch."""
    lefts, rights, disparities, blanks = [], [], [], []
    for index in range(config.batch):
        rng = np.random.default_rng([config.seed, step, index])
        blank = rng.random() < config.blank_share
        sample = render_stereo(rng, (config.height, config.width), config.max_disparity)
        left, right = sample.left, sample.right
        if blank:
            left, right = _blank_pair(rng, left.shape)
        lefts.append(left)
        rights.append(right)
        disparities.append(sample.disparity)
        blanks.append(blank)
    disparity = torch.from_numpy(np.stack(disparities))[:, None]
    matchable = ~torch.tensor(blanks).view(-1, 1, 1, 1).expand_as(disparity)
    valid = (disparity > 0) & (disparity < config.max_disparity)
    return StereoBatch(torch.from_numpy(np.stack(lefts)), torch.from_numpy(np.stack(rights)),
                       disparity, valid, matchable)


def _blank_pair(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A covered, dazzled or empty view: one level with a little noise, the same in both views."""
    level = rng.choice([0.0, 255.0, rng.uniform(0, 255)])
    noise = rng.choice([0.0, 1.0, 3.0])
    left, right = (np.clip(level + noise * rng.standard_normal(shape), 0, 255).astype(np.uint8)
                   for _ in range(2))
    return left, right


def batches(config: DataConfig, start: int) -> Iterator[StereoBatch]:
    """Batches from step `start` on, drawn by worker processes ahead of time."""
    textures.atlas(), textures.light_map()  # made here, the workers inherit them
    yield from DataLoader(GeneratedBatches(config, start), batch_size=None,
                          num_workers=config.workers,
                          prefetch_factor=6 if config.workers else None)


def batch_loss(max_disparity: int, network: nn.Module, batch: StereoBatch) -> Tensor:
    """The loss of one step."""
    return stereo_loss(network(batch.left, batch.right, max_disparity), batch.disparity,
                       valid=batch.valid, matchable=batch.matchable)


@torch.no_grad()
def validate(fixed: list[StereoBatch], max_disparity: int, network: nn.Module) -> dict[str, float]:
    """EPE [px], bad-2 and calibration of every stage on the fixed pairs, blank ones left out."""
    figures: dict[str, list[float]] = {}
    for batch in fixed:
        valid = batch.valid & batch.matchable
        outputs = network(batch.left, batch.right, max_disparity)
        for stage, (disparity, confidence) in enumerate(outputs, start=1):
            error = (disparity - batch.disparity).abs()[valid]
            right = is_right(disparity, batch.disparity)[valid].float()
            for name, value in (
                    ('epe', error), ('bad2', (error > 2.0).float()),
                    ('sure_minus_right', torch.sigmoid(confidence)[valid] - right)):
                figures.setdefault(f'{name}_{stage}', []).append(value.mean().item())
    return {name: float(np.mean(values)) for name, values in figures.items()}


def main() -> None:
    data, loop = DataConfig(), LoopConfig()
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[1])
    parser.add_argument('--out', type=Path, default=Path('runs/anynet'), help='folder of the run')
    parser.add_argument('--steps', type=int, default=loop.steps)
    parser.add_argument('--batch', type=int, default=data.batch)
    parser.add_argument('--seed', type=int, default=data.seed)
    parser.add_argument('--workers', type=int, default=data.workers, help='processes making pairs')
    parser.add_argument('--threads', type=int, default=1, help='threads of the training step')
    parser.add_argument('--ship', action='store_true',
                        help='enter the result among the shipped weights as "anynet"')
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    data = DataConfig(batch=arguments.batch, seed=arguments.seed, workers=arguments.workers)
    loop = LoopConfig(steps=arguments.steps)
    fixed = [draw_batch(DataConfig(batch=4, seed=VALIDATION_SEED), step) for step in range(8)]
    network = AnyNet(AnyNetConfig())
    average = train(
        network, partial(batches, data), partial(batch_loss, data.max_disparity),
        partial(validate, fixed, data.max_disparity), arguments.out, loop)

    path = arguments.out / 'anynet.safetensors'
    command = (f'python -m depth_models.training.stereo --steps {loop.steps} --batch {data.batch} '
               f'--seed {data.seed}')
    pretrained.write(path, average, 'anynet', network.config, {
        'command': command, 'data': 'generated by depth_models.data.layered_scenes'})
    print(f'wrote {path}')
    if arguments.ship:
        print(f'shipped {pretrained.ship(path, "anynet")}')


if __name__ == '__main__':
    main()
