"""Images with depth that lie in files: what the readers of the public data sets share."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from depth_models.data.dataset import DepthDataset, layout_error
from depth_models.data.image_files import check_size, read_rgb
from depth_models.data.samples import DepthSample
from depth_models.frames import Camera, Map


@dataclass(frozen=True)
class DepthFiles:
    """Where one sample lies."""

    name: str
    image: Path
    depth: Path
    calibration: Path | None = None


class DepthFileDataset(DepthDataset):
    """Samples of one layout; a reader finds the files and says how depth and camera are read."""

    def __init__(self, folder: Path, samples: Iterable[DepthFiles]) -> None:
        self.folder = folder
        self.files = sorted(samples, key=lambda files: files.name)
        self.names = [files.name for files in self.files]
        if not self.files:
            raise layout_error(folder, self.layout)

    def __getitem__(self, index: int) -> DepthSample:
        files = self.files[index]
        image, depth = read_rgb(files.image), self._depth(files.depth)
        check_size(files.depth, depth, image, 'the image')
        return DepthSample(image, depth, self._camera(files, (image.shape[0], image.shape[1])))

    @abstractmethod
    def _depth(self, path: Path) -> Map:
        """[H,W] m, NaN where unknown."""

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        """size: (height, width) of the image."""
        return None


def same_size(camera: Camera, size: tuple[int, int]) -> Camera | None:
    """The camera of a data set, if its image still has the size [height, width] that it is of."""
    return camera if (camera.height, camera.width) == size else None
