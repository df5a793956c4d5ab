"""Writing the shards that `shards.ShardedStereo` reads; what is there already is kept."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import cv2

from depth_models.data.samples import StereoSample
from depth_models.data.shards import FORMAT, INDEX, check_shard, encode_sample, read_index


class Samples(Protocol):
    """What can be counted and asked for one sample; where jobs > 1 it goes to other processes."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> StereoSample: ...


def write_shards(samples: Samples, folder: Path | str, *, per_shard: int = 256, jobs: int = 1,
                 about: Mapping[str, Any] | None = None,
                 progress: Callable[[int], object] | None = None) -> int:
    """
    Write samples to folder/shard-NNNNN.tar, `per_shard` in each, and index.json; see `shards`.

    Every shard appears whole, under its name, and is entered in the index then: a run that was killed
    goes on with the first shard that is missing, and nothing that is done is drawn again. The bytes
    depend on the samples only, not on `jobs`, the number of processes that draw and encode them.
    about: what the set was made from, kept in the index. progress: called with the number of samples
    that are ready now. Returns how many samples were written.

    Raises ValueError where the folder holds shards made from something else, or more of them.
    """
    if per_shard < 1 or jobs < 1:
        raise ValueError(f'per_shard and jobs must be at least 1, got {per_shard} and {jobs}')
    folder = Path(folder)
    made_from: dict[str, Any] = json.loads(  # as it is read back
        json.dumps(dict(about or {}) | {'per_shard': per_shard}))
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    done = _kept(folder, made_from, len(samples))
    count = -(-len(samples) // per_shard)
    with ExitStack() as closing:
        encode = _encoder(samples, jobs, closing)
        for number in range(count):
            numbers = range(number * per_shard, min((number + 1) * per_shard, len(samples)))
            shard = done.get(_file(number))
            if shard is None or len(shard['samples']) != len(numbers):
                shard = _write_shard(folder / _file(number), numbers, encode(numbers), progress)
                written += len(numbers)
                done[_file(number)] = shard
                _write_index(folder, made_from, done)
            elif progress is not None:
                progress(len(numbers))
    return written


def _file(number: int) -> str:
    return f'shard-{number:05d}.tar'


def _kept(folder: Path, about: dict[str, Any], count: int) -> dict[str, dict[str, Any]]:
    """The shards that are whole, by their file, after an earlier run."""
    if not (folder / INDEX).exists():
        return {}
    index = read_index(folder)
    if index['about'] != about:
        both = index['about'].keys() | about.keys()
        differs = [f'{name} {index["about"].get(name)!r}, not {about.get(name)!r}'
                   for name in sorted(both) if index['about'].get(name) != about.get(name)]
        raise ValueError(f'{folder}: holds shards of another set: {"; ".join(differs)}')
    held = sum(len(shard['samples']) for shard in index['shards'])
    if held > count:
        raise ValueError(f'{folder}: holds {held} samples already, more than the {count} asked for')
    whole = {}
    for shard in index['shards']:
        try:
            check_shard(folder, shard)
        except (OSError, ValueError):
            continue  # written again
        whole[shard['file']] = shard
    return whole


def _write_shard(path: Path, numbers: range, encoded: Iterator[dict[str, bytes]],
                 progress: Callable[[int], object] | None) -> dict[str, Any]:
    """Write one shard under another name, then rename it; its entry of the index."""
    part = path.with_name(path.name + '.part')
    samples: dict[str, dict[str, list[int]]] = {}
    # USTAR headers of short names are one block, so that data begins 512 bytes on
    with tarfile.open(part, 'w', format=tarfile.USTAR_FORMAT) as tar:
        for number, files in zip(numbers, encoded, strict=True):
            members = samples[f'{number:08d}'] = {}
            for suffix, data in files.items():
                member = tarfile.TarInfo(f'{number:08d}.{suffix}')
                member.size = len(data)
                members[suffix] = [tar.offset + tarfile.BLOCKSIZE, len(data)]
                tar.addfile(member, io.BytesIO(data))
            if progress is not None:
                progress(1)
    size = part.stat().st_size
    os.replace(part, path)
    return {'file': path.name, 'bytes': size, 'samples': samples}


def _write_index(folder: Path, about: dict[str, Any], shards: dict[str, dict[str, Any]]) -> None:
    part = folder / f'{INDEX}.part'
    part.write_text(json.dumps({
        'format': FORMAT, 'about': about, 'shards': [shards[file] for file in sorted(shards)]}))
    os.replace(part, folder / INDEX)


Encoder = Callable[[Sequence[int]], Iterator[dict[str, bytes]]]


def _encoder(samples: Samples, jobs: int, closing: ExitStack) -> Encoder:
    """What draws and encodes samples in order, in this process or in others."""
    if jobs == 1:
        return partial(map, partial(_encode, samples))
    pool = closing.enter_context(ProcessPoolExecutor(
        jobs, mp_context=get_context('spawn'), initializer=_start_worker, initargs=(samples,)))
    closing.callback(pool.shutdown, wait=True, cancel_futures=True)  # first, where an error ends all
    return partial(pool.map, _encode_in_worker)


def _encode(samples: Samples, number: int) -> dict[str, bytes]:
    return encode_sample(samples[number])


_samples: list[Samples] = []  # of a worker process


def _start_worker(samples: Samples) -> None:
    cv2.setNumThreads(1)  # the processes are what runs side by side
    _samples[:] = [samples]


def _encode_in_worker(number: int) -> dict[str, bytes]:
    return _encode(_samples[0], number)
