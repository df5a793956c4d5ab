"""Microsoft 7-Scenes: indoor sequences of a Kinect, with depth brought onto the image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depth_models.data.dataset import existing_folder
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles, same_size
from depth_models.data.formats import read_depth_steps
from depth_models.data.image_files import image_at
from depth_models.frames import Camera, Map
from depth_models.geometry import points_from_depth, project_points

DEPTH_CAMERA = Camera(640, 480, 585.0, 585.0, 320.0, 240.0)  # of the data set's page
# The page has no calibration of the colour camera. These are nominal values of a Kinect v1: the focal
# length that OpenNI takes for it, and how far beside the depth camera it sits.
CAMERA = Camera(640, 480, 525.0, 525.0, 320.0, 240.0)
BASELINE = 0.025  # m
TO_COLOUR = np.eye(4)
TO_COLOUR[0, 3] = -BASELINE
UNKNOWN = (0, 65535)


class SevenScenes(DepthFileDataset):
    """
    A sequence, a scene or all of them.

        SCENE/seq-01/frame-000000.color.png     (or .jpg)
        SCENE/seq-01/frame-000000.depth.png     uint16 mm, 0 and 65535 unknown
        SCENE/seq-01/frame-000000.pose.txt      not read

    Colour and depth of the files are not registered: an edge lies up to 30 px beside itself. Depth is
    therefore projected into the colour camera: it is that of the image's pixels, to about a pixel, NaN where
    the depth camera saw nothing, as around the border. Frames of another size than 640x480 px are left as
    they are.

    From https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/, non-commercial, with
    citation of Shotton et al., CVPR 2013.
    """

    layout = ('7-Scenes, frame-NNNNNN.color.png (or .jpg) and frame-NNNNNN.depth.png in this folder, '
              'seq-NN/ or SCENE/seq-NN/')

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, _frames(root))

    def _depth(self, path: Path) -> Map:
        return registered(read_depth_steps(path, unknown=UNKNOWN))

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        return same_size(CAMERA, size)


def registered(depth: Map) -> Map:
    """[H,W] m of the depth camera -> [H,W] m of the colour camera: the nearest of what falls together."""
    if depth.shape != (DEPTH_CAMERA.height, DEPTH_CAMERA.width):
        return depth
    return project_points(points_from_depth(depth, DEPTH_CAMERA), CAMERA, transform=TO_COLOUR)


def _frames(root: Path) -> Iterator[DepthFiles]:
    for above in ('', '*/', '*/*/'):
        for depth in root.glob(f'{above}frame-*.depth.png'):
            frame = depth.name.removesuffix('.depth.png')
            yield DepthFiles((depth.parent / frame).relative_to(root).as_posix(),
                             image_at(depth.parent, f'{frame}.color', depth), depth)
