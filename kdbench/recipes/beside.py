"""Files of the package and, by the same rules, those of the folder that a study is run in."""

from collections.abc import Iterable
from pathlib import Path

from kdbench.errors import KdbenchError


def files_by_name(folders: Iterable[Path], pattern: str) -> dict[str, Path]:
    """The files of all folders by their stems, in alphabetical order.

    Raises KdbenchError where two folders have one of the same name, which would silently stand for the other.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for file in folder.glob(pattern):
            other = found.setdefault(file.stem, file)
            if not file.samefile(other) and file.stem != "__init__":
                raise KdbenchError(f"{file}: kdbench has a {file.name} of its own: give this file another name")
    return dict(sorted(found.items()))
