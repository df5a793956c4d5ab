"""The kinds of training there are."""

from typing import Any

from torch import nn

from depth_models import pretrained
from depth_models.training.config import TrainingConfig
from depth_models.training.mono_task import CoarseToFineTask, MonoUNetTask
from depth_models.training.sparse_task import SparseDepthTask
from depth_models.training.stereo_task import StereoTask
from depth_models.training.super_resolution_task import DepthGANTask, GuidedTask
from depth_models.training.task import Task

TASKS: tuple[Task[Any], ...] = (StereoTask(), MonoUNetTask(), CoarseToFineTask(),
                                 SparseDepthTask(), DepthGANTask(), GuidedTask())


def task_of(kind: str) -> Task[Any]:
    """What trains a kind of network; ValueError for one that is not there."""
    for task in TASKS:
        if kind in task.kinds:
            return task
    names = ', '.join(name for task in TASKS for name in task.kinds)
    raise ValueError(f'network.kind must be one of {names}, got {kind}')


def make_network(config: TrainingConfig) -> nn.Module:
    """The network to start from: random but for what its task knows better, or `initial_weights`."""
    task = task_of(config.kind)
    network = task.kinds[config.kind].network(config.network)
    task.begin(network, config)
    if config.trainer.initial_weights:
        pretrained.load_into(network, pretrained.read(config.trainer.initial_weights, config.kind))
    return network
