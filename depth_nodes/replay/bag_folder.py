"""Which files a bag is made of, and what its metadata.yaml promises."""

import re
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from ruamel.yaml import YAML, YAMLError

from depth_nodes.replay import compressed
from depth_nodes.replay.recorded import Say, TopicInfo, tally

ENDINGS = {'.mcap', '.db3', '.bag'}


class Metadata(NamedTuple):
    """What of metadata.yaml is used; the files themselves know the rest, and better."""

    files: list[str]  # names
    topics: dict[str, TopicInfo]


def read_metadata(folder: Path, say: Say) -> Metadata | None:
    """metadata.yaml of any version; None where there is none that can be read."""
    path = folder / 'metadata.yaml'
    if not path.is_file():
        return None
    try:
        content = YAML(typ='safe', pure=True).load(path.read_text())
        about: dict[str, Any] = content['rosbag2_bagfile_information']
        topics = tally((entry['topic_metadata']['name'], entry['topic_metadata']['type'],
                        int(entry['message_count'])) for entry in about['topics_with_message_count'])
        # before version 4 the names begin with the folder's
        return Metadata([PurePath(name).name for name in about['relative_file_paths']], topics)
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        reason = ('it is empty' if path.stat().st_size == 0
                  else f'{type(error).__name__}: {error}'.splitlines()[0])
        say(f'metadata.yaml cannot be read ({reason}); the files beside it were')
        return None


def bag_files(folder: Path, metadata: Metadata | None, say: Say) -> tuple[list[Path], list[Path]]:
    """The files of a bag, and others that may be some of it; ValueError without any."""
    there = {path.name: path for path in sorted(folder.iterdir(), key=natural)
             if path.is_file() and ending(path.name) in ENDINGS}
    # a recorder that was stopped while it compressed leaves both, and the compressed one is not finished
    there = {name: path for name, path in there.items() if uncompressed(name) == name
             or uncompressed(name) not in there}
    if not there:
        raise ValueError(f'{folder} holds no bag: no .mcap, .db3 or .bag file lies in it')
    if metadata is None:
        return list(there.values()), []
    by_name = {uncompressed(name): path for name, path in there.items()}
    wanted = [uncompressed(name) for name in metadata.files]
    missing = [name for name in wanted if name not in by_name]
    if missing:
        say(f'metadata.yaml names files that are not there: {", ".join(missing)}')
    return ([by_name[name] for name in wanted if name in by_name],
            [path for name, path in by_name.items() if name not in wanted])


def uncompressed(name: str) -> str:
    """'a.db3' of 'a.db3.zstd'."""
    suffix = PurePath(name).suffix
    return name.removesuffix(suffix) if suffix in compressed.SUFFIXES else name


def ending(name: str) -> str:
    return PurePath(uncompressed(name)).suffix


def natural(path: Path) -> list[Any]:
    """Sorts a_2 before a_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', path.name)]
