"""OpenVINO: the fastest on x86 processors."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from depth_models.engines.engine import Engine, Step
from depth_models.networks.graph import Graph


@cache
def has_bf16(cpuinfo: Path = Path('/proc/cpuinfo')) -> bool:
    """Whether the processor computes with bf16 itself; OpenVINO offers it elsewhere too."""
    try:
        flags = cpuinfo.read_text().split()
    except OSError:
        return False
    return 'avx512_bf16' in flags or 'amx_bf16' in flags


@cache
def _core() -> openvino.Core:
    """One for the process, and for as long as it lives.

    Each would exchange the stack that signals are handled on for one of its own, and put back what it
    found. Of two, the one that ends last puts back that of the other, which is no more: then Ctrl-C is a
    segmentation fault.
    """
    return openvino.Core()


class OpenVinoEngine(Engine):
    """One request per graph; a tensor that one graph gives is the memory that the next one reads."""

    name = 'openvino'
    version = openvino.__version__.split('-')[0]
    device = 'cpu'

    def __init__(self, precision: str, num_threads: int) -> None:
        """num_threads: of inference; 0: as many as OpenVINO finds cores."""
        self._core = _core()
        if precision == 'bf16' and not has_bf16():
            raise ValueError('precision is bf16, but this processor has no bf16 arithmetic; use fp32')
        self.precision = ('bf16' if has_bf16() else 'fp32') if precision == 'auto' else precision
        self._options: dict[str, Any] = {
            'PERFORMANCE_HINT': 'LATENCY', 'NUM_STREAMS': 1,
            'INFERENCE_PRECISION_HINT': 'bf16' if self.precision == 'bf16' else 'f32',
            # a thread that is pinned to a core waits there while another core is idle
            'ENABLE_CPU_PINNING': False}
        if num_threads:
            self._options['INFERENCE_NUM_THREADS'] = num_threads

    def compile(self, graph: Graph, onnx: bytes) -> Step:
        options = {**self._options, **({'INFERENCE_PRECISION_HINT': 'f32'} if graph.exact else {})}
        model = self._core.compile_model(self._core.read_model(onnx), 'CPU', options)
        request = model.create_infer_request()

        def step(inputs: list[Any]) -> list[Any]:
            for index, tensor in enumerate(inputs):
                request.set_input_tensor(index, tensor)
            request.infer()
            return [request.get_output_tensor(index) for index in range(len(graph.outputs))]

        return step

    def tensor(self, array: NDArray[Any]) -> openvino.Tensor:
        return openvino.Tensor(array, shared_memory=True)

    def array(self, tensor: openvino.Tensor) -> NDArray[np.float32]:
        return tensor.data
