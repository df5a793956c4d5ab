"""What a training run of depth from one image has of its own in its config."""

from dataclasses import dataclass, field
from typing import Literal

from depth_models.data.scene_shares import DEBIAN, SceneShares
from depth_models.training.config import BatchConfig, OptimizerConfig, SourceConfig, TrainerConfig
from depth_models.training.mono_losses import CoarseToFineLossWeights, UNetLossWeights

MOSTLY_ROOMS = SceneShares(room=0.3, outdoors=0.3, table=0, floating=0, inside=7)


@dataclass(frozen=True)
class MonoAugmentConfig:
    """What makes more of every view: section 4.1 of "Realtime Single Image Depth Estimation"."""

    horizontal_flip: float = 0.5  # share of the views
    largest_rotation: float = 15.0  # degrees, either way
    light: float = 0.0  # of our own: how far exposure, gamma, white balance and saturation may be off, 0..1
    # with it, how many times as strong colours may be: photographs have more of them than generated views
    colours: float = field(default=1.0, metadata={'later': True})
    # with it, the gamma around which gammas are drawn. In photographs dark things are as colourful as bright
    # ones, in generated views they are greyer: below 1 there is more of their colours
    gamma: float = field(default=1.0, metadata={'later': True})

    def __post_init__(self) -> None:
        if not 0 <= self.horizontal_flip <= 1:
            raise ValueError(f'horizontal_flip must be a share in 0 to 1, got {self.horizontal_flip}')
        if not 0 <= self.largest_rotation <= 45:
            raise ValueError(f'largest_rotation must lie in 0 to 45 degrees, got {self.largest_rotation}')
        if not 0 <= self.light <= 1:
            raise ValueError(f'light must lie in 0 to 1, got {self.light}')
        if not 1 <= self.colours <= 4:
            raise ValueError(f'colours must lie in 1 to 4, got {self.colours}')
        if not 0.2 <= self.gamma <= 5:
            raise ValueError(f'gamma must lie in 0.2 to 5, got {self.gamma}')


@dataclass(frozen=True)
class MonoDataConfig(BatchConfig):
    """Which views a step sees. What is read is resized until it covers height and width, then cropped."""

    sources: tuple[SourceConfig, ...] = (SourceConfig('world'),)
    width: int = 320  # px, a multiple of 32
    # different ones of a generated source. Each takes 0.03 to 0.1 s of a core when it first comes, and then
    # stays in the memory of every worker: 7 bytes a pixel, 2.3 GB for these at 320 x 256 px
    views: int = 4000
    scenes: SceneShares = MOSTLY_ROOMS  # generated ones
    # folder of Sweet Home 3D's libraries, where scenes have homes
    furniture: str = field(default=str(DEBIAN), metadata={'place': True})
    # (height, width) [px] that generated views are rendered at, to be made smaller; (): that of the steps
    rendered: tuple[int, ...] = field(default=(), metadata={'later': True})
    # folder for generated views, for all runs and workers; '' keeps them in the memory of every worker
    kept: str = field(default='', metadata={'place': True})
    augment: MonoAugmentConfig = field(default_factory=MonoAugmentConfig)
    validation_sources: tuple[SourceConfig, ...] = (SourceConfig('world'),)
    validation_views: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ('views', 'validation_views'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1, got {getattr(self, name)}')
        if self.rendered and (len(self.rendered) != 2 or min(self.rendered) < 16):
            raise ValueError(f'rendered must be a height and a width of at least 16 px, or nothing, got '
                             f'{list(self.rendered)}')
        for name in ('sources', 'validation_sources'):
            for number, source in enumerate(getattr(self, name)):
                if source.kind in ('layered', 'shards'):
                    raise ValueError(f'{name}[{number}].kind must be world or the layout of a data set of '
                                     f'depth, got {source.kind}, which is of stereo pairs')

    @property
    def validated(self) -> int:
        return self.validation_views

    @property
    def view_size(self) -> tuple[int, int]:
        """(height, width) [px] of a view, which what a step sees is cropped from."""
        return self.height, self.width

    @property
    def coloured(self) -> bool:
        """Whether images are looked at, or depth alone."""
        return True


@dataclass(frozen=True)
class MonoOptimizerConfig(OptimizerConfig):
    """AdamW; with weight_decay 0 it is Adam. After the warm-up a cosine, or one rate until the end."""

    schedule: Literal['cosine', 'constant'] = 'cosine'

    def factor(self, step: int, steps: int) -> float:
        if self.schedule == 'constant' and step >= self.warmup_steps:
            return 1.0
        return super().factor(step, steps)


@dataclass(frozen=True)
class UNetOptimizerConfig(MonoOptimizerConfig):
    """The same, of a loss in three terms."""

    loss: UNetLossWeights = field(default_factory=UNetLossWeights)


@dataclass(frozen=True)
class CoarseToFineOptimizerConfig(MonoOptimizerConfig):
    """The same, of a loss on the logarithm of depth."""

    loss: CoarseToFineLossWeights = field(default_factory=CoarseToFineLossWeights)
    # of the learning rate, for the encoder of the coarse network; 0: it stays as it starts
    encoder_rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.encoder_rate <= 10:
            raise ValueError(f'encoder_rate must lie in 0 to 10, got {self.encoder_rate}')


@dataclass(frozen=True)
class CoarseToFineTrainerConfig(TrainerConfig):
    """Two phases: of `steps` the first ones train the coarse network, the others the fine one."""

    coarse_steps: int = 2000
    # whether the encoder starts with the weights that photographs gave it, and keeps the statistics of its
    # batch norm; or with random ones
    pretrained_encoder: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.coarse_steps < self.steps:
            raise ValueError(f'coarse_steps must lie in 1 to steps - 1 ({self.steps - 1}), for the fine '
                             f'network is trained after them, got {self.coarse_steps}')
