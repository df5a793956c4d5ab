"""`depth-nodes train NAME`: what all trainings take from the command line."""

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path

from depth_models import pretrained

EXTRA = 'pip install depth_nodes[train]'


@dataclass(frozen=True)
class Command:
    """One of them."""

    name: str  # of a task, see tasks.TASKS
    config: str  # shipped one, which is trained if no other is named
    example: str = 'data.batch=16 or trainer.devices=4'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its options."""
        parser.add_argument('--config', default=self.config,
                            help='shipped name or YAML file (default: %(default)s)')
        parser.add_argument('--out', type=Path, help='folder of the run; runs/NAME if it is not given')
        parser.add_argument('--steps', type=int, help='short for --set trainer.steps=N')
        parser.add_argument('--set', dest='overrides', action='append', default=[],
                            metavar='SECTION.KEY=VALUE', help='on top of the config, for instance '
                            f'{self.example}; may be given again')
        parser.add_argument('--restart', action='store_true', help='begin again where there is a checkpoint')
        parser.add_argument('--check', action='store_true', help='only check the data and the network')
        parser.add_argument('--skip-checks', action='store_true', help='train without checking first')
        parser.add_argument('--ship', metavar='NAME', help='enter the result among the shipped weights')

    def run(self, options: argparse.Namespace) -> None:
        """Train as the options say. Raises OSError, ValueError or ImportError with one sentence."""
        try:
            from depth_models.training import checks, config_files, running, tasks
        except ModuleNotFoundError as error:
            raise ImportError(f'training needs more packages ({error}): {EXTRA}') from error
        overrides = [*options.overrides,
                     *([] if options.steps is None else [f'trainer.steps={options.steps}'])]
        config = config_files.load(options.config, overrides)
        if (task := tasks.task_of(config.kind)).name != self.name:
            raise ValueError(f'{options.config} is of a network of kind {config.kind}: '
                             f'depth-nodes train {task.name}')
        if options.check:
            checks.check(config)
            return
        command = ['depth-nodes', 'train', self.name, '--config', options.config]
        for override in overrides:
            command += ['--set', override]
        path = running.train(config, options.out or Path('runs') / config.name, restart=options.restart,
                             check=not options.skip_checks, command=shlex.join(command))
        if path is not None and options.ship:
            print(f'shipped {pretrained.ship(path, options.ship)}')

    def main(self, arguments: list[str] | None = None) -> None:
        """The command by itself."""
        parser = argparse.ArgumentParser(description=f'Train a network: {self.name}.')
        self.add_arguments(parser)
        try:
            self.run(parser.parse_args(arguments))
        except (OSError, ValueError, ImportError) as error:
            parser.exit(1, f'{error}\n')
