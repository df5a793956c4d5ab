"""Eager torch: the reference that every other engine is compared with."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depth_models.engines.engine import Engine, Step
from depth_models.networks.graph import Graph


class TorchEngine(Engine):
    """Runs the modules themselves, on the CPU or a GPU."""

    name = 'torch'
    version = torch.__version__
    needs_onnx = False

    def __init__(self, device: str, precision: str, num_threads: int) -> None:
        """num_threads: of the whole process, as torch has it; 0 leaves them."""
        self.device, self.precision = device, 'fp32' if precision == 'auto' else precision
        if num_threads:
            torch.set_num_threads(num_threads)

    def compile(self, graph: Graph, onnx: bytes) -> Step:
        module = graph.module.eval().to(self.device)
        lower = self.precision == 'bf16' and not graph.exact

        def step(inputs: list[Any]) -> list[Any]:
            with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16, enabled=lower):
                outputs = module(*inputs)
            if self.device == 'cuda':
                torch.cuda.synchronize()  # a step is over when its numbers are there
            return list(outputs)

        return step

    def tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def array(self, tensor: torch.Tensor) -> NDArray[np.float32]:
        return tensor.float().cpu().numpy()
