"""`depth-nodes <command>`: what there is to do without a line of Python, most of it without ROS."""

import argparse
import sys
from collections.abc import Callable

from depth_models.data import generate
from depth_models.estimators import export_files
from depth_models.evaluation import mono as evaluate_mono
from depth_models.evaluation import sparse as evaluate_sparse
from depth_models.evaluation import stereo as evaluate_stereo
from depth_models.evaluation import super_resolution as evaluate_super_resolution
from depth_models.training import mono as train_mono
from depth_models.training import sparse as train_sparse
from depth_models.training import stereo as train_stereo
from depth_models.training import super_resolution as train_super_resolution

Run = Callable[[argparse.Namespace], None]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='depth-nodes', description='Depth from cameras.')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    _add(commands, 'generate', generate.add_arguments, generate.run,
         'make stereo pairs with exact disparity, or a picture of some')
    _add(commands, 'export', export_files.add_arguments, export_files.run,
         'write the stages of a network as ONNX files')
    train = _group(commands, 'train', 'train a network')
    _add(train, 'stereo', train_stereo.add_arguments, train_stereo.run,
         'train a stereo network; goes on where it was killed')
    _add(train, 'mono', train_mono.add_arguments, train_mono.run,
         'train depth from one image; goes on where it was killed')
    _add(train, 'coarse_to_fine', train_mono.COARSE_TO_FINE.add_arguments, train_mono.COARSE_TO_FINE.run,
         'train the coarse network, then the fine one; goes on where it was killed')
    _add(train, 'sparse_depth', train_sparse.add_arguments, train_sparse.run,
         'train dense depth from sparse depth; goes on where it was killed')
    _add(train, 'depth_gan', train_super_resolution.DEPTH_GAN.add_arguments,
         train_super_resolution.DEPTH_GAN.run,
         'train super-resolution of depth alone; goes on where it was killed')
    _add(train, 'super_resolution', train_super_resolution.add_arguments, train_super_resolution.run,
         'train super-resolution of depth guided by an image; goes on where it was killed')
    evaluate = _group(commands, 'evaluate', 'measure accuracy against ground truth')
    _add(evaluate, 'stereo', evaluate_stereo.add_arguments, evaluate_stereo.run,
         'judge every stage beside the matchers of OpenCV')
    _add(evaluate, 'mono', evaluate_mono.add_arguments, evaluate_mono.run,
         'judge depth from one image beside answers that do not look at it')
    _add(evaluate, 'sparse', evaluate_sparse.add_arguments, evaluate_sparse.run,
         'judge dense depth from sparse depth beside interpolation')
    _add(evaluate, 'super_resolution', evaluate_super_resolution.add_arguments, evaluate_super_resolution.run,
         'judge enlarged depth beside interpolation and filters')
    # of the nodes, and imported late: what they need of ROS they import when they run
    from depth_nodes.replay import command as replay
    from depth_nodes.replay import compare

    _add(commands, 'replay', replay.add_arguments, replay.run,
         'run a node over a recording and write a report')
    _add(commands, 'compare', compare.add_arguments, compare.run,
         'set reports of replays side by side, with what is larger than noise marked')
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f'{options.command}: {error}')
    except KeyboardInterrupt:
        sys.exit(130)


def _group(commands: argparse._SubParsersAction, name: str, about: str) -> argparse._SubParsersAction:
    parser = commands.add_parser(name, help=about, description=about.capitalize() + '.')
    return parser.add_subparsers(required=True, metavar='WHAT')


def _add(commands: argparse._SubParsersAction, name: str,
         add_arguments: Callable[[argparse.ArgumentParser], None], run: Run, about: str) -> None:
    parser = commands.add_parser(name, help=about, description=about.capitalize() + '.')
    add_arguments(parser)
    parser.set_defaults(run=run, command=parser.prog)


if __name__ == '__main__':
    main()
