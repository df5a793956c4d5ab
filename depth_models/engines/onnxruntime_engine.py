"""ONNX Runtime: ARM processors, and GPUs through its providers."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from depth_models.engines.engine import Engine, Step
from depth_models.networks.graph import Graph

GPU_PROVIDERS = ('TensorrtExecutionProvider', 'CUDAExecutionProvider')


def gpu_providers() -> list[str]:
    """Those of this build of ONNX Runtime, the faster one first."""
    have = onnxruntime.get_available_providers()
    return [name for name in GPU_PROVIDERS if name in have]


class OnnxRuntimeEngine(Engine):
    """A session per graph; tensors stay ONNX Runtime's own between them."""

    name = 'onnxruntime'
    version = onnxruntime.__version__

    def __init__(self, device: str, precision: str, num_threads: int) -> None:
        """num_threads: of inference on the CPU; 0: as many as there are cores."""
        if precision == 'bf16':
            raise ValueError('precision is bf16, which ONNX Runtime has not on CPUs; use fp32, or '
                             'engine openvino or torch')
        self.device, self.precision = device, 'fp32'
        self._providers = [*(gpu_providers() if device == 'cuda' else []), 'CPUExecutionProvider']
        if device == 'cuda' and len(self._providers) == 1:
            raise ValueError('device is cuda, but this ONNX Runtime has no provider for it; install '
                             'onnxruntime-gpu, or use cpu')
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = num_threads
        # spinning threads are quicker by little and take a core from everything else
        self._options.add_session_config_entry('session.intra_op.allow_spinning', '0')

    def compile(self, graph: Graph, onnx: bytes) -> Step:
        session = onnxruntime.InferenceSession(onnx, self._options, providers=self._providers)

        def step(inputs: list[Any]) -> list[Any]:
            return session.run_with_ort_values(graph.outputs, dict(zip(graph.inputs, inputs, strict=True)))

        return step

    def tensor(self, array: NDArray[Any]) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)

    def array(self, tensor: onnxruntime.OrtValue) -> NDArray[np.float32]:
        return tensor.numpy()
