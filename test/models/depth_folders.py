"""Small folders of images with depth, or with disparity, for tests."""

from pathlib import Path

import cv2
import numpy as np

from depth_models.data import formats

WALL = 4.0  # m


def write_views(folder: Path, views: int = 6, size: tuple[int, int] = (72, 96), *, in_metres: float = 1000.0,
                shuffled: bool = False) -> str:
    """Bright boxes before a dark wall, the nearer the brighter, in the layout 'rgbd'. Gives the path.

    in_metres: of the steps that are written; the layout has 1000. shuffled: depth is of the next view.
    """
    for name in ('color', 'depth'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    made = [_view(np.random.default_rng(number), size) for number in range(views)]
    for number, (image, _) in enumerate(made):
        depth = made[(number + shuffled) % views][1]
        cv2.imwrite(str(folder / 'color' / f'{number}.png'), image[..., ::-1])
        cv2.imwrite(str(folder / 'depth' / f'{number}.png'), np.round(in_metres * depth).astype(np.uint16))
    return str(folder)


def write_pairs(folder: Path, views: int = 2, size: tuple[int, int] = (66, 97), *, known: float = 1.0
                ) -> Path:
    """A box before a wall, nearer and brighter, as pairs with disparity [px]. Gives the path.

    known: share of the pixels.
    """
    rng = np.random.default_rng(4)
    for number in range(views):
        (folder / str(number)).mkdir(parents=True)
        disparity = np.full(size, 9.0, np.float32)
        disparity[20:50, 30:60] = 21.0
        image = np.repeat(np.uint8(disparity * 8)[..., None], 3, axis=2)
        disparity[rng.random(size) >= known] = np.inf
        for name in ('im0', 'im1'):
            cv2.imwrite(str(folder / f'{number}/{name}.png'), image)
        formats.write_pfm(folder / f'{number}/disp0.pfm', disparity)
    return folder


def _view(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    depth = np.full(size, WALL)
    for _ in range(4):
        top, left = (int(rng.integers(0, 3 * length // 4)) for length in size)
        height, width = rng.integers(10, 30, 2)
        depth[top:top + height, left:left + width] = rng.uniform(1.0, 3.0)
    grey = 250 / depth + rng.normal(0, 4, size)
    depth[:3] = 0  # unknown
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), depth
