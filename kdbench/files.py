"""Writing files whole: under a temporary name in the same folder, then renamed."""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kdbench.errors import KdbenchError

REMEDIES = {
    errno.ENOSPC: "no space left on the disk: free some and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EFBIG: "larger than the file system or your limit (ulimit -f) allows: raise it and run again",
    errno.EROFS: "the file system is read-only: choose another results folder (pathvars.results)",
    errno.ENOTDIR: "a file stands where a folder should: choose another results folder (pathvars.results)",
    errno.EEXIST: "a file stands where a folder should: choose another results folder (pathvars.results)",
    errno.EACCES: "no permission to write there: choose another results folder (pathvars.results)",
}


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends well, else remove it.

    Raises KdbenchError where the disk is full or cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in REMEDIES:
            raise KdbenchError(f"{path}: {REMEDIES[error.errno]}") from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_with(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file that then becomes ``path``."""
    with whole_file(path) as temporary:
        write(temporary)
