"""
Files that stereo and depth benchmarks are kept in: PFM, KITTI PNG, Middlebury PNG and calib.txt.

Maps come out as float32 [H,W], NaN where unknown, whatever the file's own sign for it (0, inf).
A malformed file raises ValueError with one line that names the file and what is wrong; one that
cannot be opened raises OSError.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.data.image_files import decode
from depth_models.frames import Camera, Map, StereoCamera

KITTI_SCALE = 256.0  # steps a px of disparity, or a m of depth
KITTI_LARGEST = 65535 / KITTI_SCALE


def read_pfm(path: Path | str) -> NDArray[np.float32]:
    """
    A PFM image, float32 [H,W] or [H,W,3], top row first; inf becomes NaN.

    The file starts with "Pf" (grey) or "PF" (colour), width, height and a scale whose sign tells
    the byte order (negative: little-endian), then the rows from the bottom up.
    """
    data = Path(path).read_bytes()
    header = re.match(rb'(P[Ff])\s+(\d+)\s+(\d+)\s+([-+]?[0-9.]+(?:[eE][-+]?\d+)?)[ \t\r]*\n', data)
    if header is None:
        raise ValueError(f'{path}: not a PFM file, it starts with {data[:16]!r}')
    channels = 3 if header[1] == b'PF' else 1
    width, height, scale = int(header[2]), int(header[3]), float(header[4])
    if width == 0 or height == 0 or scale == 0:
        raise ValueError(f'{path}: size {width}x{height} or scale {scale:g} is zero')
    body, needed = data[header.end():], 4 * channels * width * height
    if len(body) != needed:
        raise ValueError(
            f'{path}: {width}x{height} px need {needed} bytes, the file has {len(body)}')
    values = np.frombuffer(body, '<f4' if scale < 0 else '>f4').astype(np.float32)
    if _is_swapped(values):
        raise ValueError(f'{path}: its byte order is not the {"little" if scale < 0 else "big"}-endian '
                         f'one that the scale {scale:g} in its header says, its first value would be '
                         f'{values[0]:g}')
    values[~np.isfinite(values)] = np.nan
    shape = (height, width, 3) if channels == 3 else (height, width)
    return np.ascontiguousarray(values.reshape(shape)[::-1])


def _is_swapped(values: NDArray[np.float32]) -> bool:
    """Whether the values make sense in the other byte order only.

    Swapped bytes put the lowest bits of the fraction where the exponent is, so that most values
    leave the range of anything measured in px or m.
    """
    some = values[::max(values.size // 4096, 1)]
    return _absurd_share(some) > 0.5 and _absurd_share(some.byteswap()) < 0.1


def _absurd_share(values: NDArray[np.float32]) -> float:
    with np.errstate(invalid='ignore'):  # NaN is not absurd: it stands for unknown
        sizes = np.abs(values)
        return float(np.mean((sizes > 1e6) & (sizes < np.inf) | (sizes > 0) & (sizes < 1e-6)))


def write_pfm(path: Path | str, image: NDArray[Any], little_endian: bool = True) -> None:
    """A map [H,W] or a colour image [H,W,3] as PFM; NaN is written as inf, as Middlebury does."""
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or image.size == 0:
        raise ValueError(f'{path}: PFM holds [H,W] or [H,W,3], got {list(image.shape)}')
    values = np.where(np.isnan(image), np.inf, image).astype('<f4' if little_endian else '>f4')
    height, width = image.shape[:2]
    kind, scale = ('Pf' if image.ndim == 2 else 'PF'), (-1.0 if little_endian else 1.0)
    Path(path).write_bytes(f'{kind}\n{width} {height}\n{scale}\n'.encode() + values[::-1].tobytes())


def read_kitti_disparity(path: Path | str) -> Map:
    """KITTI's disparity [px]: 16-bit PNG of 1/256 px, 0 where unknown (devkit of Stereo 2015)."""
    return _read_kitti(path)


def read_kitti_depth(path: Path | str) -> Map:
    """KITTI's depth [m]: 16-bit PNG of 1/256 m, 0 where unknown (devkit of Depth Completion)."""
    return _read_kitti(path)


def write_kitti_disparity(path: Path | str, disparity: Map) -> None:
    """Disparity [px] as KITTI keeps it; ValueError beyond 255.996 px."""
    _write_kitti(path, disparity, 'px')


def write_kitti_depth(path: Path | str, depth: Map) -> None:
    """Depth [m] as KITTI keeps it; ValueError beyond 255.996 m."""
    _write_kitti(path, depth, 'm')


def read_depth_steps(path: Path | str, steps_per_m: float = 1000.0, unknown: Collection[int] = (0,)) -> Map:
    """
    Depth [m] of a grey 16-bit PNG or PGM, as RGB-D cameras are recorded.

    steps_per_m: 1000 for millimetres, 5000 in TUM RGB-D. unknown: the steps that stand for it.
    """
    if not steps_per_m > 0:
        raise ValueError(f'steps_per_m must be over 0, got {steps_per_m:g}')
    steps = _read_png(path, np.uint16)
    depth: Map = steps.astype(np.float32) / np.float32(steps_per_m)
    depth[np.isin(steps, list(unknown))] = np.nan
    return depth


def read_middlebury_disparity(path: Path | str, scale: float) -> Map:
    """
    Disparity [px] of Middlebury 2001 to 2006: 8-bit PNG of `scale` steps a px, 0 where unknown.

    The scale is not in the file. It is 8 for the 2001 sets (Tsukuba: 16), 4 for the quarter size
    sets of 2003, and 3, 2 or 1 for those of 2005 and 2006 at third, half or full size.
    """
    if not scale > 0:
        raise ValueError(f'scale must be over 0 steps a px, got {scale:g}')
    steps = _read_png(path, np.uint8)
    return np.where(steps == 0, np.nan, steps / np.float32(scale)).astype(np.float32)


@dataclass(frozen=True)
class MiddleburyCalibration:
    """calib.txt of Middlebury 2014: what makes metres of a disparity map."""

    camera: StereoCamera  # baseline in m
    disparities: int  # a bound on them [px], `ndisp`


def read_middlebury_calibration(path: Path | str) -> MiddleburyCalibration:
    """
    calib.txt of Middlebury 2014 and later (lengths there are mm).

    Depth = baseline * fx / (disparity + doffs), with doffs = cx of the right - cx of the left.
    """
    entries = dict(re.findall(r'^\s*(\w+)\s*=\s*(.+?)\s*$', Path(path).read_text(), re.MULTILINE))
    left, right = (_matrix(path, entries, name) for name in ('cam0', 'cam1'))
    baseline, doffs, width, height, disparities = (
        _number(path, entries, name) for name in ('baseline', 'doffs', 'width', 'height', 'ndisp'))
    if abs((right[0, 2] - left[0, 2]) - doffs) > 0.01:
        raise ValueError(f'{path}: doffs is {doffs:g} px but the principal points differ by '
                         f'{right[0, 2] - left[0, 2]:g} px')
    camera = Camera(int(width), int(height), *(float(left[at]) for at in
                                               ((0, 0), (1, 1), (0, 2), (1, 2))))
    return MiddleburyCalibration(
        StereoCamera(camera, baseline / 1e3, float(right[0, 2])), int(disparities))


def _entry(path: Path | str, entries: dict[str, str], name: str) -> str:
    if name not in entries:
        raise ValueError(f'{path}: no line "{name}=..."')
    return entries[name]


def _number(path: Path | str, entries: dict[str, str], name: str) -> float:
    text = _entry(path, entries, name)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{path}: {name} is not a number: {text}') from None


def _matrix(path: Path | str, entries: dict[str, str], name: str) -> NDArray[np.float64]:
    """[f 0 cx; 0 f cy; 0 0 1]"""
    text = _entry(path, entries, name)
    try:
        return np.array([[float(value) for value in row.split()]
                         for row in text.strip('[] ').split(';')]).reshape(3, 3)
    except ValueError:
        raise ValueError(f'{path}: {name} is not a 3x3 matrix: {text}') from None


def kitti_steps(values: Map, name: str, unit: str) -> NDArray[np.uint16]:
    """A map [px or m] as KITTI keeps it, uint16 of 1/256, 0 where unknown; name: for errors."""
    known = np.isfinite(values)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f'{name}: a map [H,W] is needed, got {list(values.shape)}')
    if np.any(values[known] < 0) or np.any(values[known] > KITTI_LARGEST):
        raise ValueError(f'{name}: this format holds 0 to {KITTI_LARGEST:.3f} {unit}, got '
                         f'{values[known].min():g} to {values[known].max():g} {unit}')
    # 0 means unknown: what is known and rounds to it keeps the smallest step
    steps = np.maximum(np.rint(np.where(known, values, 0) * KITTI_SCALE), 1) * known
    return steps.astype(np.uint16)


def from_kitti_steps(steps: NDArray[Any]) -> Map:
    """The map [px or m] of KITTI's uint16 steps."""
    values = steps.astype(np.float32)
    values *= np.float32(1 / KITTI_SCALE)
    values[steps == 0] = np.nan
    return values


def _read_kitti(path: Path | str) -> Map:
    return from_kitti_steps(_read_png(path, np.uint16))


def _write_kitti(path: Path | str, values: Map, unit: str) -> None:
    if not cv2.imwrite(str(path), kitti_steps(values, str(path), unit)):
        raise OSError(f'{path}: could not be written')


def _read_png(path: Path | str, kind: type[np.generic]) -> NDArray[Any]:
    """A grey PNG (or PGM) of exactly this sample type."""
    image = decode(path)
    bits = 8 * np.dtype(kind).itemsize
    if image.ndim != 2 or image.dtype != kind:
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise ValueError(f'{path}: a grey {bits}-bit image is needed, got {channels} channel(s) of '
                         f'{image.dtype}')
    return image

