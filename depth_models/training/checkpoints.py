"""
Checkpoints: a run that is killed at any moment goes on from the last one as if nothing had been.

One is written every N steps, on SIGTERM and on Ctrl-C: to a file of another name, which takes its
name when it is whole on the disk. The last two stay, in case the newest one is damaged later.
"""

import json
import os
import signal
import threading
import time
import zipfile
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint

from depth_models.training import config_files
from depth_models.training.config import TrainingConfig

KEPT = 2
# what of the config does not change the weights that come out, so that a resumed run may change it
FREE = ('data.workers', 'data.prefetch', 'data.validation_', 'data.kept', 'data.furniture',
        *(f'trainer.{name}' for name in (
            'accelerator', 'devices', 'nodes', 'strategy', 'threads', 'checkpoint_every',
            'validate_every', 'log_every', 'pictures', 'overfit_steps', 'overfit_factor')))


class Stopped(Exception):
    """The run was asked to stop, and its state is saved."""

    def __init__(self, step: int, signal_number: int | None) -> None:
        super().__init__(f'stopped after step {step}; the same command goes on from there')
        self.signal_number = signal_number or signal.SIGTERM  # None: another process got it


class Checkpoints(Checkpoint):
    """Writes them."""

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        self.folder, self.config = folder, config
        self._signal: int | None = None  # that asked to stop
        self._before = 0.0  # s of training before this process
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """Spent on the training until now, by this process and those before it."""
        return self._before + (0.0 if self._began is None else time.monotonic() - self._began)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):  # in place of Lightning's, which save nothing
                signal.signal(number, self._ask)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any,
                           batch: Any, batch_idx: int) -> None:
        step, every, stop = trainer.global_step, self.config.trainer, self._stops(trainer)
        validated = step % every.validate_every == 0  # then what is kept includes its figures, below
        if stop or (not validated and (step % every.checkpoint_every == 0 or step >= every.steps)):
            save(trainer, self.path(step))
        if stop and not validated:
            raise Stopped(step, self._signal)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != 'fit':
            return
        step, every, stop = trainer.global_step, self.config.trainer, self._stops(trainer)
        if stop or step % every.checkpoint_every == 0 or step >= every.steps:
            save(trainer, self.path(step))
        if stop:
            raise Stopped(step, self._signal)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule,
                           checkpoint: dict[str, Any]) -> None:
        checkpoint['config'] = json.dumps(config_files.resolved(self.config))

    def state_dict(self) -> dict[str, Any]:
        return {'seconds': self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = state_dict['seconds']

    def path(self, step: int) -> Path:
        """Of the checkpoint after `step` steps."""
        return self.folder / f'step_{step:08d}.ckpt'

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # Ctrl-C twice: now
        self._signal = number

    def _stops(self, trainer: pl.Trainer) -> bool:
        """Whether any of the processes was asked to stop; all of them get the same answer."""
        asked = self._signal is not None
        return asked if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(
            asked, all=False)


def save(trainer: pl.Trainer, path: Path) -> None:
    """Write the state of the run; files older than the last two go."""
    part = path.with_suffix('.part')
    path.parent.mkdir(parents=True, exist_ok=True)
    trainer.save_checkpoint(part)
    if not trainer.is_global_zero:
        return
    with part.open('rb+') as file:
        os.fsync(file.fileno())  # or a power cut could leave the new name without its content
    part.replace(path)
    for old in sorted(path.parent.glob('step_*.ckpt'))[:-KEPT]:
        old.unlink()


def newest(folder: Path, say: Any = print) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, and its content; None where there is none.

    Raises ValueError where there are some, and none of them is whole.
    """
    found = sorted(folder.glob('step_*.ckpt'), reverse=True)
    for path in found:
        reason = damage(path)
        if reason is None:
            return path, torch.load(path, map_location='cpu', weights_only=True)
        say(f'{path} is damaged ({reason}); the one before it is tried')
    if found:
        raise ValueError(f'{folder}: no checkpoint here is whole; --restart begins again')
    return None


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint file; None for one whose every byte is as it was written."""
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return ' '.join(str(error).split())
    return None if broken is None else f'checksum of {broken}'


def check_same_run(saved: dict[str, Any], config: TrainingConfig, path: Path) -> None:
    """ValueError where the checkpoint belongs to a run that would give other weights."""
    before, now = (_flat(content) for content in (
        json.loads(saved['config']), config_files.resolved(config)))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key) and not key.startswith(FREE):
            raise ValueError(
                f'{path} is of a run with {key} = {before.get(key)}, and now it is {now.get(key)}: '
                'another --out, or --restart to begin again')


def _flat(content: dict[str, Any], where: str = '') -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f'{where}{key}.')
        else:
            found[f'{where}{key}'] = value
    return found
