"""What Lightning is told: a training step, a validation step, the optimizer, the data."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from depth_models.training.batches import StepBatches, TimedBatches, share_of_rank, validation_batches
from depth_models.training.config import BatchConfig, TrainingConfig
from depth_models.training.task import Task, Together, alone
from depth_models.training.tasks import task_of


class Training(pl.LightningModule):
    """A network and how it learns."""

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        super().__init__()
        self.config, self.task = config, task_of(config.kind)
        self.network = self.task.trained(network, config)
        self.parts: dict[str, Tensor] = {}  # of the loss, of the last step that was logged
        self._sums = torch.zeros(0)  # [2,F] over the validation samples: figures, and how often each applied

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        step = self.trainer.global_step
        if batch.step != step:
            raise RuntimeError(f'step {step} was given the {self.task.samples} of step {batch.step}')
        # what a step draws at random depends on its number alone, as its samples do
        torch.manual_seed(self.config.data.seed * 1_000_003 + step * 1009 + self.global_rank)
        logged = (step + 1) % self.config.trainer.log_every == 0
        loss, parts = self.task.loss(self.network, batch, self.config, parts=logged)
        self.log('loss', loss.detach(), prog_bar=True, logger=False)
        if logged:
            self.parts = {name: value.detach() for name, value in parts.items()}
        return loss

    def on_validation_epoch_start(self) -> None:
        self._sums = torch.zeros(2, len(self.task.figures(self.config)), device=self.device)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        for sample in self.task.judge(self.network, batch, self.config):
            self._sums += sample

    def validation_figures(self) -> dict[str, float]:
        """The means over the validation samples where they apply, by name; without those that never do."""
        sums, counts = self.trainer.strategy.reduce(self._sums, reduce_op='sum')
        if not counts.any():
            raise ValueError(f'none of the validation {self.task.samples} has a pixel of known truth within '
                             'the range of the network')
        means = (sums / counts).tolist()
        return {name: mean for name, mean, count in zip(
            self.task.figures(self.config), means, counts.tolist()) if count}

    def learning_rate(self, step: int) -> float:
        """Factor on the peak at a step."""
        phase = self.task.phase(self.config, step)
        return self.config.optimizer.factor(step - phase.start, len(phase))

    def configure_optimizers(self) -> Any:
        config = self.config.optimizer
        groups = self.task.groups(alone(self.network), self.config)
        if isinstance(self.network, Together):
            groups.append({'params': self.network.beside.parameters(), 'lr': self.network.learning_rate})
        # what a phase does not train has no gradients, and is passed over
        optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.learning_rate)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer,
                                    gradient_clip_val: int | float | None = None,
                                    gradient_clip_algorithm: str | None = None) -> None:
        """What is trained beside the network is clipped by itself: neither slows the other down."""
        for group in optimizer.param_groups:
            norm = torch.nn.utils.clip_grad_norm_(group['params'], self.config.optimizer.gradient_norm)
            # one such step, and every weight is lost; with 16 bits the scaler skips it
            if self.config.trainer.precision != '16-mixed' and not torch.isfinite(norm):
                raise RuntimeError(f'the gradient of step {self.global_step} is not a finite number')


class Data(pl.LightningDataModule):
    """The samples of the steps still to be done, and the fixed ones for validation."""

    def __init__(self, task: Task[Any], config: BatchConfig) -> None:
        super().__init__()
        self.task, self.config = task, config
        self.batches: TimedBatches | None = None  # of the training
        self._validation: list[Any] = []

    def train_dataloader(self) -> TimedBatches:
        trainer = _trainer(self)
        indices = share_of_rank(self.config.batch, trainer.global_rank, trainer.world_size)
        draw = self.task.open(self.config)
        self.task.warm_up(self.config)
        self.batches = TimedBatches(
            StepBatches(draw, trainer.global_step, indices), workers=self.config.workers,
            prefetch=self.config.prefetch, pin_memory=trainer.strategy.root_device.type == 'cuda')
        return self.batches

    def val_dataloader(self) -> 'FixedBatches':
        if not self._validation:
            trainer = _trainer(self)
            self._validation = validation_batches(self.task, self.config, trainer.global_rank,
                                                  trainer.world_size)
        return FixedBatches(self._validation)


class FixedBatches:
    """A list of batches that Lightning does not take for a list of loaders."""

    def __init__(self, batches: list[Any]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Any:
        return iter(self._batches)


def _trainer(data: pl.LightningDataModule) -> pl.Trainer:
    if data.trainer is None:
        raise RuntimeError('the data of a step is known inside a run only')
    return data.trainer
