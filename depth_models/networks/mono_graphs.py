"""The networks of one camera as graphs: from a uint8 image to depth and confidence of its size."""

from torch import Tensor, nn

from depth_models.networks.coarse_to_fine import CoarseToFine, FineNet
from depth_models.networks.graph import Graph
from depth_models.networks.mono_parts import DepthOutput
from depth_models.networks.mono_unet import MonoUNet

IMAGE = 'image'  # uint8 [1,H,W,3] RGB; H and W as the network's kind asks for


def unet_graphs(network: MonoUNet) -> list[Graph]:
    """
    One graph, which gives 'depth_1' and 'confidence_1': [1,1,H,W] each, depth in parts of max_depth,
    confidence a logit. The graph of step k of a network gives 'depth_k' and 'confidence_k'.
    """
    return [Graph('unet', _UNet(network), (IMAGE,), ('depth_1', 'confidence_1'))]


def coarse_to_fine_graphs(network: CoarseToFine) -> list[Graph]:
    """Two graphs, as `unet_graphs` has one; the second one looks at the image and the first answer.

    It takes the logit rather than the depth: lower precisions round it less where depth is largest.
    """
    return [Graph('coarse', network.coarse, (IMAGE,), ('depth_1', 'confidence_1', 'logit_1')),
            Graph('fine', _Fine(network.fine), (IMAGE, 'confidence_1', 'logit_1'),
                  ('depth_2', 'confidence_2'))]


class _UNet(nn.Module):
    def __init__(self, network: MonoUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network(image)
        return output.depth, output.confidence


class _Fine(nn.Module):
    def __init__(self, network: FineNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, confidence: Tensor, logit: Tensor) -> tuple[Tensor, Tensor]:
        # the depth is what the logit says already
        output = self.network(image, DepthOutput(logit, confidence, logit))
        return output.depth, output.confidence
