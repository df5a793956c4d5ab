"""A node that hears synchronized sets, or answers them while somebody listens: what is the same in all."""

from contextlib import ExitStack
from typing import Any

from depth_nodes.budgeted import BudgetedFrames, Estimator, Work
from depth_nodes.health import Health
from depth_nodes.inputs import SynchronizedInputs
from depth_nodes.lifecycle import ManagedNode
from depth_nodes.newest import NewestFrame
from depth_nodes.outputs import DepthOutputs
from depth_nodes.parameters import Parameters
from depth_nodes.standins import passed_over


class SetsNode(ManagedNode):
    """Who derives from it makes `inputs` while active."""

    inputs: SynchronizedInputs

    def __init__(self, name: str, params_type: type[Any], **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.params = Parameters(self, params_type)
        for sentence in passed_over():
            self.get_logger().warning(sentence)


class FrameNode(SetsNode):
    """Who derives from it opens `outputs` while configured, too."""

    outputs: DepthOutputs

    def say_ready(self, description: dict[str, str]) -> None:
        self.get_logger().info('ready: ' + ', '.join(f'{key} {value}' for key, value in description.items()))

    def answer_frames(self, keep: ExitStack, work: Work, estimator: Estimator, health: Health, *, used: str
                      ) -> NewestFrame:
        """Where sets go, to be answered on a thread of their own. used: see `BudgetedFrames`."""
        frames = BudgetedFrames(
            self, work, lambda: self.params.now, estimator, self.inputs, health, used=used)
        newest = keep.enter_context(NewestFrame(frames.answer, health.reject, health.drop))
        keep.callback(self.inputs.close)  # closes first: no frame comes any more
        return newest

    def activated(self) -> None:
        self.follow_listeners()

    def follow_listeners(self) -> None:
        """Subscribe while somebody listens: without a listener there is no work and no traffic."""
        if self.is_active:
            self.inputs.keep_open(bool(self.outputs.wanted()))
