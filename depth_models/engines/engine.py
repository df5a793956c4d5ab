"""What every engine is: something that compiles the graphs of a model and runs them one by one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.networks.graph import Graph

Step = Callable[[list[Any]], list[Any]]  # tensors of the engine in, tensors of the engine out


class Engine(ABC):
    """Holds what all models share: the device, the precision, the number of threads."""

    name: str  # as users write it
    version: str
    device: str  # 'cpu', 'cuda'
    precision: str  # 'fp32', 'bf16'
    needs_onnx = True  # compiles exported graphs, not modules

    @abstractmethod
    def compile(self, graph: Graph, onnx: bytes) -> Step:
        """A graph as a function. `onnx` is empty where `needs_onnx` is false."""

    @abstractmethod
    def tensor(self, array: NDArray[Any]) -> Any:
        """An array as an input of a step; not copied where that can be avoided."""

    @abstractmethod
    def array(self, tensor: Any) -> NDArray[np.float32]:
        """An output of a step. Valid until the step runs again."""


class Model:
    """The compiled graphs of a model, for the shapes that they were compiled for."""

    def __init__(self, engine: Engine, graphs: Sequence[Graph], onnx: Sequence[bytes]) -> None:
        self._engine, self._graphs = engine, graphs
        self._steps = [engine.compile(graph, data) for graph, data in zip(graphs, onnx, strict=True)]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Iterator[Callable[[str], NDArray[np.float32]]]:
        """
        Run graph after graph; stop iterating to stop paying. After each, what is yielded gives a
        tensor of the board by name, valid until the next run.
        """
        board = {name: self._engine.tensor(array) for name, array in inputs.items()}
        for graph, step in zip(self._graphs, self._steps, strict=True):
            board.update(zip(graph.outputs, step([board[name] for name in graph.inputs]), strict=True))
            yield lambda name: self._engine.array(board[name])
