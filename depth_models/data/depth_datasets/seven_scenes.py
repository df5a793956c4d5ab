"""Microsoft 7-Scenes: indoor sequences of a Kinect, with depth brought onto the image."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_models.data.dataset import existing_folder
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles, same_size
from depth_models.data.formats import read_depth_steps
from depth_models.data.image_files import image_at, read_rgb
from depth_models.frames import Camera, Image, Map
from depth_models.geometry import points_from_depth, project_points


class ColourCamera(NamedTuple):
    """Of 640x480 px, and where it sits: as the depth camera, but for what is given."""

    focal: float  # px
    centre: tuple[float, float]  # px
    beside: float  # m to the right
    roll: float  # rad about the optical axis

    @property
    def transform(self) -> NDArray[np.float64]:
        """4x4, from points of the depth camera to its own."""
        made = np.eye(4)
        sine, cosine = np.sin(self.roll), np.cos(self.roll)
        made[:2, :2] = (cosine, -sine), (sine, cosine)
        made[0, 3] = -self.beside
        return made


DEPTH_CAMERA = Camera(640, 480, 585.0, 585.0, 320.0, 240.0)  # of the data set's page
# The page has no calibration of the colour camera. This one is found by `python -m benchmarks.registration`
# from 60 frames of 'red kitchen', and taken for that of all scenes; docs/accuracy.md has the figures.
COLOUR = ColourCamera(focal=527.2, centre=(319.1, 237.9), beside=0.0199, roll=0.0082)
CAMERA = Camera(640, 480, COLOUR.focal, COLOUR.focal, *COLOUR.centre)
UNKNOWN = (0, 65535)


class SevenScenes(DepthFileDataset):
    """
    A sequence, a scene or all of them.

        SCENE/seq-01/frame-000000.color.png     (or .jpg)
        SCENE/seq-01/frame-000000.depth.png     uint16 mm, 0 and 65535 unknown
        SCENE/seq-01/frame-000000.pose.txt      not read

    Colour and depth of the files are not registered: an edge lies up to 30 px beside itself. Depth is
    therefore projected into the colour camera: it is that of the image's pixels, to a px in most frames
    and to a few in some; NaN where the depth camera saw nothing, as around the border. Frames of another
    size than 640x480 px are left as they are.

    From https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/, non-commercial, with
    citation of Shotton et al., CVPR 2013.
    """

    layout = ('7-Scenes, frame-NNNNNN.color.png (or .jpg) and frame-NNNNNN.depth.png in this folder, '
              'seq-NN/ or SCENE/seq-NN/')

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, _frames(root))

    def unregistered(self, index: int) -> tuple[Image, Map]:
        """The image [H,W,3] and the depth [H,W] m as the files have them, each of its own camera."""
        files = self.files[index]
        return read_rgb(files.image), read_depth_steps(files.depth, unknown=UNKNOWN)

    def _depth(self, path: Path) -> Map:
        return registered(read_depth_steps(path, unknown=UNKNOWN))

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        return same_size(CAMERA, size)


def registered(depth: Map) -> Map:
    """[H,W] m of the depth camera -> [H,W] m of the colour camera: the nearest of what falls together."""
    if depth.shape != (DEPTH_CAMERA.height, DEPTH_CAMERA.width):
        return depth
    return project_points(points_from_depth(depth, DEPTH_CAMERA), CAMERA, transform=COLOUR.transform)


def _frames(root: Path) -> Iterator[DepthFiles]:
    for above in ('', '*/', '*/*/'):
        for depth in root.glob(f'{above}frame-*.depth.png'):
            frame = depth.name.removesuffix('.depth.png')
            yield DepthFiles((depth.parent / frame).relative_to(root).as_posix(),
                             image_at(depth.parent, f'{frame}.color', depth), depth)
