"""Writing files whole: under a temporary name in the same folder, then renamed."""

import contextlib
import errno
import filecmp
import json
import os
import socket
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

    A file that holds the same bytes already is left as it is, with its time: where a run was executed twice at once,
    the later one makes nothing look new. Raises KdbenchError where the disk is full or cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f"{temporary_prefix(path)}{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        yield temporary
        if not (path.is_file() and filecmp.cmp(temporary, path, shallow=False)):
            os.replace(temporary, path)
    except OSError as error:
        if error.errno in REMEDIES:
            raise KdbenchError(f"{path}: {REMEDIES[error.errno]}") from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_prefix(path: Path) -> str:
    """Processes of different machines that write the same file do not meet: each has its machine's name in it."""
    return f".{path.name}.{socket.gethostname()}."


def remove_leftovers(path: Path) -> None:
    """Remove temporary files for ``path`` of processes of this machine that were killed while they wrote."""
    prefix = temporary_prefix(path)
    for entry in path.parent.iterdir():
        process = entry.name.removeprefix(prefix).removesuffix(".tmp")
        if entry.name.startswith(prefix) and process.isdecimal() and not is_running(int(process)):
            entry.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def write_text(path: str | Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_with(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file that then becomes ``path``."""
    with whole_file(path) as temporary:
        write(temporary)
