"""Views of the generated world by number."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_models.data.samples import DepthSample
from depth_models.data.scene_shares import DEBIAN, EVEN, SceneShares


@dataclass(frozen=True)
class GeneratedViews:
    """
    `count` views with exact depth, drawn when asked for: view k depends on the fields and k only.

    Where nothing is hit (the sky) depth is NaN. Raises ImportError without embreex and trimesh, and
    FileNotFoundError where a home is asked for and there is no furniture.
    """

    count: int
    seed: int = 1
    size: tuple[int, int] = (240, 320)  # (height, width) px
    scenes: SceneShares = EVEN
    colours: bool = True  # False: images are black, see `render_view`
    furniture: Path = DEBIAN  # folder of the libraries that homes are furnished with

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise ValueError(f'count must be at least 1 and seed at least 0, got {self.count} and '
                             f'{self.seed}')
        if min(self.size) < 16:
            raise ValueError(f'size must be at least 16x16 px, got {self.size[1]}x{self.size[0]} px')

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DepthSample:
        if not 0 <= index < self.count:
            raise IndexError(f'view {index} of {self.count}')
        from depth_models.data.world import render_view  # needs trimesh and embreex
        from depth_models.data.world.rays import SKY

        view = render_view(np.random.default_rng([self.seed, index]), self.size, self.scenes,
                           colours=self.colours, furniture=self.furniture)
        return DepthSample(view.image, np.where(view.depth < SKY, view.depth, np.float32(np.nan)),
                           view.camera)

    def __iter__(self) -> Iterator[DepthSample]:
        return (self[index] for index in range(len(self)))
