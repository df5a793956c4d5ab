"""What Lightning is told: a training step, a validation step, the optimizer, the data."""

import math
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.cost_volume import StageOutput
from depth_models.training.batches import (
    VALIDATION_SEED,
    Mixture,
    StepBatches,
    StereoBatch,
    TimedBatches,
    draw_batch,
    share_of_rank,
)
from depth_models.training.config import DataConfig, OptimizerConfig, TrainingConfig
from depth_models.training.losses import is_right, stereo_loss

FIGURES = ('epe', 'bad1', 'bad2', 'sure_minus_right')
VALIDATION_BATCH = 4


class StereoTraining(pl.LightningModule):
    """A stereo network and how it learns."""

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.stage_losses: Tensor | None = None  # px, of the last step that was logged
        self._sums: Tensor | None = None  # [stage, figure] over the validation pairs, and their number

    def training_step(self, batch: StereoBatch, batch_idx: int) -> Tensor:
        step = self.trainer.global_step
        if batch.step != step:
            raise RuntimeError(f'step {step} was given the pairs of step {batch.step}')
        # what a step draws at random depends on its number alone, as its pairs do
        torch.manual_seed(self.config.data.seed * 1_000_003 + step * 1009 + self.global_rank)
        outputs = self._outputs(batch)
        loss = stereo_loss(outputs, batch.disparity, valid=batch.valid, matchable=batch.matchable)
        self.log('loss', loss.detach(), prog_bar=True, logger=False)
        if (step + 1) % self.config.trainer.log_every == 0:
            self.stage_losses = stage_losses(outputs, batch)
        return loss

    def on_validation_epoch_start(self) -> None:
        self._sums = None

    def validation_step(self, batch: StereoBatch, batch_idx: int) -> None:
        """EPE [px], bad-1, bad-2 and calibration of every stage, pair by pair, blank ones left out."""
        outputs = self._outputs(batch)
        for pair in range(len(batch.left)):
            valid = batch.valid[pair] & batch.matchable[pair]
            if self._sums is None:
                self._sums = batch.disparity.new_zeros(len(outputs), len(FIGURES) + 1)
            if valid.any():
                self._sums += torch.stack([
                    _figures(output.disparity[pair][valid], output.confidence[pair][valid],
                             batch.disparity[pair][valid]) for output in outputs])

    def validation_figures(self) -> dict[str, float]:
        """The means over all validation pairs: 'epe_1' to 'sure_minus_right_4'."""
        sums = self.trainer.strategy.reduce(self._sums, reduce_op='sum')
        if not sums[0, -1]:
            raise ValueError('no validation pair has a pixel of known disparity within the searched range')
        means = (sums[:, :-1] / sums[:, -1:]).tolist()
        return {f'{name}_{stage}': row[column] for stage, row in enumerate(means, start=1)
                for column, name in enumerate(FIGURES)}

    def configure_optimizers(self) -> Any:
        config = self.config.optimizer
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate,
                                      weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate(step, self.config.trainer.steps, config))
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def _outputs(self, batch: StereoBatch) -> list[StageOutput]:
        outputs = self.network(batch.left, batch.right, self.config.data.max_disparity)
        # losses in full precision, whatever the network computed in
        return [StageOutput(
            output.disparity.float(), output.confidence.float(),
            None if output.match_logits is None else output.match_logits.float()) for output in outputs]


class StereoData(pl.LightningDataModule):
    """The pairs of the steps still to be done, and the fixed ones for validation."""

    def __init__(self, config: DataConfig) -> None:
        super().__init__()
        self.config = config
        self.batches: TimedBatches | None = None  # of the training
        self._validation: list[StereoBatch] = []

    def train_dataloader(self) -> TimedBatches:
        trainer = _trainer(self)
        indices = share_of_rank(self.config.batch, trainer.global_rank, trainer.world_size)
        mixture = Mixture(self.config.sources, self.config.augment)
        self.batches = TimedBatches(
            StepBatches(mixture, self.config, trainer.global_step, indices),
            pin_memory=trainer.strategy.root_device.type == 'cuda')
        return self.batches

    def val_dataloader(self) -> 'FixedBatches':
        if not self._validation:
            trainer = _trainer(self)
            self._validation = validation_batches(self.config, trainer.global_rank, trainer.world_size)
        return FixedBatches(self._validation)


class FixedBatches:
    """A list of batches that Lightning does not take for a list of loaders."""

    def __init__(self, batches: list[StereoBatch]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Any:
        return iter(self._batches)


def validation_batches(config: DataConfig, rank: int = 0, ranks: int = 1) -> list[StereoBatch]:
    """The pairs of one of several devices; the same pairs in every run, whatever its seed and batch.

    Every device gets as many, so that none waits for another: where they do not divide evenly, some
    get one of which no pixel is valid, and that does not count.
    """
    as_they_are = [replace(source, augment=False) for source in config.validation_sources]
    mixture = Mixture(as_they_are, config.augment)
    fixed = replace(config, seed=VALIDATION_SEED, blank_share=0.0)
    pairs = []
    for number in range(rank, -(-config.validation_pairs // ranks) * ranks, ranks):
        pair = draw_batch(mixture, fixed, number // 4, range(number % 4, number % 4 + 1))
        if number >= config.validation_pairs:
            pair = pair._replace(valid=torch.zeros_like(pair.valid))
        pairs.append(pair)
    return [_together(pairs[first:first + VALIDATION_BATCH])
            for first in range(0, len(pairs), VALIDATION_BATCH)]


def _together(batches: list[StereoBatch]) -> StereoBatch:
    return StereoBatch(
        torch.cat([batch.left for batch in batches]), torch.cat([batch.right for batch in batches]),
        torch.cat([batch.disparity for batch in batches]), torch.cat([batch.valid for batch in batches]),
        torch.cat([batch.matchable for batch in batches]), batches[0].step)


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Factor on the peak at a step: from 0.01 up to 1 in a line, then down to 0 in half a cosine."""
    if step < config.warmup_steps:
        return 0.01 + 0.99 * step / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
    return 0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))


@torch.no_grad()
def stage_losses(outputs: list[StageOutput], batch: StereoBatch) -> Tensor:
    """Smooth L1 of every stage over known, matchable pixels [px]."""
    use = (batch.valid & batch.matchable).to(batch.disparity.dtype)
    return torch.stack([
        (F.smooth_l1_loss(output.disparity, batch.disparity, reduction='none') * use).sum()
        for output in outputs]) / use.sum().clamp(1)


def _figures(disparity: Tensor, confidence: Tensor, target: Tensor) -> Tensor:
    """FIGURES over the pixels of one pair, and 1: how many pairs that is."""
    error = (disparity - target).abs()
    sure = torch.sigmoid(confidence) - is_right(disparity, target).float()
    return torch.stack([error.mean(), (error > 1).float().mean(), (error > 2).float().mean(), sure.mean(),
                        torch.ones_like(error[0])])


def _trainer(data: pl.LightningDataModule) -> pl.Trainer:
    if data.trainer is None:
        raise RuntimeError('the data of a step is known inside a run only')
    return data.trainer
