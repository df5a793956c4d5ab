"""What a training run is made of. A config file has one section for each of these classes."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

GENERATED = ('layered', 'world')  # kinds of sources that are drawn, not read
VALIDATION_SEED = 999_983  # of samples that no training run draws
CHECKED = (64, 128)  # px: height and width, at most, of the batch that a network learns by heart
CHECKED_DISPARITIES = 64  # px at most on it

Data = TypeVar('Data', bound='BatchConfig')


@dataclass(frozen=True)
class SourceConfig:
    """Where a share of the samples comes from."""

    kind: str  # layered, world, shards, or the layout of a data set: scene_flow, kitti2015, nyu_labelled
    weight: float = 1.0  # its share, relative to the other sources'
    path: str = ''  # folder of what is read; generated kinds have none
    augment: bool = True  # generated pairs never are: they come from unlike cameras already

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f'weight must be over 0, got {self.weight}')
        if (self.kind in GENERATED) == bool(self.path):
            raise ValueError(f'path must be {"empty" if self.path else "a folder"} for kind '
                             f'{self.kind}, got "{self.path}"')


@dataclass(frozen=True)
class AugmentConfig:
    """What makes more of pairs that are read, beside the crop at a random place."""

    largest_scale: float = 1.3  # images are widened by up to this, or made narrower by 1 / this
    vertical_flip: float = 0.3  # share of the pairs
    camera_effects: float = 0.7  # share of the pairs that unlike cameras take again

    def __post_init__(self) -> None:
        if not 1 <= self.largest_scale <= 4:
            raise ValueError(f'largest_scale must lie in 1 to 4, got {self.largest_scale}')
        for name in ('vertical_flip', 'camera_effects'):
            _share(self, name)


@dataclass(frozen=True)
class BatchConfig:
    """Which samples a step sees: what all kinds of training have in common."""

    sources: tuple[SourceConfig, ...] = (SourceConfig('layered'),)
    batch: int = 8  # of all devices together
    height: int = 256  # px, a multiple of 32; so is the width
    width: int = 512
    seed: int = 1
    workers: int = 1  # processes on each device that draw samples; 0: the training process does
    prefetch: int = 6  # batches that each of them may be ahead
    validation_sources: tuple[SourceConfig, ...] = (SourceConfig('layered'),)

    def __post_init__(self) -> None:
        for name in ('height', 'width'):
            _multiple(self, name)
        for name in ('batch', 'prefetch'):
            _least(self, name, 1)
        for name in ('seed', 'workers'):
            _least(self, name, 0)
        for name in ('sources', 'validation_sources'):
            if not getattr(self, name):
                raise ValueError(f'{name} must name at least one source')

    @property
    def validated(self) -> int:
        """How many samples validation judges."""
        raise NotImplementedError

    def for_validation(self: Data) -> Data:
        """What validation draws, when the steps do: samples as they are, the same in every run."""
        as_they_are = tuple(replace(source, augment=False) for source in self.validation_sources)
        return replace(self, sources=as_they_are, seed=VALIDATION_SEED)

    def for_check(self: Data) -> Data:
        """A small batch that a network has to learn by heart."""
        return replace(self, batch=2, height=min(CHECKED[0], self.height), width=min(CHECKED[1], self.width))


@dataclass(frozen=True)
class DataConfig(BatchConfig):
    """Which pairs a step sees."""

    max_disparity: int = 192  # px, a multiple of 32: what the network searches
    blank_share: float = 0.05  # pairs without anything to match: black, saturated, plain, noise
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    validation_pairs: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        _multiple(self, 'max_disparity')
        _least(self, 'validation_pairs', 1)
        _share(self, 'blank_share')

    @property
    def validated(self) -> int:
        return self.validation_pairs

    def for_validation(self) -> 'DataConfig':
        return replace(super().for_validation(), blank_share=0.0)

    def for_check(self) -> 'DataConfig':
        return replace(super().for_check(), blank_share=0.0,
                       max_disparity=min(CHECKED_DISPARITIES, self.max_disparity))


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW: linear warm-up, then a cosine down to nothing."""

    learning_rate: float = 3e-3  # the peak
    warmup_steps: int = 300
    weight_decay: float = 1e-4
    gradient_norm: float = 1.0  # steps beyond it are scaled down
    average_decay: float = 0.998  # moving average of the weights: what is validated and written

    def __post_init__(self) -> None:
        for name in ('learning_rate', 'gradient_norm'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} must be over 0, got {getattr(self, name)}')
        for name in ('warmup_steps', 'weight_decay'):
            _least(self, name, 0)
        if not 0 <= self.average_decay < 1:
            raise ValueError(f'average_decay must lie in 0 to 1, got {self.average_decay}')

    def factor(self, step: int, steps: int) -> float:
        """On the peak, at one of so many steps: from 0.01 to 1 in a line, then to 0 in half a cosine."""
        if step < self.warmup_steps:
            return 0.01 + 0.99 * step / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        return 0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))


@dataclass(frozen=True)
class TrainerConfig:
    """How long, on what, and what is kept. Devices, nodes and strategies are Lightning's own."""

    steps: int = 4000
    precision: Literal['32-true', 'bf16-mixed', '16-mixed'] = '32-true'
    initial_weights: str = ''  # shipped name or .safetensors file to start from; empty: random
    accelerator: str = 'auto'
    devices: int = 1  # on every node; -1: all there are
    nodes: int = 1
    strategy: str = 'auto'  # 'ddp' and so on
    threads: int = 1  # of torch on the CPU
    channels_last: bool = False  # memory layout of the convolutions
    deterministic: bool = False  # refuse GPU kernels whose result differs from run to run
    checkpoint_every: int = 250  # steps
    validate_every: int = 500
    log_every: int = 50
    pictures: int = 3  # validation pairs drawn into TensorBoard
    overfit_steps: int = 60  # of the check before the run: one batch, a copy of the network,
    overfit_factor: float = 2.0  # and its loss has to fall by this

    def __post_init__(self) -> None:
        for name in ('steps', 'nodes', 'threads', 'checkpoint_every', 'validate_every', 'log_every',
                     'overfit_steps'):
            _least(self, name, 1)
        if self.devices < -1 or self.devices == 0:
            raise ValueError(f'devices must be -1 (all) or at least 1, got {self.devices}')
        _least(self, 'pictures', 0)
        if not self.overfit_factor > 1:
            raise ValueError(f'overfit_factor must be over 1, got {self.overfit_factor}')


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run; `name` is the config file's, and the weight file's."""

    name: str
    kind: str  # of the network, which says what kind of training it is: tasks.task_of
    network: Any  # its config dataclass
    data: Any = field(default_factory=DataConfig)  # the sections are of the classes that the task names
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


def _multiple(config: Any, name: str) -> None:
    if (value := getattr(config, name)) < 32 or value % 32:
        raise ValueError(f'{name} must be a positive multiple of 32 px, got {value}')


def _least(config: Any, name: str, least: int) -> None:
    if getattr(config, name) < least:
        raise ValueError(f'{name} must be at least {least}, got {getattr(config, name)}')


def _share(config: Any, name: str) -> None:
    if not 0 <= getattr(config, name) <= 1:
        raise ValueError(f'{name} must be a share in 0 to 1, got {getattr(config, name)}')
