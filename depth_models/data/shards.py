"""
Stereo pairs in tar files, read in any order without unpacking.

    OUT/shard-00000.tar    00000000.left.png, .right.png, .disparity.png, .visible.png, .camera.json,
                           then 00000001...: readable by tar, and by WebDataset
    OUT/index.json         what is in which shard at which byte, and what the set was made from

Images are stored without loss, disparity as KITTI keeps it: in steps of 1/256 px from 1/256 px (what
is less becomes that) to 255.99 px, so with an error of at most 1/512 px from there on. visible.png and
camera.json are there where the sample knows them.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_models.data import formats
from depth_models.data.dataset import StereoDataset, existing_folder, layout_error
from depth_models.data.image_files import decode_bytes
from depth_models.data.samples import StereoSample
from depth_models.frames import Camera, StereoCamera

INDEX = 'index.json'
FORMAT = 1  # of the index
# decoding matters more than size: the filter "up" is the fastest to undo. OpenCV before 4.12 cannot be
# told the filter; what it writes takes 1.4 times as long to read
_UP = (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP) if hasattr(cv2, 'IMWRITE_PNG_FILTER') else ()
_COLOUR = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE, *_UP)
_STEPS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT,
          *_UP)
_BITS = (cv2.IMWRITE_PNG_BILEVEL, 1)


class ShardedStereo(StereoDataset):
    """
    The pairs of a folder of shards, one read and four images decoded for each.

    Raises OSError or ValueError in a line where the folder, its index or a shard is missing, or a
    shard has not the size that the index says.
    """

    layout = f'a folder of shards, {INDEX} and shard-NNNNN.tar, as "depth-nodes generate" writes it'

    def __init__(self, folder: Path | str) -> None:
        self.folder = existing_folder(folder, self.layout)
        if not (self.folder / INDEX).is_file():
            raise layout_error(self.folder, self.layout)
        index = read_index(self.folder)
        self.about: dict[str, Any] = index['about']
        self.names = []
        self._members: list[tuple[str, Members]] = []  # file and what lies in it, by number
        for shard in index['shards']:
            check_shard(self.folder, shard)
            for name, members in shard['samples'].items():
                self.names.append(name)
                self._members.append((shard['file'], members))

    def __getitem__(self, index: int) -> StereoSample:
        file, members = self._members[index]
        start = min(offset for offset, _ in members.values())
        end = max(offset + size for offset, size in members.values())
        with (self.folder / file).open('rb') as shard:  # a process that forks shares no position
            shard.seek(start)
            data = shard.read(end - start)
        return decode_sample(
            {name: data[offset - start:offset - start + size]
             for name, (offset, size) in members.items()}, f'{self.folder / file}: {self.names[index]}')


Members = dict[str, list[int]]  # by suffix, for instance left.png: its first byte and its bytes


def read_index(folder: Path) -> dict[str, Any]:
    """index.json; ValueError where it is not one."""
    path = folder / INDEX
    try:
        index = json.loads(path.read_text())
        if index['format'] != FORMAT:
            raise ValueError(f'{path}: format {index["format"]}, this version reads {FORMAT}')
        for shard in index['shards']:
            for field in ('file', 'bytes', 'samples'):
                shard[field]
        index['about']
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: not an index of shards ({type(error).__name__}: {error})') from None
    return index


def check_shard(folder: Path, shard: dict[str, Any]) -> None:
    """FileNotFoundError or ValueError where a shard is not what the index says."""
    path = folder / shard['file']
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such shard, but {INDEX} lists it')
    if path.stat().st_size != shard['bytes']:
        raise ValueError(f'{path}: {path.stat().st_size} bytes, but {INDEX} says {shard["bytes"]}: '
                         'the shard is cut off or of another set')


def encode_sample(sample: StereoSample) -> dict[str, bytes]:
    """The files of a sample by their suffix. ValueError for a disparity over 255.99 px."""
    files = {
        'left.png': _png(sample.left[..., ::-1], _COLOUR),
        'right.png': _png(sample.right[..., ::-1], _COLOUR),
        'disparity.png': _png(formats.kitti_steps(sample.disparity, 'disparity', 'px'), _STEPS)}
    if sample.visible is not None:
        files['visible.png'] = _png(sample.visible.astype(np.uint8) * 255, _BITS)
    if sample.camera is not None:
        files['camera.json'] = json.dumps(asdict(sample.camera)).encode()
    return files


def decode_sample(files: dict[str, bytes], name: str) -> StereoSample:
    """A sample from its files; name: for errors."""
    left, right = (
        cv2.cvtColor(decode_bytes(files[suffix], f'{name}.{suffix}', cv2.IMREAD_COLOR),
                     cv2.COLOR_BGR2RGB) for suffix in ('left.png', 'right.png'))
    disparity = formats.from_kitti_steps(
        decode_bytes(files['disparity.png'], f'{name}.disparity.png', cv2.IMREAD_UNCHANGED))
    visible = camera = None
    if 'visible.png' in files:
        visible = decode_bytes(files['visible.png'], f'{name}.visible.png',
                               cv2.IMREAD_GRAYSCALE).astype(bool)
    if 'camera.json' in files:
        fields = json.loads(files['camera.json'])
        camera = StereoCamera(Camera(**fields['left']), fields['baseline'], fields['cx_right'])
    return StereoSample(left, right, disparity, visible, camera)


def _png(image: Any, parameters: tuple[int, ...]) -> bytes:
    done, data = cv2.imencode('.png', image, parameters)
    if not done:
        raise ValueError(f'an image of {list(image.shape)} {image.dtype} could not be encoded as PNG')
    return data.tobytes()
