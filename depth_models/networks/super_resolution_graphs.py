"""The networks of super-resolution as graphs: from a low-resolution map to depth and confidence.

Both have two: the first one, exact, enlarges by interpolation; the second one says by how much that is
to be corrected. The sum is left to whoever runs them, because it has to be one of float32.
"""

from torch import Tensor, nn

from depth_models.networks.depth_gan import DepthGAN
from depth_models.networks.graph import Graph
from depth_models.networks.guided_super_resolution import GuidedSuperResolution

LOW_RES = 'low_res'  # float32 [1,1,h,w] any unit, 0 where missing
IMAGE = 'image'  # uint8 [1,H,W,3] RGB
RELATIVE = 'relative'  # float32 [1,1,H,W] inverse depth but for a scale and a shift
DEPTH = 'depth_1'  # [1,1,H,W] enlarged, in the unit of the map
SCALE = 'scale'  # [1,1,1,1] of the correction, in that unit
CORRECTION = 'correction_2'  # [1,1,H,W] of DEPTH, in parts of SCALE: see `low_res.corrected`


def depth_gan_graphs(network: DepthGAN) -> list[Graph]:
    """Confidences are logits [1,1,h,w]: 'confidence_1', 'confidence_2'."""
    return [Graph('bicubic', _Bicubic(network), (LOW_RES,),
                  (DEPTH, 'confidence_1', SCALE, 'features', 'half'), exact=True),
            Graph('network', _Second(network), ('features', 'half'), (CORRECTION, 'confidence_2'))]


def guided_graphs(network: GuidedSuperResolution) -> list[Graph]:
    """'confidence_1' is a logit [1,1,h,w], 'confidence_2' one of the network's first grid."""
    return [Graph('bilinear', _Bilinear(network), (LOW_RES, IMAGE, RELATIVE),
                  (DEPTH, 'confidence_1', SCALE, 'seen', 'guide'), exact=True),
            Graph('network', _Second(network), ('seen', 'guide'), (CORRECTION, 'confidence_2'))]


class _Bicubic(nn.Module):
    def __init__(self, network: DepthGAN) -> None:
        super().__init__()
        self.network = network

    def forward(self, low_res: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        evidence = self.network.evidence(low_res)
        output = self.network.first(evidence)
        return output.depth, output.confidence, evidence.scale, evidence.features, evidence.half


class _Bilinear(nn.Module):
    def __init__(self, network: GuidedSuperResolution) -> None:
        super().__init__()
        self.network = network

    def forward(self, low_res: Tensor, image: Tensor, relative: Tensor
                ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        evidence = self.network.evidence(low_res, image, relative)
        output = self.network.first(evidence)
        return output.depth, output.confidence, evidence.scale, evidence.seen, evidence.guide


class _Second(nn.Module):
    def __init__(self, network: DepthGAN | GuidedSuperResolution) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.second(features, other)
