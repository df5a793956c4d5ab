"""Image files read whole or not at all: cv2 fills what a cut-off file lacks with grey or black."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Image

SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.ppm', '.pgm', '.bmp')


def read_rgb(path: Path | str) -> Image:
    """An image as uint8 [H,W,3] RGB; grey is repeated, transparency is dropped.

    Raises ValueError with one line that names the file where it is cut off or no image.
    """
    return cv2.cvtColor(decode(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode(path: Path | str, flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    """What cv2 makes of a file, in its order of channels; errors as of `read_rgb`."""
    return decode_bytes(Path(path).read_bytes(), str(path), flags)


def decode_bytes(data: bytes, name: str, flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    """The same of bytes in memory; name: of the file, for errors."""
    if _is_cut_off(data):
        raise ValueError(f'{name}: the image is cut off after {len(data)} bytes')
    image = cv2.imdecode(np.frombuffer(data or b'\0', np.uint8), flags)
    if image is None:
        raise ValueError(f'{name}: not an image that can be decoded')
    return image


def beside(folder: Path, stem: str) -> Path | None:
    """The image `stem` with any of the known suffixes in a folder; None where there is none."""
    for suffix in SUFFIXES:
        path = folder / (stem + suffix)
        if path.is_file():
            return path
    return None


def image_at(folder: Path, stem: str, of: Path) -> Path:
    """The image of this stem; FileNotFoundError where a ground truth `of` has none."""
    path = beside(folder, stem)
    if path is None:
        raise FileNotFoundError(f'{folder / stem}: no image of this name (one of '
                                f'{", ".join(SUFFIXES)}), but {of} belongs to it')
    return path


def if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def check_size(path: Path, values: NDArray[Any], image: NDArray[Any], name: str = 'the left image') -> None:
    """ValueError where a file's picture or map has not the size of the image, called `name`."""
    (height, width), (image_height, image_width) = values.shape[:2], image.shape[:2]
    if (height, width) != (image_height, image_width):
        raise ValueError(f'{path}: {width}x{height} px, but {name} is {image_width}x{image_height} px')


def _is_cut_off(data: bytes) -> bool:
    """Of the formats whose end can be told; others are refused by their decoder or not at all."""
    if data.startswith(b'\x89PNG\r\n\x1a\n'):
        return data.rfind(b'IEND\xaeB`\x82') < 0
    if data.startswith(b'\xff\xd8\xff'):
        return data.rfind(b'\xff\xd9') < 0
    if data.startswith(b'RIFF') and data[8:12] == b'WEBP':
        return len(data) < 8 + int.from_bytes(data[4:8], 'little')
    if data[:2] in (b'P5', b'P6'):
        return _is_cut_off_netpbm(data)
    return False


def _is_cut_off_netpbm(data: bytes) -> bool:
    """Of a binary PGM or PPM: magic, width, height, largest value, one blank, the samples."""
    numbers: list[int] = []
    at = 2
    while len(numbers) < 3:
        if data[at:at + 1] == b'#':  # a comment, up to the end of the line
            at = data.find(b'\n', at)
            if at < 0:
                return True
        elif data[at:at + 1].isspace():
            at += 1
        else:
            end = at
            while data[end:end + 1].isdigit():
                end += 1
            if end == at:
                return end == len(data)  # else not a header: the decoder says so
            numbers.append(int(data[at:end]))
            at = end
    width, height, largest = numbers
    samples = width * height * (3 if data[:2] == b'P6' else 1)
    return len(data) - (at + 1) < samples * (2 if largest > 255 else 1)
