"""Reading tar archives that may be damaged or hostile."""

import contextlib
import gzip
import lzma
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from kdbench.errors import KdbenchError

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz")
DAMAGE = (tarfile.TarError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError)


def is_archive(path: Path) -> bool:
    return path.is_file() and path.name.endswith(SUFFIXES)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar archive, compressed or not; raises KdbenchError, now or while it is read, where it is damaged."""
    try:
        with tarfile.open(path, "r:*") as archive:
            yield archive
    except tarfile.FilterError as error:
        raise KdbenchError(f"{path}: refused as unsafe to unpack ({one_line(error)}): pack the files anew") from error
    except DAMAGE as error:
        raise KdbenchError(f"{path}: damaged archive ({one_line(error)}): copy or download it again") from error


def members(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """All members; raises tarfile.ReadError where the archive was cut off, even between two members."""
    found = archive.getmembers()
    # tarfile takes a cut that falls between two members for the end; a whole archive ends in blocks of zeros.
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("unexpected end of data")
    return found


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack an archive into a temporary folder that is removed at the end of the block.

    Raises KdbenchError where the archive is damaged, would write outside that folder or holds devices, or the
    temporary folder cannot take it.
    """
    with tempfile.TemporaryDirectory(prefix="kdbench-") as folder:
        with open_archive(path) as archive:
            try:
                archive.extractall(folder, filter="data")
                members(archive)
            except gzip.BadGzipFile:
                raise
            except OSError as error:
                raise KdbenchError(
                    f"{path}: cannot be unpacked in {folder} ({one_line(error)}): free some space there, "
                    "or set TMPDIR to a folder that has it"
                ) from error
        yield Path(folder)


def one_line(error: BaseException) -> str:
    """An exception's message without line breaks, or its type's name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
