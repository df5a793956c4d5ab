"""Scene Flow data sets: FlyingThings3D, Driving and Monkaa."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depth_models.data.dataset import existing_folder, layout_error
from depth_models.data.image_files import if_there, image_at
from depth_models.data.stereo_datasets.files import FileDataset, PairFiles, read_disparity_pfm
from depth_models.frames import Map

RENDERINGS = {  # the names that a folder of images has in the archives
    'cleanpass': ('frames_cleanpass', 'frames_cleanpass_webp', 'RGB_cleanpass', 'image_clean'),
    'finalpass': ('frames_finalpass', 'frames_finalpass_webp', 'RGB_finalpass', 'image_final'),
}
SPLITS = ('train', 'test')
HELD_OUT = ('TEST', 'VAL')  # folders of FlyingThings3D and of its DispNet subset


class SceneFlow(FileDataset):
    """
    Rendered pairs of 960x540 px with dense disparity: one sub-set, or a folder of several.

        FlyingThings3D/
            frames_cleanpass/TRAIN/A/0000/left/0006.png      (right/; .webp in *_webp; frames_finalpass)
            disparity/TRAIN/A/0000/left/0006.pfm             (right/, for what is occluded)
        Driving/
            frames_cleanpass/15mm_focallength/scene_forwards/fast/left/0001.png
            disparity/15mm_focallength/scene_forwards/fast/left/0001.pfm
        Monkaa/
            frames_cleanpass/a_rain_of_stones_x2/left/0000.png
            disparity/a_rain_of_stones_x2/left/0000.pfm

    The DispNet subset (train/image_clean/left/0000000.png, train/disparity/left/0000000.pfm; val/)
    and the sample pack (RGB_cleanpass) are read too. Archives store disparities with either sign;
    their size is what is read. `camera` is None: lengths there are Blender's units, not metres.

    rendering: 'cleanpass' or 'finalpass' (with motion blur and defocus); None: the one that every
    sub-set has, the clean one if both. split: 'test' is TEST (or val) of FlyingThings3D, 'train' all
    the rest; None: everything. Some frames of FlyingThings3D hold disparities of over 1000 px.

    From https://lmb.informatik.uni-freiburg.de/resources/datasets/SceneFlowDatasets.en.html, for
    research only, no commercial use, with citation of Mayer et al., CVPR 2016.
    """

    layout = ('the layout of Scene Flow, frames_cleanpass/.../left/NNNN.png (or frames_finalpass) and '
              'disparity/.../left/NNNN.pfm, in this folder or at most two below it')

    def __init__(self, folder: Path | str, *, rendering: str | None = None, split: str | None = None
                 ) -> None:
        if rendering not in (None, *RENDERINGS):
            raise ValueError(f'rendering must be one of {", ".join(RENDERINGS)}, got {rendering!r}')
        if split not in (None, *SPLITS):
            raise ValueError(f'split must be one of {", ".join(SPLITS)}, got {split!r}')
        root = existing_folder(folder, self.layout)
        pairs = list(_pairs(root, (rendering,) if rendering else tuple(RENDERINGS)))
        of_split = [files for files in pairs
                    if split is None or _held_out(files.name) == (split == 'test')]
        if pairs and not of_split:
            raise ValueError(f'{root}: none of the {len(pairs)} pairs here is of the {split} split')
        super().__init__(root, of_split)

    def _disparity(self, path: Path) -> Map:
        return np.abs(read_disparity_pfm(path))


def _pairs(root: Path, renderings: tuple[str, ...]) -> Iterator[PairFiles]:
    truths = {path: sorted(path.rglob('left/*.pfm'))
              for pattern in ('disparity', '*/disparity', '*/*/disparity')
              for path in sorted(root.glob(pattern))}
    truths = {folder: files for folder, files in truths.items() if files}
    images = _images(root, list(truths), renderings)
    for folder, files in truths.items():
        for path in files:
            scene = path.parents[1].relative_to(folder)  # without left/
            left = images[folder] / scene / 'left'
            yield PairFiles(
                (folder.parent.relative_to(root) / scene / path.stem).as_posix(),
                image_at(left, path.stem, path), image_at(left.parent / 'right', path.stem, path),
                path, if_there(path.parents[1] / 'right' / path.name))


def _images(root: Path, truths: list[Path], renderings: tuple[str, ...]) -> dict[Path, Path]:
    """The folder of images for every folder of disparities, all of one rendering."""
    for rendering in renderings:
        found = {folder: [folder.parent / name for name in RENDERINGS[rendering]
                          if (folder.parent / name).is_dir()] for folder in truths}
        if all(found.values()):
            return {folder: candidates[0] for folder, candidates in found.items()}
    lacking = next(folder for folder in truths if not any(
        (folder.parent / name).is_dir() for one in renderings for name in RENDERINGS[one]))
    names = ' or '.join(name for one in renderings for name in RENDERINGS[one])
    raise layout_error(lacking.parent, f'{names} beside the folder disparity')


def _held_out(name: str) -> bool:
    return any(part.upper() in HELD_OUT for part in name.split('/'))
