"""Where data lie on disk: the path of the configuration, $KDBENCH_DATA, ./data; imports nothing heavy."""

import os
from pathlib import Path

from kdbench.data.archives import SUFFIXES, is_archive
from kdbench.data.catalogue import SOURCES
from kdbench.errors import KdbenchError

DOWNLOADS = Path("data")


def data_folders() -> list[Path]:
    """The folders that are searched where the configuration names none: $KDBENCH_DATA if set, then ./data."""
    variable = os.environ.get("KDBENCH_DATA")
    return [*([Path(variable).expanduser()] if variable else []), DOWNLOADS]


def named_path(path: str) -> Path:
    """Find the folder or archive that ``data.path`` names: as it stands, else below $KDBENCH_DATA or ./data.

    Raises KdbenchError where there is neither, or a file that is no archive.
    """
    asked = Path(path).expanduser()
    candidates = list(dict.fromkeys([asked, *(folder / asked for folder in data_folders())]))
    for candidate in candidates:
        if candidate.is_dir() or is_archive(candidate):
            return candidate
        if candidate.exists():
            raise KdbenchError(f"data.path: {candidate} is no folder and no archive ({', '.join(SUFFIXES)})")
    looked = " and ".join(str(candidate) for candidate in candidates)
    below = "" if os.environ.get("KDBENCH_DATA") else ", or set KDBENCH_DATA to the folder it lies in"
    raise KdbenchError(f"data.path: {path} not found: looked for {looked}: correct the path{below}")


def found_in(folder: Path, source: str) -> Path | None:
    """``folder`` where it holds the files of ``source``, else the archive of them in it, else None."""
    facts = SOURCES[source]
    if facts.parts and all((folder / part).exists() for part in facts.parts):
        return folder
    archives = (folder / name for name in facts.archives)
    return next((archive for archive in archives if archive.is_file()), None)
