"""Depth Anything as a graph: from a uint8 image to what its head says of every pixel."""

import torch
from torch import Tensor, nn

from depth_models.networks.graph import Graph
from depth_models.networks.mono_graphs import IMAGE

# of R, G, B in 0..1: exactly what its weights were trained with
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def depth_anything_graphs(model: nn.Module, version: str) -> list[Graph]:
    """One graph, which gives 'depth_1' [1,1,H,W]; H and W are multiples of the model's patches.

    model: a DepthAnythingForDepthEstimation of `transformers` of this version, whose code it is: what
    another version has exported is another graph.
    """
    return [Graph(f'depth_anything_{version}', _WithInput(model), (IMAGE,), ('depth_1',))]


class _WithInput(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', 255 * torch.tensor(MEAN))
        self.register_buffer('std', 255 * torch.tensor(STD))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        pixels = ((image.to(self.mean.dtype) - self.mean) / self.std).permute(0, 3, 1, 2)
        return (self.model(pixel_values=pixels).predicted_depth[:, None],)
