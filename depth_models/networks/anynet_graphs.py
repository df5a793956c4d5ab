"""AnyNet's four stages as graphs: from uint8 images to disparity and confidence on each grid."""

from torch import Tensor, nn

from depth_models.networks.anynet import AnyNet, PropagationStage, SearchStage, StageState
from depth_models.networks.graph import Graph

IMAGES = 'images'  # uint8 [2,H,W,3] RGB: left, right; H and W multiples of 16
LEFT = 'left_image'  # uint8 [1,H,W,3], the first of them: cutting it out takes engines 2 ms


def stage_graphs(network: AnyNet, max_disparity: int) -> list[Graph]:
    """
    The stages in order; number k gives 'disparity_k' [1,1,h,w], in columns of its own grid, and
    'confidence_k' [1,1,h,w], a logit. max_disparity: px, a positive multiple of 16.

    Stage 4 takes the left image once more: handing a float copy through the stages costs more.
    """
    eighth, quarter = network.refine
    return [
        Graph('stage_1', _Search(network.search, max_disparity), (IMAGES, LEFT),
              ('steps', 'features_1', 'skip_2', 'skip_3', 'disparity_1', 'confidence_1')),
        Graph('stage_2', _Refine(eighth),
              ('steps', 'features_1', 'skip_2', 'disparity_1', 'confidence_1'),
              ('features_2', 'disparity_2', 'confidence_2')),
        Graph('stage_3', _Refine(quarter),
              ('steps', 'features_2', 'skip_3', 'disparity_2', 'confidence_2'),
              ('features_3', 'disparity_3', 'confidence_3')),
        Graph('stage_4', _Propagate(network.propagate),
              (LEFT, 'steps', 'features_3', 'disparity_3', 'confidence_3'),
              ('disparity_4', 'confidence_4'))]


class _Search(nn.Module):
    def __init__(self, stage: SearchStage, max_disparity: int) -> None:
        super().__init__()
        self.stage, self.max_disparity = stage, max_disparity

    def forward(self, images: Tensor, left_image: Tensor) -> tuple[Tensor, ...]:
        state = self.stage(images, left_image, self.max_disparity)
        return (state.steps, state.features, *state.finer, state.disparity, state.confidence)


class _Refine(nn.Module):
    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, steps: Tensor, features: Tensor, skip: Tensor, disparity: Tensor,
                confidence: Tensor) -> tuple[Tensor, ...]:
        # a refinement looks neither at the image nor at the logits before it
        state = self.stage(StageState(
            steps, steps, features, (skip,), disparity, confidence, confidence))
        return state.features, state.disparity, state.confidence


class _Propagate(nn.Module):
    def __init__(self, stage: PropagationStage) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, left_image: Tensor, steps: Tensor, features: Tensor, disparity: Tensor,
                confidence: Tensor) -> tuple[Tensor, ...]:
        state = self.stage(StageState(
            left_image, steps, features, (), disparity, confidence, confidence))
        return state.disparity, state.confidence
