"""What every set of stereo pairs is: a length, names, and samples that are read when asked for."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from depth_models.data.samples import StereoSample


class LayoutError(ValueError):
    """A folder that is there, but not in the layout that a reader expects."""


def layout_error(folder: Path, expected: str) -> LayoutError:
    return LayoutError(f'{folder}: expected {expected}; found {listing(folder)}')


class StereoDataset(ABC):
    """
    Stereo pairs with ground truth by number: `len(pairs)`, `pairs.names[i]`, `pairs[i]`.

    Nothing is kept in memory but the list of files, so that it can be handed to worker processes.
    """

    layout: ClassVar[str]  # in a line, for errors

    folder: Path
    names: list[str]  # unique, in order

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def __getitem__(self, index: int) -> StereoSample:
        """Read one pair. ValueError or OSError in one line that names the file at fault."""

    def __iter__(self) -> Iterator[StereoSample]:
        return (self[index] for index in range(len(self)))


def existing_folder(folder: Path | str, expected: str) -> Path:
    """The folder as a path; FileNotFoundError or NotADirectoryError where it is none."""
    path = Path(folder)
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such folder; expected {expected}')
    if not path.is_dir():
        raise NotADirectoryError(f'{path}: not a folder; expected {expected}')
    return path


def listing(folder: Path, most: int = 8) -> str:
    """The first entries of a folder in a line, folders with a slash."""
    names = sorted(path.name + '/' * path.is_dir() for path in folder.iterdir())
    if not names:
        return 'an empty folder'
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')
