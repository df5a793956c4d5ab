"""What a training run of depth super-resolution has of its own in its config."""

from dataclasses import dataclass, field

from depth_models.data.scene_shares import SceneShares
from depth_models.estimators.relative_depth import MONO_UNET
from depth_models.networks.depth_gan import FACTORS
from depth_models.training.config import OptimizerConfig
from depth_models.training.mono_config import MonoAugmentConfig, MonoDataConfig
from depth_models.training.super_resolution_losses import DepthGANLossWeights, GuidedLossWeights

SCENES = SceneShares(room=1, inside=4, table=1, outdoors=2, floating=1)


@dataclass(frozen=True)
class DegradingConfig:
    """What is wrong with the low-resolution maps: see data/degradation.py, also for the units."""

    clean: float = 0.5  # share of the views that are averaged over cells, and nothing else
    each: float = 0.7  # share of the others that has each of the following, of strengths up to
    gaussian: float = 0.08
    quadratic: float = 0.02
    step: float = 0.03
    holes: float = 0.1
    bleeding: float = 0.75
    # share of the others that may have the last two, which come together: where edges bleed, cells are
    # missing as well, and a map without holes can be relied on at its edges
    sensor: float = field(default=1.0, metadata={'later': True})

    def __post_init__(self) -> None:
        for name in ('clean', 'each', 'gaussian', 'quadratic', 'step', 'holes', 'bleeding', 'sensor'):
            _share(self, name)


@dataclass(frozen=True)
class FlipConfig(MonoAugmentConfig):
    """What makes more of every view, beside its crops."""

    vertical_flip: float = 0.5  # share of the views
    largest_rotation: float = 0.0  # always: a turned map has other edges than a camera would give it
    inverse: float = 0.5  # share of the views as inverse depth, as disparity is; of the same median

    def __post_init__(self) -> None:
        super().__post_init__()
        _share(self, 'vertical_flip')
        _share(self, 'inverse')
        if self.largest_rotation:
            raise ValueError('largest_rotation must be 0 for super-resolution, which is about the edges that '
                             f'turning a map breaks, got {self.largest_rotation}')


@dataclass(frozen=True)
class SuperResolutionDataConfig(MonoDataConfig):
    """Which maps a step sees: crops of `height` x `width` of views that are larger, of truth."""

    view_height: int = 384  # px; what is read is resized until it covers this, what is generated has it
    view_width: int = 512
    views: int = 600
    scenes: SceneShares = SCENES
    augment: FlipConfig = field(default_factory=FlipConfig)
    degrading: DegradingConfig = field(default_factory=DegradingConfig)
    max_depth: float = 80.0  # m: what is farther is unknown
    validation_views: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ('height', 'width'):
            if (whole := getattr(self, f'view_{name}')) < getattr(self, name):
                raise ValueError(f'view_{name} must be at least {name} ({getattr(self, name)} px), '
                                 f'got {whole}')
        if not self.max_depth > 0:
            raise ValueError(f'max_depth must be over 0 m, got {self.max_depth}')

    @property
    def view_size(self) -> tuple[int, int]:
        return self.view_height, self.view_width


@dataclass(frozen=True)
class DepthGANDataConfig(SuperResolutionDataConfig):
    """Of depth alone: nothing is drawn but depth, which comes three times as fast."""

    width: int = 256
    factor: int = 4  # of the maps: the network's
    degrading: DegradingConfig = field(default_factory=lambda: DegradingConfig(
        clean=0.7, gaussian=0.01, quadratic=0.005, step=0.01, holes=0.05, bleeding=0.25))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor not in FACTORS:
            raise ValueError(f'factor must be one of {", ".join(map(str, FACTORS))}, got {self.factor}')

    @property
    def coloured(self) -> bool:
        return False


@dataclass(frozen=True)
class RelativeConfig:
    """Where relative depth comes from: from the image by a network, or from the truth, made worse.

    A network on generated views is one that sees what it was trained with, or the contrary; what is drawn
    from the truth is as good and as bad as is wanted.
    """

    # as of estimators.relative_depth: mono_unet, a .safetensors file of its kind, depth_anything_v2_small
    source: str = MONO_UNET
    trained: bool = False  # Depth Anything is trained along, at optimizer.relative_learning_rate
    drawn: float = 0.5  # share of the views that have it from the truth
    most_blur: float = 4.0  # px, sigma
    most_curve: float = 0.7  # how far the logarithm of the exponent of a curve over it may go, either way
    most_noise: float = 0.15  # of its range, within patches of a fraction of the view

    def __post_init__(self) -> None:
        _share(self, 'drawn')
        for name in ('most_blur', 'most_curve', 'most_noise'):
            if not 0 <= getattr(self, name) <= 20:
                raise ValueError(f'{name} must lie in 0 to 20, got {getattr(self, name)}')
        if self.trained and not self.of_depth_anything:
            raise ValueError('trained must be false where source is none of Depth Anything, '
                             f'and it is {self.source}')

    @property
    def of_depth_anything(self) -> bool:
        """Or else of one of our own networks."""
        return self.source != MONO_UNET and not self.source.endswith('.safetensors')


@dataclass(frozen=True)
class GuidedDataConfig(SuperResolutionDataConfig):
    """Of depth and images."""

    width: int = 256
    factors: tuple[int, ...] = (4, 8)  # of the maps; every step has one of them, in turn
    views: int = 1000
    augment: FlipConfig = field(default_factory=lambda: FlipConfig(light=0.6))
    relative: RelativeConfig = field(default_factory=RelativeConfig)
    displaced: float = 0.3  # share where the image lies beside depth, by up to
    most_displacement: float = 2.0  # px

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.factors or not all(factor in FACTORS for factor in self.factors):
            raise ValueError(f'factors must be some of {", ".join(map(str, FACTORS))}, got {self.factors}')
        _share(self, 'displaced')
        if not 0 <= self.most_displacement <= 20:
            raise ValueError(f'most_displacement must lie in 0 to 20 px, got {self.most_displacement}')


@dataclass(frozen=True)
class DepthGANOptimizerConfig(OptimizerConfig):
    """AdamW of a loss in several terms, and of a discriminator where one of them needs it."""

    discriminator_learning_rate: float = 2e-4  # with the same warm-up and cosine
    loss: DepthGANLossWeights = field(default_factory=DepthGANLossWeights)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.discriminator_learning_rate > 0:
            raise ValueError('discriminator_learning_rate must be over 0, got '
                             f'{self.discriminator_learning_rate}')


@dataclass(frozen=True)
class GuidedOptimizerConfig(OptimizerConfig):
    """The rates are the reference's."""

    learning_rate: float = 2e-4
    relative_learning_rate: float = 2e-6  # of Depth Anything, where data.relative.trained
    loss: GuidedLossWeights = field(default_factory=GuidedLossWeights)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.relative_learning_rate > 0:
            raise ValueError(f'relative_learning_rate must be over 0, got {self.relative_learning_rate}')


def _share(config: object, name: str) -> None:
    if not 0 <= getattr(config, name) <= 1:
        raise ValueError(f'{name} must be a share in 0 to 1, got {getattr(config, name)}')
