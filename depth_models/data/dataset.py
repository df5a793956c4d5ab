"""What every data set is: a length, names, samples that are read when asked for; and how one is opened."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from depth_models.data.samples import DepthSample, StereoSample

Sample = TypeVar('Sample')


class LayoutError(ValueError):
    """A folder that is there, but not in the layout that a reader expects."""


def layout_error(folder: Path, expected: str) -> LayoutError:
    return LayoutError(f'{folder}: expected {expected}; found {listing(folder)}')


class Dataset(ABC, Generic[Sample]):
    """
    Samples with ground truth by number: `len(samples)`, `samples.names[i]`, `samples[i]`.

    Nothing is kept in memory but the list of files, so that it can be handed to worker processes.
    """

    layout: ClassVar[str]  # in a line, for errors

    folder: Path
    names: list[str]  # unique, in order

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """Read one sample. ValueError or OSError in one line that names the file at fault."""

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


class StereoDataset(Dataset[StereoSample]):
    """Rectified pairs with disparity."""


class DepthDataset(Dataset[DepthSample]):
    """Images with depth."""

    indoors: bool = True  # what its usual caps and crops depend on
    # where there are several: the argument `split` of the reader for 'training' and for 'validation'
    splits: ClassVar[Mapping[str, str]] = {}


Opened = TypeVar('Opened', bound=Dataset[Any])


def open_dataset(folder: Path | str, layout: str, readers: Mapping[str, Callable[[Path | str], Opened]],
                 expected: Mapping[str, str]) -> Opened:
    """
    The reader of a folder by the name of its layout, or by what lies in it where that is 'auto'.

    'auto' takes the layout that finds the most samples, the first if several do: what two of them
    find in the same files, they read alike. expected: what each layout looks like, in a line.

    Raises ValueError for a layout that is not known or does not fit (LayoutError), and OSError where
    the folder or a file of a sample is missing.
    """
    if layout != 'auto':
        if layout not in readers:
            raise ValueError(f'layout must be auto or one of {", ".join(readers)}, got {layout!r}')
        return readers[layout](folder)
    root = existing_folder(folder, f'a data set in one of the layouts {", ".join(readers)}')
    found: list[Opened] = []
    broken: list[Exception] = []
    for reader in readers.values():
        try:
            found.append(reader(root))
        except LayoutError:
            continue
        except (OSError, ValueError, ImportError) as error:  # its layout, but not whole
            broken.append(error)
    if found:
        return max(found, key=len)
    if broken:
        raise broken[0]
    raise LayoutError(f'{root}: in none of the known layouts, found {listing(root)}; expected '
                      + '; or '.join(f'{name}: {line}' for name, line in expected.items()))


def existing_folder(folder: Path | str, expected: str) -> Path:
    """The folder as a path; FileNotFoundError or NotADirectoryError where it is none."""
    path = Path(folder)
    if not path.exists():
        raise FileNotFoundError(f'{path}: no such folder; expected {expected}')
    if not path.is_dir():
        raise NotADirectoryError(f'{path}: not a folder; expected {expected}')
    return path


def scene_folders(folder: Path) -> list[Path]:
    """The folders that may hold samples: this one and those in it."""
    return [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]


def listing(folder: Path, most: int = 8) -> str:
    """The first entries of a folder in a line, folders with a slash."""
    names = sorted(path.name + '/' * path.is_dir() for path in folder.iterdir())
    if not names:
        return 'an empty folder'
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')
