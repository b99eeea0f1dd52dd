"""The files of a folder or tar archive, by the parts of their path; an archive is read in memory, never extracted."""

import os
from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath

from kdbench.data.archives import members, open_archive
from kdbench.errors import KdbenchError

Parts = tuple[str, ...]
# Larger than any image within Pillow's own limit: what claims more is a bomb or no image.
LARGEST_FILE = 2**29
LEFT_BEHIND = {"__macosx", "thumbs.db", "desktop.ini"}


def file_names(path: Path) -> list[Parts]:
    """Every file of a folder or archive that is not hidden, as the parts of its path, sorted.

    Raises KdbenchError where an archive is damaged, or holds a path that leaves it, a link or a device.
    """
    return sorted(set(folder_names(path) if path.is_dir() else archive_names(path)))


def file_contents(path: Path, names: Container[Parts]) -> Iterator[tuple[Parts, bytes | OSError]]:
    """The bytes of the files in ``names``, in the order in which they are fastest to read.

    At most LARGEST_FILE + 1 bytes of each, or why a file cannot be opened. A name that stands in an archive twice
    comes twice: the last one counts.
    """
    if path.is_dir():
        for parts in folder_names(path):
            if parts in names:
                yield parts, file_bytes(path.joinpath(*parts))
        return
    with open_archive(path) as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts
            if member.isreg() and parts in names:
                content = archive.extractfile(member)
                assert content is not None
                yield parts, content.read(LARGEST_FILE + 1)


def file_bytes(path: Path) -> bytes | OSError:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        return error


def folder_names(path: Path) -> Iterator[Parts]:
    for folder, subfolders, files in os.walk(path, followlinks=True):
        subfolders.sort()
        parts = Path(folder).relative_to(path).parts
        for file in sorted(files):
            if not hidden((*parts, file)):
                yield (*parts, file)


def archive_names(path: Path) -> Iterator[Parts]:
    with open_archive(path) as archive:
        for member in members(archive):
            parts = PurePosixPath(member.name).parts
            if ".." in parts or member.name.startswith("/"):
                raise KdbenchError(
                    f"{path}: refused, as its member {member.name} lies outside it: pack the folder anew"
                )
            if hidden(parts) or member.isdir():
                continue
            if not member.isreg():
                raise KdbenchError(
                    f"{path}: its member {member.name} is a link or device: pack the folder anew with the files "
                    "themselves (tar --dereference --hard-dereference)"
                )
            yield parts


def hidden(parts: Parts) -> bool:
    """Whether an operating system left the file there: .DS_Store, ._x, Thumbs.db and the like."""
    return any(part.startswith(".") or part.lower() in LEFT_BEHIND for part in parts)
