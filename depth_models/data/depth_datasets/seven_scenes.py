"""Microsoft 7-Scenes: indoor sequences of a Kinect."""

from collections.abc import Iterator
from pathlib import Path

from depth_models.data.dataset import existing_folder
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles, same_size
from depth_models.data.formats import read_depth_steps
from depth_models.data.image_files import image_at
from depth_models.frames import Camera, Map

CAMERA = Camera(640, 480, 585.0, 585.0, 320.0, 240.0)  # of the data set's page
UNKNOWN = (0, 65535)


class SevenScenes(DepthFileDataset):
    """
    A sequence, a scene or all of them.

        SCENE/seq-01/frame-000000.color.png     (or .jpg)
        SCENE/seq-01/frame-000000.depth.png     uint16 mm, 0 and 65535 unknown
        SCENE/seq-01/frame-000000.pose.txt      not read

    Colour and depth are not registered: they differ by some pixels.

    From https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/, non-commercial, with
    citation of Shotton et al., CVPR 2013.
    """

    layout = ('7-Scenes, frame-NNNNNN.color.png (or .jpg) and frame-NNNNNN.depth.png in this folder, '
              'seq-NN/ or SCENE/seq-NN/')

    def __init__(self, folder: Path | str) -> None:
        root = existing_folder(folder, self.layout)
        super().__init__(root, _frames(root))

    def _depth(self, path: Path) -> Map:
        return read_depth_steps(path, unknown=UNKNOWN)

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        return same_size(CAMERA, size)


def _frames(root: Path) -> Iterator[DepthFiles]:
    for above in ('', '*/', '*/*/'):
        for depth in root.glob(f'{above}frame-*.depth.png'):
            frame = depth.name.removesuffix('.depth.png')
            yield DepthFiles((depth.parent / frame).relative_to(root).as_posix(),
                             image_at(depth.parent, f'{frame}.color', depth), depth)
