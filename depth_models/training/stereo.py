"""
`depth-nodes train stereo --config anynet`: from pairs to a weight file.

The run lives in a folder: config.yaml (everything that was in force), checkpoints/, log.jsonl,
tensorboard/, and at the end <name>.safetensors. Killed at any moment, the same command goes on from
the last checkpoint, and ends with the weights that an undisturbed run would have given.

Several devices: --set trainer.devices=4 --set trainer.strategy=ddp; each draws its share of every
batch, so data.batch stays what it is. Several machines: trainer.nodes too, the same command on each
with MASTER_ADDR, MASTER_PORT and NODE_RANK set (or torchrun, or Slurm), and --out on a shared disk.
"""

import argparse
import shlex
from pathlib import Path

from depth_models import pretrained

EXTRA = 'pip install depth_nodes[train]'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `train stereo`."""
    parser.add_argument('--config', default='anynet', help='shipped name or YAML file')
    parser.add_argument('--out', type=Path, help='folder of the run; runs/NAME if it is not given')
    parser.add_argument('--steps', type=int, help='short for --set trainer.steps=N')
    parser.add_argument('--set', dest='overrides', action='append', default=[],
                        metavar='SECTION.KEY=VALUE', help='on top of the config, for instance '
                        'data.batch=16 or trainer.devices=4; may be given again')
    parser.add_argument('--restart', action='store_true', help='begin again where there is a checkpoint')
    parser.add_argument('--check', action='store_true', help='only check the data and the network')
    parser.add_argument('--skip-checks', action='store_true', help='train without checking first')
    parser.add_argument('--ship', metavar='NAME', help='enter the result among the shipped weights')


def run(options: argparse.Namespace) -> None:
    """Train as the options say. Raises OSError, ValueError or ImportError with one sentence."""
    try:
        from depth_models.training import checks, config_files, running
    except ModuleNotFoundError as error:
        raise ImportError(f'training needs more packages ({error}): {EXTRA}') from error
    overrides = [*options.overrides, *([] if options.steps is None else [f'trainer.steps={options.steps}'])]
    config = config_files.load(options.config, overrides)
    if options.check:
        checks.check(config)
        return
    command = ['depth-nodes', 'train', 'stereo', '--config', options.config]
    for override in overrides:
        command += ['--set', override]
    path = running.train(config, options.out or Path('runs') / config.name, restart=options.restart,
                         check=not options.skip_checks, command=shlex.join(command))
    if path is not None and options.ship:
        print(f'shipped {pretrained.ship(path, options.ship)}')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description='Train a stereo network.')
    add_arguments(parser)
    try:
        run(parser.parse_args(arguments))
    except (OSError, ValueError, ImportError) as error:
        parser.exit(1, f'{error}\n')


if __name__ == '__main__':
    main()
