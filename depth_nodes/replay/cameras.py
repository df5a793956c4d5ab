"""Calibrations from files, and images rectified by them."""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from depth_models.frames import Image
from depth_nodes import camera_checks, conversions

FISHEYE = 'equidistant'  # bends rays though D be zero
# sensor_msgs/distortion_models.hpp -> how many coefficients OpenCV takes
MODELS = {'plumb_bob': (4, 5), 'rational_polynomial': (8, 12, 14), FISHEYE: (4,)}
MATRICES = {'camera_matrix': (3, 3), 'rectification_matrix': (3, 3), 'projection_matrix': (3, 4)}
IDENTITY = np.eye(3)
ENOUGH = 40  # matches that tell whether two images are rectified


def read_camera_yaml(path: Path) -> CameraInfo:
    """The calibration in a file of camera_calibration or camera_info_manager.

    Raises OSError, or ValueError when something is missing in it or has another size.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is no YAML file: {" ".join(str(error).split())}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path} holds no camera: expected image_width, image_height, '
                         f'{", ".join(MATRICES)}, distortion_coefficients, as camera_calibration writes them')
    size = [content.get(name) for name in ('image_width', 'image_height')]
    for name, value in zip(('image_width', 'image_height'), size):
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f'{path}: {name} is {value!r}, expected a number of pixels')
    k, r, p = (_matrix(path, content, name, math.prod(shape)) for name, shape in MATRICES.items())
    # files that are older than the field mean plumb_bob (camera_calibration_parsers)
    model = content.get('distortion_model', 'plumb_bob')
    info = CameraInfo(width=size[0], height=size[1], distortion_model=model, k=k, r=r, p=p,
                      d=_matrix(path, content, 'distortion_coefficients', None))
    info.header.frame_id = str(content.get('camera_name', ''))
    _check_lens(str(path), info)
    camera_checks.check_projection(str(path), p)
    return info


def _matrix(path: Path, content: dict[str, Any], name: str, size: int | None) -> list[float]:
    """The values of {rows, cols, data}; size: how many there must be."""
    field = content.get(name)
    if not isinstance(field, dict) or not isinstance(field.get('data'), list):
        raise ValueError(f'{path}: {name} with rows, cols and data is missing')
    try:
        values = [float(value) for value in field['data']]  # YAML 1.1 takes 1e-05 for a word
    except (TypeError, ValueError):
        raise ValueError(f'{path}: {name} is {field["data"]}, expected numbers') from None
    if size is not None and len(values) != size:
        raise ValueError(f'{path}: {name} has {len(values)} values, expected {size}')
    return values


class Rectifier:
    """Makes images of a camera what image_proc/rectify would make of them."""

    def __init__(self, info: CameraInfo, topic: str = 'camera_info') -> None:
        """topic: for errors. Raises ValueError when the calibration is none, or of an unknown lens."""
        self._topic, self._calibration = topic, info
        camera_checks.check_projection(topic, np.asarray(info.p).tolist())
        _check_lens(topic, info)
        self._maps: dict[tuple[int, int, bool], tuple[Any, Any]] = {}
        k, d, r, p = _arrays(info)
        # a driver of images that are rectified already may leave K out
        self.changes = bool(k[0, 0]) and bool(
            info.distortion_model == FISHEYE or d.any() or not np.allclose(r, IDENTITY, atol=1e-9)
            or not np.allclose(k, p[:, :3], rtol=1e-6, atol=1e-6))  # else images are rectified already

    @property
    def info(self) -> CameraInfo:
        """Of the rectified images of full size: no distortion, R the identity, K of P."""
        return self.info_of((self._calibration.width, self._calibration.height))

    def info_of(self, size: tuple[int, int]) -> CameraInfo:
        """Of the rectified images of (width, height) `size`, which the driver may have cropped or binned."""
        info = self._of(size)
        x = list(info.p)
        return CameraInfo(header=info.header, width=info.width, height=info.height,
                          distortion_model='plumb_bob', d=[0.0] * 5, k=[*x[:3], *x[4:7], *x[8:11]],
                          r=IDENTITY.ravel().tolist(), p=x)

    def __call__(self, image: NDArray, *, nearest: bool = False) -> NDArray:
        """[H,W] or [H,W,C] rectified; 0, or NaN of floats, where the camera has not seen.

        nearest: for depth, whose mean over the edge of a thing is the depth of nothing. Raises ValueError
        when the image is of a size that the calibration does not speak of.
        """
        height, width = image.shape[:2]
        key = width, height, nearest
        if key not in self._maps:
            self._maps[key] = self._look_up(*key)
        empty = math.nan if image.dtype.kind == 'f' else 0.0
        return np.asarray(cv2.remap(
            image, *self._maps[key], cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(empty,) * 4))

    def _of(self, size: tuple[int, int]) -> CameraInfo:
        """The calibration of images of this size, distortion and all."""
        return conversions.resized_info(self._calibration.header, self._calibration, self._topic, size, size)

    def _look_up(self, width: int, height: int, nearest: bool) -> tuple[Any, Any]:
        """Where each rectified pixel lies in the image, as cv2.remap is quickest with."""
        info = self._of((width, height))
        k, d, r, p = _arrays(info)
        if info.distortion_model == FISHEYE:
            maps = cv2.fisheye.initUndistortRectifyMap(k, d, r, p[:, :3], (width, height), cv2.CV_32FC1)
        else:
            maps = cv2.initUndistortRectifyMap(k, d, r, p[:, :3], (width, height), cv2.CV_32FC1)
        return cv2.convertMaps(*maps, cv2.CV_16SC2, nninterpolation=nearest)


def _arrays(info: CameraInfo) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """K [3,3], D, R [3,3] and P [3,4]; R all zero, as some drivers leave it, is the identity."""
    r = np.reshape(info.r, (3, 3)).astype(float)
    return (np.reshape(info.k, (3, 3)).astype(float), np.asarray(info.d, float),
            r if r.any() else IDENTITY, np.reshape(info.p, (3, 4)).astype(float))


def _check_lens(where: str, info: CameraInfo) -> None:
    """K, D and R must be of a camera that can be rectified."""
    for name, values in (('K', info.k), ('D', info.d), ('R', info.r)):
        for i, value in enumerate(values):
            if not math.isfinite(value):
                raise ValueError(f'{where}: {name}[{i}] is {value}; the calibration is damaged')
    if not any(info.d) and info.distortion_model != FISHEYE:
        return
    if info.distortion_model not in MODELS:
        raise ValueError(f'{where}: distortion_model is {info.distortion_model!r}, known are '
                         f'{", ".join(MODELS)}')
    if len(info.d) not in MODELS[info.distortion_model]:
        raise ValueError(f'{where}: D has {len(info.d)} values, expected '
                         f'{" or ".join(map(str, MODELS[info.distortion_model]))} of {info.distortion_model}')
    if info.k[0] <= 0 or info.k[4] <= 0:
        raise ValueError(f'{where}: fx and fy = K[0] and K[4] are {info.k[0]:g} and {info.k[4]:g}, they must '
                         f'be positive where D is not zero')


def row_misfit(left: Image, right: Image) -> float | None:
    """How far apart the same things lie in the rows of two images, the median [px]; None: too few found.

    In a rectified pair it is a fraction of a pixel. ORB features of both, matched mutually.
    """
    orb = cv2.ORB.create(nfeatures=1500)
    found = [orb.detectAndCompute(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
             for image in (left, right)]
    (points, marks), (other_points, other_marks) = found
    if marks is None or other_marks is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(marks, other_marks)
    apart = [abs(points[match.queryIdx].pt[1] - other_points[match.trainIdx].pt[1]) for match in matches
             if match.distance < 40]  # of 256 bits; above it matches are chance
    return float(np.median(apart)) if len(apart) >= ENOUGH else None
