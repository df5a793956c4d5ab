"""
Generated stereo pairs by number, and what `depth-nodes generate` does: write them, or show some.

>>> pairs = GeneratedStereo(1000, seed=1, size=(256, 512))
>>> pairs[7]  # the same on every machine and in every process
"""

import argparse
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from depth_models.data.layered_scenes import render_stereo
from depth_models.data.samples import StereoSample
from depth_models.data.write_shards import write_shards
from depth_models.evaluation import pictures
from depth_models.frames import Image

SCENES = ('world', 'layered', 'mixed')
WORLD_SHARE = 0.5  # of the pairs of mixed scenes
PREVIEWED = 12  # pairs on a contact sheet


class Renderer(Protocol):
    def __call__(self, rng: np.random.Generator, size: tuple[int, int], max_disparity: float
                 ) -> StereoSample: ...


@dataclass(frozen=True)
class GeneratedStereo:
    """
    `count` pairs, drawn when asked for: pair k depends on the fields and k, not on those before it.

    scenes: 'world' for ray-cast rooms and landscapes, 'layered' for textured surfaces in front of each
    other, 'mixed' for about as many of both.
    """

    count: int
    seed: int = 1
    size: tuple[int, int] = (256, 512)  # (height, width) px
    max_disparity: float = 192.0  # px: no point of a scene is nearer
    scenes: str = 'mixed'

    def __post_init__(self) -> None:
        if self.scenes not in SCENES:
            raise ValueError(f'scenes must be one of {", ".join(SCENES)}, got {self.scenes!r}')
        if self.count < 1 or self.seed < 0:
            raise ValueError(f'count must be at least 1 and seed at least 0, got {self.count} and '
                             f'{self.seed}')
        if min(self.size) < 16 or not 16 <= self.max_disparity < 256:  # shards end at 256 px
            raise ValueError('size must be at least 16x16 px and max_disparity from 16 to under 256 px, '
                             f'got {self.size[1]}x{self.size[0]} px and {self.max_disparity:g} px')

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> StereoSample:
        if not 0 <= index < self.count:
            raise IndexError(f'pair {index} of {self.count}')
        rng = np.random.default_rng([self.seed, index])
        in_world = self.scenes == 'world' or (self.scenes == 'mixed' and rng.random() < WORLD_SHARE)
        render: Renderer = _world() if in_world else render_stereo
        return render(rng, self.size, self.max_disparity)


def _world() -> Renderer:
    from depth_models.data.world import render_world  # needs trimesh and embreex

    return render_world


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `depth-nodes generate`."""
    parser.add_argument('out', type=Path, nargs='?', metavar='OUT',
                        help='folder for the shards; one that holds a part of them is completed')
    parser.add_argument('--count', type=int, default=1000, help='pairs (default %(default)s)')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 256), metavar=('W', 'H'),
                        help='of the images [px] (default 512 256)')
    parser.add_argument('--max-disparity', type=float, default=192.0,
                        help='px, under 256 (default %(default)g)')
    parser.add_argument('--seed', type=int, default=1, help='another seed, other pairs '
                        '(default %(default)s)')
    parser.add_argument('--scenes', choices=SCENES, default='mixed',
                        help='ray-cast worlds, layered surfaces, or both (default %(default)s)')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1,
                        help='processes; they do not change the result (default: one a core)')
    parser.add_argument('--per-shard', type=int, default=256, help='pairs in a file '
                        '(default %(default)s)')
    parser.add_argument('--preview', type=Path, metavar='FILE.png',
                        help=f'write a sheet of the first {PREVIEWED} pairs here, and no shards')


def run(options: argparse.Namespace) -> None:
    """Write the shards, or the sheet of a preview. ValueError or OSError in one line."""
    width, height = options.size
    pairs = GeneratedStereo(options.count, options.seed, (height, width), options.max_disparity,
                            options.scenes)
    if options.preview is not None:
        pictures.save(options.preview, preview(pairs))
        print(f'wrote {options.preview}')
        return
    if options.out is None:
        raise ValueError('OUT is missing: a folder for the shards (or --preview FILE.png)')
    from tqdm import tqdm

    about = {name: value for name, value in asdict(pairs).items() if name != 'count'}
    started = time.perf_counter()
    with tqdm(total=len(pairs), unit='pair') as bar:
        written = write_shards(pairs, options.out, per_shard=options.per_shard, jobs=options.jobs,
                               about=about, progress=bar.update)
    seconds = time.perf_counter() - started
    print(f'{len(pairs)} pairs in {options.out}, {written} of them written now, '
          f'{written / seconds:.1f} pairs a second')


def preview(pairs: GeneratedStereo) -> Image:
    """A contact sheet of the first pairs: left, right, disparity, and what both cameras see."""
    shown = min(PREVIEWED, len(pairs))
    panels = []
    for number in range(shown):
        sample = pairs[number]
        panels += [pictures.photo(sample.left, f'{number}: left'),
                   pictures.photo(sample.right, 'right'),
                   pictures.disparity_panel(sample.disparity)]
        if sample.visible is not None:
            panels.append(pictures.photo(np.uint8(255) * sample.visible, 'visible to both'))
    height, width = pairs.size
    return pictures.sheet(
        f'{shown} pairs', panels, columns=4, panel_width=360,
        note=f'{width}x{height} px, disparities under {pairs.max_disparity:g} px, {pairs.scenes} '
             f'scenes, seed {pairs.seed}')
