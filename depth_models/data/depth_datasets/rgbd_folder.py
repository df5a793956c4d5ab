"""Images and depth of one's own, in a plain folder."""

import json
from collections.abc import Iterator
from pathlib import Path

from depth_models.data.dataset import existing_folder, scene_folders
from depth_models.data.depth_datasets.files import DepthFileDataset, DepthFiles
from depth_models.data.formats import read_depth_steps
from depth_models.data.image_files import image_at
from depth_models.frames import Camera, Map

COLOUR = ('color', 'rgb')


class RgbdFolder(DepthFileDataset):
    """
    Images of an RGB-D camera, or of any other, as Open3D's examples have them too.

        color/NAME.jpg    8 bits; .png, .webp, .ppm, .pgm and .bmp too; the folder may be called rgb
        depth/NAME.png    uint16 mm, 0 unknown; .pgm too
        camera*.json      optional: width, height and intrinsic_matrix, nine numbers column by column

    or several such folders in one.

    """

    layout = ('a plain folder, color/NAME.jpg (or rgb/, or .png) and depth/NAME.png (or .pgm) of 16-bit mm, '
              'or several')

    def __init__(self, folder: Path | str, *, steps_per_m: float = 1000.0) -> None:
        root = existing_folder(folder, self.layout)
        if not steps_per_m > 0:
            raise ValueError(f'steps_per_m must be over 0, got {steps_per_m:g}')
        self._steps_per_m = steps_per_m
        super().__init__(root, (files for scene in scene_folders(root) for files in _frames(root, scene)))

    def _depth(self, path: Path) -> Map:
        return read_depth_steps(path, self._steps_per_m)

    def _camera(self, files: DepthFiles, size: tuple[int, int]) -> Camera | None:
        if files.calibration is None:
            return None
        camera = read_open3d_camera(files.calibration)
        if (camera.height, camera.width) != size:
            raise ValueError(f'{files.calibration}: {camera.width}x{camera.height} px, but the image is '
                             f'{size[1]}x{size[0]} px')
        return camera


def _frames(root: Path, scene: Path) -> Iterator[DepthFiles]:
    colour = next((scene / name for name in COLOUR if (scene / name).is_dir()), scene / COLOUR[0])
    cameras = sorted(scene.glob('camera*.json'))
    for depth in (scene / 'depth').glob('*'):
        if depth.suffix not in ('.png', '.pgm'):
            continue
        if len(cameras) > 1:
            raise ValueError(f'{scene}: one camera*.json is needed, found '
                             + ', '.join(path.name for path in cameras))
        name = depth.stem if scene == root else f'{scene.name}/{depth.stem}'
        yield DepthFiles(name, image_at(colour, depth.stem, depth), depth, cameras[0] if cameras else None)


def read_open3d_camera(path: Path) -> Camera:
    """The pinhole camera of a JSON file as Open3D writes PinholeCameraIntrinsic."""
    try:
        made = json.loads(path.read_text())
        width, height, matrix = made['width'], made['height'], made['intrinsic_matrix']
        fx, _, _, skew, fy, _, cx, cy, one = (float(value) for value in matrix)
        width, height = int(width), int(height)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path}: needs width, height and the nine numbers of intrinsic_matrix, column by '
                         f'column ({type(error).__name__}: {error})') from None
    if skew != 0 or one != 1 or not (fx > 0 and fy > 0):
        raise ValueError(f'{path}: intrinsic_matrix must be fx 0 0 0 fy 0 cx cy 1 with fx and fy over 0, '
                         f'got {" ".join(f"{float(value):g}" for value in matrix)}')
    return Camera(width, height, fx, fy, cx, cy)
