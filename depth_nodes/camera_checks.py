"""
Calibrations that cannot be: each is a ValueError with the field, its value and the likely cause.

Works on the numbers of sensor_msgs/CameraInfo, P = [fx 0 cx Tx; 0 fy cy Ty; 0 0 1 0] as 12 floats
in row order, where Tx = -fx * baseline [px m] in the right camera and 0 in the left one.
"""

import math
from collections.abc import Sequence

from depth_models.frames import Camera

MIN_BASELINE, MAX_BASELINE = 0.001, 5.0  # m; outside, somebody mixed up units
MAX_VIEW_MISFIT = 2.0  # px of the image; what it sees beside the depth's edges shifts them by as much
MAX_MISFIT = 0.5  # px; rows or columns of a pair that differ by more do not belong together
MAX_ROUNDING = 1.0  # px, of the size of a map that was made smaller
MOST_PIXELS = 1 << 26  # of a map that is made for a camera; no camera has more
MAX_LEFT_BASELINE = 1e-6  # m; rounding in a calibration file


def check_projection(topic: str, p: Sequence[float]) -> None:
    """P must be that of a rectified camera."""
    if not any(p):
        raise ValueError(f'{topic}: P is all zero; the camera is not calibrated, or its driver has '
                         f'not loaded the calibration')
    for i, value in enumerate(p):
        if not math.isfinite(value):
            raise ValueError(f'{topic}: P[{i}] is {value}; the calibration is damaged')
    for name, i in (('fx', 0), ('fy', 5)):
        if p[i] <= 0:
            raise ValueError(f'{topic}: {name} = P[{i}] is {p[i]:g}, it must be positive; '
                             f'the calibration is incomplete')
    for i, expected in ((1, 0), (4, 0), (8, 0), (9, 0), (10, 1), (11, 0)):
        if p[i] != expected:
            raise ValueError(f'{topic}: P[{i}] is {p[i]:g}, of a rectified camera it is {expected};'
                             f' the image is not rectified, or P is not in row order')


def check_image_size(topic: str, size: tuple[int, int], image_topic: str,
                     image_size: tuple[int, int]) -> None:
    """(width, height) that the camera info speaks of, and those of the image."""
    if size != image_size:
        raise ValueError(f'{topic} is for {_size(size)} but {image_topic} is {_size(image_size)}; '
                         f'the image was resized without its camera info, or binning and roi '
                         f'are not filled in')


def check_makeable(topic: str, size: tuple[int, int]) -> None:
    """(width, height) that a camera info asks for where no image tells it."""
    if not 0 < size[0] * size[1] <= MOST_PIXELS:
        raise ValueError(f'{topic} is for {_size(size)}, expected 1 to {MOST_PIXELS} pixels; '
                         f'width and height are not filled in, or damaged')


def check_same_size(left_topic: str, left: tuple[int, int],
                    right_topic: str, right: tuple[int, int]) -> None:
    """(width, height) of the two images."""
    if left != right:
        raise ValueError(f'{left_topic} is {_size(left)} but {right_topic} is {_size(right)}; '
                         f'the cameras run in different modes, or the topics are not of one pair')


def check_not_smaller(image_topic: str, image: tuple[int, int], topic: str, size: tuple[int, int]) -> None:
    """(width, height) of an image and of the map that is brought to its resolution."""
    if image[0] < size[0] or image[1] < size[1]:
        raise ValueError(f'{image_topic} is {_size(image)}, smaller than {topic}, which is {_size(size)}; '
                         f'the image must have the higher resolution: are the topics swapped?')


def check_same_proportions(topic: str, size: tuple[int, int],
                           other_topic: str, other: tuple[int, int]) -> None:
    """(width, height) of two maps of the same view, the one resized to the other but for rounding."""
    small, large = sorted((size, other))
    if min(abs(small[1] * large[0] - large[1] * small[0]) / large[0],
           abs(small[0] * large[1] - large[0] * small[1]) / large[1]) > MAX_ROUNDING:
        raise ValueError(f'{topic} is {_size(size)} but {other_topic} is {_size(other)}: their proportions '
                         f'differ, so they do not see the same; crop or register one to the other first')


def check_same_view(topic: str, camera: Camera, image_topic: str, image_camera: Camera) -> None:
    """A map's camera, resized to the size of the image, must be the image's: else they see other things."""
    misfits = [abs(image_focal * (edge - centre) / focal + image_centre - edge)
               for size, focal, centre, image_focal, image_centre in (
                   (camera.width, camera.fx, camera.cx, image_camera.fx, image_camera.cx),
                   (camera.height, camera.fy, camera.cy, image_camera.fy, image_camera.cy))
               for edge in (-0.5, size - 0.5)]
    if max(misfits) > MAX_VIEW_MISFIT:
        raise ValueError(
            f'{topic} and {image_topic} see different fields of view: edges of the depth lie '
            f'{max(misfits):.1f} px of the image from where its camera has them, at most '
            f'{MAX_VIEW_MISFIT:g} are allowed; register depth to the image first, e.g. by '
            f'depth_image_proc/register')


def check_pair(left_topic: str, left: Sequence[float], right_topic: str, right: Sequence[float],
               size: tuple[int, int]) -> float:
    """The baseline [m] of two P that passed `check_projection`; size: (width, height) of P."""
    if abs(left[3]) > MAX_LEFT_BASELINE * left[0]:
        cause = ('are left and right swapped?' if right[3] == 0 else
                 'its P is not relative to the left camera, or it is the info of the right one')
        raise ValueError(f'{left_topic}: P[3] is {left[3]:g}, of the left camera it is 0; {cause}')
    baseline = -right[3] / right[0]
    meaning = f'{right_topic}: P[3] is {right[3]:g}, so the baseline -P[3]/P[0] is {baseline:g} m'
    if baseline == 0:
        raise ValueError(f'{meaning}; the cameras were not calibrated as a pair, '
                         f'or this is the info of the left one')
    if baseline < 0:
        raise ValueError(f'{meaning}, it must be positive; are left and right swapped?')
    if baseline < MIN_BASELINE:
        raise ValueError(f'{meaning}, below {MIN_BASELINE:g} m; P[3] must be -fx [px] * baseline '
                         f'[m]: is fx missing in it?')
    if baseline > MAX_BASELINE:
        raise ValueError(f'{meaning}, above {MAX_BASELINE:g} m; P[3] must be -fx [px] * baseline '
                         f'[m]: was the pair calibrated in millimetres?')
    width, height = size
    # P[7] / P[3] is vertical disparity / horizontal disparity, and the latter is below the width
    if abs(right[7] / right[3]) * width > MAX_MISFIT:
        raise ValueError(f'{right_topic}: P[7] is {right[7]:g}, of a horizontal pair it is 0; '
                         f'the cameras are above each other, or the pair is not rectified')
    # how far pixels at the image's border are off when one P is taken for the other [px]
    misfits = {'fx = P[0]': (0, width), 'fy = P[5]': (5, height), 'cy = P[6]': (6, None)}
    for name, (i, extent) in misfits.items():
        misfit = abs(left[i] - right[i])
        if extent is not None:
            misfit *= extent / 2 / left[i]
        if misfit > MAX_MISFIT:
            raise ValueError(f'{name} is {left[i]:g} in {left_topic} but {right[i]:g} in '
                             f'{right_topic}; the pair is not rectified together')
    return baseline


def _size(size: tuple[int, int]) -> str:
    return f'{size[0]}x{size[1]}'
