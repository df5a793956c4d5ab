"""Weights of sparse networks for tests: untrained, and yet no two stages and no two pixels alike."""

from pathlib import Path

import torch

from depth_models import pretrained
from depth_models.networks.sparse_depth import SparseDepth, SparseDepthConfig


def network(*, rgb: bool = False, seed: int = 1) -> SparseDepth:
    torch.manual_seed(seed)
    made = SparseDepth(SparseDepthConfig(rgb=rgb))
    with torch.no_grad():
        for parameter in made.parameters():  # as they begin, some are 0
            parameter += 0.02 * torch.randn_like(parameter)
    return made.eval()


def write(path: Path, *, rgb: bool = False) -> str:
    made = network(rgb=rgb)
    pretrained.write(path, made, 'sparse_depth', made.config, {})
    return str(path)
