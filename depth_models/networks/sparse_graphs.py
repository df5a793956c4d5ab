"""The network of sparse depth as graphs: from a sparse map to depth and confidence of its size."""

from torch import Tensor, nn

from depth_models.networks.graph import Graph
from depth_models.networks.sparse_depth import SparseDepth
from depth_models.networks.sparse_features import Evidence

SPARSE = 'sparse'  # float32 [1,1,H,W] m, 0 where not measured; H and W multiples of 16
DOUBT = 'doubt'  # float32 [1,1,1,1], 1: measurements may be wrong; 0: they are right
IMAGE = 'image'  # uint8 [1,H,W,3] RGB, of networks with `rgb`


def stage_graphs(network: SparseDepth) -> list[Graph]:
    """
    Two graphs; that of stage k gives 'depth_k', [1,1,H,W] m, and 'confidence_k', a logit [1,1,H/4,W/4].
    The first one is exact: the sums of its fits need the digits of float32.
    """
    inputs = (SPARSE, DOUBT, IMAGE) if network.config.rgb else (SPARSE, DOUBT)
    return [Graph('surfaces', _First(network), inputs, ('depth_1', 'confidence_1', 'features', 'surfaces'),
                  exact=True),
            Graph('network', _Second(network), ('features', 'surfaces'), ('depth_2', 'confidence_2'))]


class _First(nn.Module):
    def __init__(self, network: SparseDepth) -> None:
        super().__init__()
        self.network = network

    def forward(self, sparse: Tensor, doubt: Tensor, image: Tensor | None = None
                ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        evidence = self.network.evidence(sparse, doubt, image)
        output = self.network.first(evidence)
        return output.depth, output.confidence, evidence.features, evidence.surfaces


class _Second(nn.Module):
    def __init__(self, network: SparseDepth) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, surfaces: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network.second(Evidence(features, surfaces))
        return output.depth, output.confidence
