"""The four stages of the wide AnyNet as graphs: from uint8 images to disparity and confidence."""

from torch import Tensor, nn

from depth_models.networks.anynet_graphs import IMAGES, LEFT
from depth_models.networks.anynet_wide import (
    AnyNetWide,
    FullResolutionStage,
    SearchStage,
    WideState,
)
from depth_models.networks.graph import Graph


def stage_graphs(network: AnyNetWide, max_disparity: int) -> list[Graph]:
    """
    The stages in order; number k gives 'disparity_k' [1,1,h,w], in columns of its own grid, and
    'confidence_k' [1,1,h,w], a logit. max_disparity: px, a positive multiple of 32.
    """
    first, again = network.refine
    return [
        Graph('stage_1', _Search(network.search, max_disparity), (IMAGES, LEFT),
              ('steps', 'features_1', 'skip', 'hidden_1', 'disparity_1', 'confidence_1')),
        Graph('stage_2', _Correct(first),
              ('steps', 'features_1', 'skip', 'hidden_1', 'disparity_1', 'confidence_1'),
              ('features_2', 'hidden_2', 'disparity_2', 'confidence_2')),
        Graph('stage_3', _CorrectAgain(again),
              ('steps', 'features_2', 'hidden_2', 'disparity_2', 'confidence_2'),
              ('hidden_3', 'disparity_3', 'confidence_3')),
        Graph('stage_4', _Finish(network.propagate),
              (LEFT, 'steps', 'features_2', 'hidden_3', 'disparity_3', 'confidence_3'),
              ('disparity_4', 'confidence_4'))]


class _Search(nn.Module):
    def __init__(self, stage: SearchStage, max_disparity: int) -> None:
        super().__init__()
        self.stage, self.max_disparity = stage, max_disparity

    def forward(self, images: Tensor, left_image: Tensor) -> tuple[Tensor, ...]:
        state = self.stage(images, left_image, self.max_disparity)
        return (state.steps, state.features, state.skip, state.hidden, state.disparity,
                state.confidence)


class _Correct(nn.Module):
    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, steps: Tensor, features: Tensor, skip: Tensor, hidden: Tensor,
                disparity: Tensor, confidence: Tensor) -> tuple[Tensor, ...]:
        # a correction looks neither at the image nor at the logits before it
        state = self.stage(WideState(
            steps, steps, features, skip, hidden, disparity, confidence, confidence))
        return state.features, state.hidden, state.disparity, state.confidence


class _CorrectAgain(nn.Module):
    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, steps: Tensor, features: Tensor, hidden: Tensor, disparity: Tensor,
                confidence: Tensor) -> tuple[Tensor, ...]:
        state = self.stage(WideState(
            steps, steps, features, features, hidden, disparity, confidence, confidence))
        return state.hidden, state.disparity, state.confidence


class _Finish(nn.Module):
    def __init__(self, stage: FullResolutionStage) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, left_image: Tensor, steps: Tensor, features: Tensor, hidden: Tensor,
                disparity: Tensor, confidence: Tensor) -> tuple[Tensor, ...]:
        state = self.stage(WideState(
            left_image, steps, features, features, hidden, disparity, confidence, confidence))
        return state.disparity, state.confidence
