"""Where results go: whether they can be written there, and the space for them."""

import shutil
import tempfile
from pathlib import Path

from kdbench.doctor.finding import Finding, complaint
from kdbench.errors import KdbenchError
from kdbench.running import check_place

MIB, GIB = 2**20, 2**30
# A study of the digits takes 30 MB, one of the paper some gigabytes: weights, stored outputs, checkpoints.
LEAST_SPACE, AMPLE_SPACE = 100 * MIB, 5 * GIB


def existing(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def permission(results: Path) -> Finding:
    """Whether results can be written, and Snakemake's own notes, which it keeps in the working directory."""
    elsewhere = "pathvars.results: a folder that you may write to"
    try:
        check_place(results)
    except KdbenchError as error:
        return Finding("problem", "results", complaint(error)[0], elsewhere)
    for folder, remedy in ((existing(results), elsewhere), (Path(), "cd to a folder that you may write to")):
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            found = f"{folder.absolute()} cannot be written to ({error.strerror})"
            return Finding("problem", "results", found, remedy)
    new = "" if results.is_dir() else ", which is made"
    return Finding("ok", "results", f"{results}{new}, can be written")


def space(results: Path) -> Finding:
    """Free space where results go."""
    free = free_bytes(existing(results))
    found = f"{free / GIB:.1f} GiB free for {results}"
    remedy = "free some, or pathvars.results: a folder on another disk"
    if free < LEAST_SPACE:
        return Finding("problem", "disk", f"{found}: no study fits", remedy)
    if free < AMPLE_SPACE:
        return Finding("note", "disk", f"{found}: little for more than the digits study", remedy)
    return Finding("ok", "disk", found)


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
