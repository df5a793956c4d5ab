"""What happens beside the steps: the average of the weights, curves, pictures, a plain log."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from depth_models.training.module import Data, Training

SMOOTHING = 0.98  # of the loss in the log
TOO_LONG = 0.15  # of the time spent waiting for samples: then it is said


class Average(WeightAveraging):
    """Moving average of the weights: validated in place of them, and what is shipped.

    Every phase of a training has its own, and begins from that of the one before.
    """

    def __init__(self, decay: float, phase: Callable[[int], range]) -> None:
        """phase: the steps of the phase that a step lies in."""
        self._phase = phase
        super().__init__(multi_avg_fn=lambda kept, new, number: _follow(
            kept, new, int(number) - phase(int(number)).start, decay))

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any,
                             batch_idx: int) -> None:
        step = trainer.global_step
        if step and step == self._phase(step).start:
            self._copy_average_to_current(pl_module)


@torch.no_grad()
def _follow(kept: list[Tensor], new: list[Tensor], number: int, decay: float) -> None:
    if not kept[0].is_floating_point():  # counters of batch norm, whose statistics move with the weights
        torch._foreach_copy_(kept, new)
        return
    # a young average forgets faster, or it would remember the random start
    torch._foreach_lerp_(kept, new, 1 - min(decay, (number + 1) / (number + 11)))


class Log(Callback):
    """OUT/log.jsonl and TensorBoard: losses, figures, learning rate, seconds a step, pictures."""

    def __init__(self, folder: Path, start: int, *, say: bool) -> None:
        self.path, self.say = folder / 'log.jsonl', say
        self.start = start
        self._loss: Tensor | None = None
        self._since = (0, 0.0, 0.0)  # step, clock [s], seconds waited for data until then
        self._told = False  # that it waits for its pairs

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            forget_after(self.path, self.start)
            if self.start:
                self._write({'step': self.start, 'event': 'resumed'})
        self._since = (trainer.global_step, time.monotonic(), 0.0)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any,
                           batch: Any, batch_idx: int) -> None:
        loss = outputs['loss'].detach()
        self._loss = loss if self._loss is None else self._loss.lerp(loss, 1 - SMOOTHING)
        step, config = trainer.global_step, self._module(pl_module).config
        parts = self._module(pl_module).parts
        if step % config.trainer.log_every:
            return
        shown = torch.stack([self._loss, *parts.values()])
        if trainer.world_size > 1:  # the mean over all devices, so every one of them asks
            shown = trainer.strategy.reduce(shown, reduce_op='mean')
        if not trainer.is_global_zero:
            return
        waited = self._waited(trainer)
        then, clock, waited_then = self._since
        seconds = max(time.monotonic() - clock, 1e-9)
        self._since = (step, time.monotonic(), waited)
        loss, *of_parts = shown.tolist()
        if (waiting := (waited - waited_then) / seconds) > TOO_LONG and not self._told:
            self._told = True
            task = self._module(pl_module).task
            print(f'the network waits for its {task.samples} {100 * waiting:.0f} % of the time: data.workers '
                  f'is {config.data.workers}{task.faster}', flush=True)
        factor = self._module(pl_module).learning_rate(step - 1)
        self._keep(trainer, step, {
            'loss': loss, 'learning_rate': factor * config.optimizer.learning_rate,
            'seconds_per_step': seconds / max(step - then, 1),
            'waiting_for_data': waiting,
            **dict(zip(parts, of_parts))}, 'train')

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = self._module(pl_module).validation_figures()  # of all devices: every rank asks
        if trainer.is_global_zero:
            self._keep(trainer, trainer.global_step, figures, 'validation')

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any,
                                batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        module = self._module(pl_module)
        size = len(batch.valid)
        wanted = range(min(size, module.config.trainer.pictures - batch_idx * size))
        if not trainer.is_global_zero or not wanted:
            return
        sheets = module.task.sheets(module.network, batch, wanted, module.config,
                                    f'step {trainer.global_step}')
        for number, sheet in zip(wanted, sheets):
            _writer(trainer).add_image(f'{module.task.picture}_{batch_idx * size + number}', sheet,
                                       trainer.global_step, dataformats='HWC')

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._since = (trainer.global_step, time.monotonic(), self._waited(trainer))

    def state_dict(self) -> dict[str, Any]:
        return {'loss': self._loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loss = state_dict['loss']

    def has_validation(self, step: int) -> bool:
        """Whether the figures after this step are in the log."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return any(f'"step": {step},' in line and '"loss":' not in line and '"event":' not in line
                   for line in lines)

    def _keep(self, trainer: pl.Trainer, step: int, figures: dict[str, float], group: str) -> None:
        self._write({'step': step, **{name: float(f'{value:.5g}') for name, value in figures.items()}})
        for name, value in figures.items():
            _writer(trainer).add_scalar(f'{group}/{name}', value, step)

    def _write(self, entry: dict[str, Any]) -> None:
        with self.path.open('a') as file:
            file.write(json.dumps(entry) + '\n')
        if self.say:
            print(json.dumps(entry), flush=True)

    def _waited(self, trainer: pl.Trainer) -> float:
        data = getattr(trainer, 'datamodule', None)
        return data.batches.waited if isinstance(data, Data) and data.batches is not None else 0.0

    def _module(self, module: pl.LightningModule) -> Training:
        if not isinstance(module, Training):
            raise TypeError(f'this log is of Training, not {type(module).__name__}')
        return module


class Progress(TQDMProgressBar):
    """Steps done of all there are, in a resumed run too."""

    @property
    def total_train_batches(self) -> int | float:
        return self.trainer.max_steps

    def init_train_tqdm(self) -> Any:
        bar = super().init_train_tqdm()
        bar.total = self.total_train_batches
        return bar

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Any:
        return {name: value for name, value in super().get_metrics(trainer, pl_module).items()
                if name != 'v_num'}


def forget_after(path: Path, step: int) -> None:
    """Drop the entries of steps that a resumed run makes again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            if json.loads(line)['step'] <= step:
                kept.append(line + '\n')
        except (ValueError, KeyError):
            continue  # half a line, of a killed run
    part = path.with_suffix('.part')
    part.write_text(''.join(kept))
    part.replace(path)


def _writer(trainer: pl.Trainer) -> Any:
    if not isinstance(trainer.logger, TensorBoardLogger):
        raise TypeError('the run has no TensorBoard logger')
    return trainer.logger.experiment
