"""A run in a folder: begun, or taken up where it was left, and ended with a weight file."""

import logging
import shutil
import signal
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from depth_models import pretrained
from depth_models.training import checkpoints, checks, config_files
from depth_models.training.callbacks import Average, Log, Progress
from depth_models.training.config import TrainingConfig
from depth_models.training.module import Data, Training
from depth_models.training.task import alone
from depth_models.training.tasks import make_network

# what Lightning does with other packages and users can do nothing about
DEPRECATIONS = (r'`isinstance\(treespec, LeafSpec\)` is deprecated',)


def train(config: TrainingConfig, out: Path, *, restart: bool = False, check: bool = True,
          command: str = '') -> Path | None:
    """Begin or go on with the run in folder `out`; returns the weight file.

    With several devices every process calls this; only the first one writes, the others get None.
    Several machines need `out` on a disk that they share. Ends the program with 128 + the signal's
    number where it was asked to stop. Raises ValueError where a check fails, or where the folder
    holds a run of another config.
    """
    with warnings.catch_warnings():
        for message in DEPRECATIONS:
            warnings.filterwarnings('ignore', message)
        return _train(config, out, restart, check, command)


def _train(config: TrainingConfig, out: Path, restart: bool, check: bool, command: str) -> Path | None:
    torch.set_num_threads(config.trainer.threads)
    for name in ('lightning.pytorch', 'lightning.fabric'):
        logging.getLogger(name).setLevel(logging.WARNING)
    found = None if restart else checkpoints.newest(out / 'checkpoints')
    start = 0
    if found is not None:
        path, saved = found
        checkpoints.check_same_run(saved, config, path)
        start = int(saved['global_step'])

    pl.seed_everything(config.data.seed, verbose=False)
    module = Training(make_network(config), config)
    if config.trainer.channels_last:
        _turn_channels_last(module.network)
    data = Data(module.task, config.data)
    average = Average(config.optimizer.average_decay, partial(module.task.phase, config))
    log = Log(out, start, say=not sys.stderr.isatty())
    keeper = checkpoints.Checkpoints(out / 'checkpoints', config)
    trainer = _trainer(config, out, start, [average, log, keeper])
    if trainer.is_global_zero:
        out.mkdir(parents=True, exist_ok=True)
        if check and found is None:
            checks.check(config)
        if found is None:
            _clear(out)
        (out / 'config.yaml').write_text(config_files.text(config))

    if found is not None and start >= config.trainer.steps:  # nothing is missing but the end
        module.load_state_dict(saved['state_dict'])
        keeper.load_state_dict(next(s for k, s in saved['callbacks'].items() if 'Checkpoints' in k))
    else:
        _fit(trainer, module, data, None if found is None else path)
    if not log.has_validation(config.trainer.steps):
        trainer.validate(module, datamodule=data, verbose=False)
    if not trainer.is_global_zero:
        return None
    weights = out / f'{config.name}.safetensors'
    part = weights.with_name(f'.{weights.name}.part')
    module.task.keep(module.network, out)
    pretrained.write(part, alone(module.network), config.kind, config.network, {
        'command': command, 'config_name': config.name, 'config_sha256': config_files.sha256(config),
        'steps': str(config.trainer.steps), 'seconds': f'{keeper.seconds:.0f}',
        **module.task.notes(config)})
    part.replace(weights)
    print(f'wrote {weights}')
    return weights


def _fit(trainer: pl.Trainer, module: Training, data: Data, path: Path | None) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    except checkpoints.Stopped as stopped:
        if trainer.is_global_zero:
            print(stopped, flush=True)
        sys.exit(128 + stopped.signal_number)
    except ValueError as error:  # not of the config: where it came from has to be seen
        raise RuntimeError(f'the run failed: {error}') from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _turn_channels_last(network: nn.Module) -> None:
    for layer in network.modules():
        for kind, layout in ((nn.Conv2d, torch.channels_last), (nn.Conv3d, torch.channels_last_3d)):
            if isinstance(layer, kind):
                layer.weight.data = layer.weight.data.contiguous(memory_format=layout)


def _trainer(config: TrainingConfig, out: Path, start: int, callbacks: list[Any]) -> pl.Trainer:
    wanted = config.trainer
    on_gpus = torch.cuda.is_available() and wanted.accelerator in ('auto', 'gpu', 'cuda')
    shown = sys.stderr.isatty()
    return pl.Trainer(
        accelerator=wanted.accelerator, devices=wanted.devices, num_nodes=wanted.nodes,
        strategy=wanted.strategy, precision=wanted.precision, deterministic=wanted.deterministic,
        benchmark=on_gpus and not wanted.deterministic,
        sync_batchnorm=on_gpus,  # torch has none for the CPU; one device does without
        max_steps=wanted.steps, max_epochs=-1, val_check_interval=wanted.validate_every,
        check_val_every_n_epoch=None, num_sanity_val_steps=0, log_every_n_steps=wanted.log_every,
        use_distributed_sampler=False,  # gradients are clipped by the module
        default_root_dir=out, enable_model_summary=False, enable_progress_bar=shown,
        # steps that a resumed run makes again leave the curves
        logger=TensorBoardLogger(out, name='', version='tensorboard', purge_step=start + 1),
        callbacks=[*callbacks, *([Progress()] if shown else [])])


def _clear(out: Path) -> None:
    """Remove what another run left in the folder."""
    for name in ('checkpoints', 'tensorboard'):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / 'log.jsonl').unlink(missing_ok=True)
