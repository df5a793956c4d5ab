"""Engines run the graphs of a model: eager torch, OpenVINO, ONNX Runtime. `choose` picks one."""

from depth_models.engines.choice import DEVICES, ENGINES, PRECISIONS, choose
from depth_models.engines.engine import Engine, Model

__all__ = ['DEVICES', 'ENGINES', 'PRECISIONS', 'Engine', 'Model', 'choose']
