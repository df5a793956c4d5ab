"""Which engine runs a model, and why that one."""

import platform
from collections.abc import Callable, Iterator
from glob import glob

import torch

from depth_models.engines.engine import Engine

ENGINES = ('auto', 'torch', 'openvino', 'onnxruntime')
DEVICES = ('auto', 'cpu', 'cuda')
PRECISIONS = ('auto', 'fp32', 'bf16')
INSTALL = {'openvino': 'pip install openvino onnx', 'onnxruntime': 'pip install onnxruntime onnx'}


def choose(engine: str = 'auto', *, device: str = 'auto', precision: str = 'auto',
           num_threads: int = 0) -> tuple[Engine, str]:
    """
    An engine, and in a few words why this one.

    engine: of ENGINES; auto: on a GPU ONNX Runtime, else torch; on x86 processors OpenVINO, on
    others ONNX Runtime; torch where those are not installed. device: auto: a GPU if there is one.
    precision: auto: bf16 with OpenVINO where the processor computes with it, which costs no
    accuracy (docs/performance.md); else fp32. num_threads: 0: all cores.

    Raises ValueError, with the allowed values or with what to install.
    """
    for name, value, allowed in (('engine', engine, ENGINES), ('device', device, DEVICES),
                                 ('precision', precision, PRECISIONS)):
        if value not in allowed:
            raise ValueError(f'{name} must be one of {", ".join(allowed)}, got {value!r}')
    if device == 'cuda' and not has_gpu():
        raise ValueError('device is cuda, but there is no GPU; use cpu or auto')
    if engine != 'auto':
        try:
            return make(engine, the_device(engine, device), precision, num_threads), 'as asked for'
        except (ImportError, OSError) as error:
            raise ValueError(f'engine is {engine}, but {error}; {INSTALL.get(engine, "")}, or use '
                             f'engine auto') from error
    passed_over = []
    for name, at, reason in candidates(device):
        try:
            chosen = make(name, at, precision, num_threads)
        except (ImportError, OSError, ValueError) as error:
            passed_over.append(f'not {name}: {error}')
        else:
            return chosen, '; '.join([reason, *passed_over])
    raise ValueError(f'no engine for device {device} with precision {precision}: '
                     f'{"; ".join(passed_over)}')


def candidates(device: str) -> Iterator[tuple[str, str, str]]:
    """(engine, device, why) from the best one on."""
    if device != 'cpu' and has_gpu():
        yield 'onnxruntime', 'cuda', 'its GPU providers are the fastest on a GPU'
        yield 'torch', 'cuda', 'there is a GPU'
    if device == 'cuda':
        return
    machine = platform.machine()
    if machine in ('x86_64', 'AMD64'):
        yield 'openvino', 'cpu', f'the fastest on {machine}'
        yield 'onnxruntime', 'cpu', f'the second fastest on {machine}'
    else:
        yield 'onnxruntime', 'cpu', f'the fastest on {machine}'
    yield 'torch', 'cpu', 'always there'


def the_device(engine: str, device: str) -> str:
    """The device of an engine that was asked for by name."""
    if engine == 'openvino' and device == 'cuda':
        raise ValueError('engine openvino runs on the CPU; use device cpu, or engine torch or '
                         'onnxruntime')
    if device != 'auto':
        return device
    if engine == 'torch':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    if engine == 'onnxruntime' and has_gpu():
        from depth_models.engines.onnxruntime_engine import gpu_providers
        return 'cuda' if gpu_providers() else 'cpu'
    return 'cpu'


def has_gpu() -> bool:
    """Whether this machine has a GPU that CUDA runs on; its driver says so, or torch."""
    return bool(glob('/dev/nvidia[0-9]*') or glob('/dev/nvhost-gpu')) or torch.cuda.is_available()


def make(name: str, device: str, precision: str, num_threads: int) -> Engine:
    """Imports the engine's library. Raises ImportError, OSError, or ValueError for what it cannot."""
    makers: dict[str, Callable[[], Engine]] = {
        'torch': lambda: _torch(device, precision, num_threads),
        'openvino': lambda: _openvino(precision, num_threads),
        'onnxruntime': lambda: _onnxruntime(device, precision, num_threads)}
    return makers[name]()


def _torch(device: str, precision: str, num_threads: int) -> Engine:
    from depth_models.engines.torch_engine import TorchEngine
    if device == 'cuda' and not torch.cuda.is_available():
        raise ValueError('device is cuda, but this torch was built without it')
    return TorchEngine(device, precision, num_threads)


def _openvino(precision: str, num_threads: int) -> Engine:
    import onnx  # noqa: F401 - the exporter needs it: better known now than at the first frame

    from depth_models.engines.openvino_engine import OpenVinoEngine
    return OpenVinoEngine(precision, num_threads)


def _onnxruntime(device: str, precision: str, num_threads: int) -> Engine:
    import onnx  # noqa: F401 - as above

    from depth_models.engines.onnxruntime_engine import OnnxRuntimeEngine
    return OnnxRuntimeEngine(device, precision, num_threads)
