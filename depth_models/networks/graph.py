"""One step of a network as a function of named tensors: what an engine runs, and what is exported."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Graph:
    """
    A step. The steps of a model share one board of tensors: each takes its inputs from the board
    and puts its outputs on it, so that a model is run, exported and stopped step by step.
    """

    name: str  # 'stage_1'
    module: nn.Module  # forward(*inputs) -> tuple of outputs, or one tensor
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    exact: bool = False  # needs float32, whatever precision the engine otherwise computes with
