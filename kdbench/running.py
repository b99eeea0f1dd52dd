"""What a study's results folder needs before Snakemake works in it: no other data or Snakemake there, no times to come.

In place of Snakemake's own lock, whose files stay after a kill and ask for ``snakemake --unlock``.
"""

import contextlib
import errno
import fcntl
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from kdbench.data.description import read_description
from kdbench.errors import KdbenchError
from kdbench.files import REMEDIES

NAME = ".running"
ELSEWHERE = "--config pathvars='{results: results/mine}'"
TOLERANCE = 60.0  # seconds
_held: list[int] = []  # open files, whose locks last as long as this process


def hold(results: str | Path) -> None:
    """Keep ``results`` for this process; raises KdbenchError where another holds it or it cannot be written to."""
    path = Path(results) / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise KdbenchError(f"{path.parent}: {REMEDIES.get(error.errno or 0, error.strerror)}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise KdbenchError(
            f"{results}: another snakemake writes there: wait until it is done, or give this one another folder "
            f"({ELSEWHERE})"
        ) from None
    except OSError:  # a file system without locks
        pass
    _held.append(descriptor)


def check_place(results: str | Path) -> None:
    """Raise KdbenchError where ``results`` cannot be a folder: Snakemake would end with a traceback."""
    for place in (Path(results), *Path(results).parents):
        if place.exists() and not place.is_dir():
            raise KdbenchError(f"{place}: {REMEDIES[errno.ENOTDIR]}")


def check_data(results: str | Path, source: str) -> None:
    """Raise KdbenchError where ``results`` holds a study of other data: Snakemake would do every run of it anew."""
    there = read_description(results).get("source", source)
    if there != source:
        raise KdbenchError(
            f"{results}: holds a study of {there}, and this one is of {source}: delete that, or give this one another "
            f"folder ({ELSEWHERE})"
        )


def settle_times(results: str | Path) -> None:
    """Move files from the future, as a clock that was set back leaves them, before all others, and say so.

    Snakemake takes a file older than what it was made from for outdated, and refuses it where it was made just now.
    Files from the future keep their order, and are older than those made since the clock was right.
    """
    now = time.time()
    # A file server's clock may be a little ahead of this one.
    future = now + TOLERANCE
    times = {path: modified(path) for path in Path(results).rglob("*") if path.is_file() and path.suffix != ".log"}
    ahead = {path: moment for path, moment in times.items() if moment > future}
    if not ahead:
        return
    latest = max(ahead.values())
    first = min((moment for moment in times.values() if moment <= future), default=now)
    for path, moment in ahead.items():
        moved = moment - latest + first - 1
        with contextlib.suppress(OSError):  # Snakemake will say what it cannot do
            os.utime(path, (moved, moved), follow_symlinks=False)
    until = datetime.fromtimestamp(latest).isoformat(" ", "seconds")
    print(
        f"kdbench: {results}: {len(ahead)} files were dated up to {until}, as after a clock was set back: "
        "they are now dated before the others",
        file=sys.stderr,
    )


def modified(path: Path) -> float:
    """Seconds since 1970 of a file's or link's own last change; 0 for one that is no more."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
