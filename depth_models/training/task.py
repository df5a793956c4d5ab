"""What training has to know of a kind of networks; everything else is the same for all of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from torch import Tensor, nn

from depth_models.frames import Image
from depth_models.networks.kinds import Kind
from depth_models.training.config import TrainingConfig

# a NamedTuple of tensors, one row for each sample; of them `valid`, [B,1,H,W] bool: the truth is known;
# and `step`: steps that were done when these samples are drawn
BatchT = TypeVar('BatchT', bound=tuple[Any, ...])
Draw = Callable[[int, range], BatchT]  # the samples of a step by their numbers in its batch


class Loss(NamedTuple):
    """Of a step."""

    total: Tensor  # scalar, that is minimized
    parts: dict[str, Tensor]  # scalars for the log, by name


class Together(nn.Module):
    """A network, and what is trained beside it, which is kept in checkpoints and not in weight files."""

    def __init__(self, network: nn.Module, beside: nn.Module, learning_rate: float) -> None:
        super().__init__()
        self.network, self.beside, self.learning_rate = network, beside, learning_rate


def alone(network: nn.Module) -> nn.Module:
    """The network without what is trained beside it."""
    return network.network if isinstance(network, Together) else network


class Sections(NamedTuple):
    """The dataclasses of a config's sections."""

    data: type[Any]
    optimizer: type[Any]
    trainer: type[Any]


class Task(ABC, Generic[BatchT]):
    """A kind of training: `depth-nodes train NAME`."""

    name: ClassVar[str]
    kinds: ClassVar[Mapping[str, Kind]]  # of networks
    sections: ClassVar[Sections]  # of a config
    samples: ClassVar[str]  # what a batch is made of, as people call it: 'pairs'
    picture: ClassVar[str]  # the name of a picture of one, but for its number: 'pair'
    overfit_rate: ClassVar[float] = 3e-3  # learning rate that one batch is learned by heart with
    faster: ClassVar[str] = ''  # what else helps where the network waits for its samples

    def check_config(self, config: TrainingConfig) -> None:
        """ValueError where sections do not fit each other."""

    def phase(self, config: TrainingConfig, step: int) -> range:
        """The steps that one learning rate curve goes over, of the phase that a step lies in."""
        return range(config.trainer.steps)

    def warm_up(self, data: Any) -> None:
        """Make what is slow to make and needed to draw, before there are workers: they inherit it."""

    def begin(self, network: nn.Module, config: TrainingConfig) -> None:
        """What a network with random weights gets before anything else: weights of other trainings."""

    def groups(self, network: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
        """The network's parameters as an optimizer takes them, those apart that learn at another rate."""
        return [{'params': list(network.parameters())}]

    @abstractmethod
    def open(self, data: Any, *, validation: bool = False) -> Draw[BatchT]:
        """What draws the batches of `data`, its sources opened; OSError or ValueError where one is wrong.

        A sample depends on the seed, the step and its number alone. validation: `data` is what
        `for_validation` gave; of data sets that are split, it is another part that is opened then.
        """

    def trained(self, network: nn.Module, config: TrainingConfig) -> nn.Module:
        """What a run trains, and hands to the methods below: the network alone, or `Together` with more.

        The check before a run hands them the network alone.
        """
        return network

    @abstractmethod
    def loss(self, network: nn.Module, batch: BatchT, config: TrainingConfig, *, parts: bool) -> Loss:
        """Of a batch, with gradients. parts: for the log too, else there are none."""

    @abstractmethod
    def figures(self, config: TrainingConfig) -> tuple[str, ...]:
        """The names of what validation finds."""

    @abstractmethod
    def judge(self, network: nn.Module, batch: BatchT, config: TrainingConfig) -> Iterator[Tensor]:
        """[2,F] for each sample that counts: its figures, and for each 1 where it applies or 0."""

    @abstractmethod
    def sheets(self, network: nn.Module, batch: BatchT, wanted: range, config: TrainingConfig, title: str
               ) -> Iterator[Image]:
        """Pictures of samples by their numbers in the batch, uint8 RGB [H,W,3]."""

    @abstractmethod
    def check_source(self, config: TrainingConfig, number: int) -> str:
        """A line about the truth of one source; ValueError with one sentence where it is none."""

    def keep(self, network: nn.Module, out: Path) -> None:
        """At the end of a run, write to its folder what `trained` put beside the network and is of use."""

    def notes(self, config: TrainingConfig) -> dict[str, str]:
        """What a weight file has to say to who runs the network."""
        return {}
