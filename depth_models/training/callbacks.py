"""What happens beside the steps: the average of the weights, curves, pictures, a plain log."""

import json
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from depth_models.evaluation import pictures
from depth_models.training.batches import StereoBatch
from depth_models.training.module import StereoData, StereoTraining, learning_rate

SMOOTHING = 0.98  # of the loss in the log
TOO_LONG = 0.15  # of the time spent waiting for pairs: then it is said


class Average(WeightAveraging):
    """Moving average of the weights: validated in place of them, and what is shipped."""

    def __init__(self, decay: float) -> None:
        super().__init__(multi_avg_fn=lambda kept, new, number: _follow(kept, new, int(number), decay))


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
        losses = self._module(pl_module).stage_losses
        if step % config.trainer.log_every or losses is None:
            return
        shown = torch.cat([self._loss[None], losses])
        if trainer.world_size > 1:  # the mean over all devices, so every one of them asks
            shown = trainer.strategy.reduce(shown, reduce_op='mean')
        if not trainer.is_global_zero:
            return
        waited = self._waited(trainer)
        then, clock, waited_then = self._since
        seconds = max(time.monotonic() - clock, 1e-9)
        self._since = (step, time.monotonic(), waited)
        loss, *by_stage = shown.tolist()
        if (waiting := (waited - waited_then) / seconds) > TOO_LONG and not self._told:
            self._told = True
            print(f'the network waits for its pairs {100 * waiting:.0f} % of the time: data.workers is '
                  f'{config.data.workers}, or write the pairs once with depth-nodes generate', flush=True)
        factor = learning_rate(step - 1, config.trainer.steps, config.optimizer)
        self._keep(trainer, step, {
            'loss': loss, 'learning_rate': factor * config.optimizer.learning_rate,
            'seconds_per_step': seconds / max(step - then, 1),
            'waiting_for_data': waiting,
            **{f'loss_stage_{stage}': value for stage, value in enumerate(by_stage, start=1)}}, 'train')

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = self._module(pl_module).validation_figures()  # of all devices: every rank asks
        if trainer.is_global_zero:
            self._keep(trainer, trainer.global_step, figures, 'validation')

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any,
                                batch: StereoBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        module = self._module(pl_module)
        size = len(batch.left)
        wanted = range(min(size, module.config.trainer.pictures - batch_idx * size))
        if not trainer.is_global_zero or not wanted:
            return
        maps = [output.disparity for output in module.network(
            batch.left, batch.right, module.config.data.max_disparity)]
        for pair in wanted:
            picture = sheet(batch, maps, pair, f'step {trainer.global_step}')
            _writer(trainer).add_image(f'pair_{batch_idx * size + pair}', picture,
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
        return any(f'"step": {step},' in line and '"epe_1"' in line for line in lines)

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
        return data.batches.waited if isinstance(data, StereoData) and data.batches is not None else 0.0

    def _module(self, module: pl.LightningModule) -> StereoTraining:
        if not isinstance(module, StereoTraining):
            raise TypeError(f'this log is of StereoTraining, not {type(module).__name__}')
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


def sheet(batch: StereoBatch, stages: list[Tensor], pair: int, title: str) -> Any:
    """Left image, truth, every stage and the last one's error, uint8 RGB [H,W,3]."""
    truth = torch.where(batch.valid, batch.disparity, torch.nan)[pair, 0].cpu().numpy()
    high = float(batch.disparity[pair].max()) + 1.0
    maps = [stage[pair, 0].float().cpu().numpy() for stage in stages]
    panels = [pictures.photo(batch.left[pair].cpu().numpy()),
              pictures.disparity_panel(truth, high=high, title='truth'),
              *(pictures.disparity_panel(disparity, high=high, title=f'stage {number}')
                for number, disparity in enumerate(maps, start=1)),
              pictures.error_panel(estimate=maps[-1], target=truth, title=f'error of stage {len(maps)}')]
    return pictures.sheet(title, panels, columns=4, panel_width=320)


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
