"""What a training run of sparse depth has of its own in its config."""

from dataclasses import astuple, dataclass, field

from depth_models.data.sparse_patterns import LEAST_DENSITY, MOST_DENSITY
from depth_models.training.config import OptimizerConfig
from depth_models.training.mono_config import MonoDataConfig
from depth_models.training.sparse_losses import SparseLossWeights


@dataclass(frozen=True)
class PatternShares:
    """How often each pattern comes, relative to the others. Names as in data/sparse_patterns.py."""

    uniform: float = 4.0
    gradient: float = 1.0
    gradient_uniform: float = 2.0
    grid: float = 1.0
    scan_lines: float = 2.0
    corners: float = 0.5

    def __post_init__(self) -> None:
        if not (min(astuple(self)) >= 0 and sum(astuple(self)) > 0):
            raise ValueError(f'shares of patterns must be at least 0, and one above it, got {self}')


@dataclass(frozen=True)
class MeasuringConfig:
    """What is measured of a view, and how well; a share of the views each."""

    patterns: PatternShares = field(default_factory=PatternShares)
    least_density: float = LEAST_DENSITY  # of the pixels; evenly in its logarithm
    most_density: float = MOST_DENSITY
    most_corners: float = 0.01  # density, of corners: SLAM has no more
    noisy: float = 0.5  # share with noise, of up to
    relative_noise: float = 0.02  # of the depth
    quadratic_noise: float = 0.004  # 1/m, times the squared depth
    wrong: float = 0.35  # share with outliers, of up to
    most_outliers: float = 0.2  # of the measurements
    doubted: float = 0.2  # share of the others that the network is told to doubt as well
    shadowed: float = 0.3  # share where nothing is measured next to borders, as RGB-D cameras do
    displaced: float = 0.3  # share where the image lies beside depth, by up to
    most_displacement: float = 3.0  # px

    def __post_init__(self) -> None:
        if not LEAST_DENSITY <= self.least_density <= self.most_density <= MOST_DENSITY:
            raise ValueError(f'least_density and most_density must lie in {LEAST_DENSITY:g} to '
                             f'{MOST_DENSITY:g}, got {self.least_density:g} and {self.most_density:g}')
        if not LEAST_DENSITY <= self.most_corners <= MOST_DENSITY:
            raise ValueError(f'most_corners must lie in {LEAST_DENSITY:g} to {MOST_DENSITY:g}, '
                             f'got {self.most_corners:g}')
        for name in ('noisy', 'wrong', 'most_outliers', 'doubted', 'shadowed', 'displaced'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} must be a share in 0 to 1, got {getattr(self, name)}')
        for name in ('relative_noise', 'quadratic_noise', 'most_displacement'):
            if not 0 <= getattr(self, name) <= 20:
                raise ValueError(f'{name} must lie in 0 to 20, got {getattr(self, name)}')


@dataclass(frozen=True)
class SparseDataConfig(MonoDataConfig):
    """Which views a step sees, and what is measured of them."""

    measuring: MeasuringConfig = field(default_factory=MeasuringConfig)
    max_depth: float = 80.0  # m: nothing beyond is measured, nor asked for

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.max_depth > 0:
            raise ValueError(f'max_depth must be over 0 m, got {self.max_depth}')


@dataclass(frozen=True)
class SparseOptimizerConfig(OptimizerConfig):
    """AdamW of a loss in several terms."""

    loss: SparseLossWeights = field(default_factory=SparseLossWeights)
