"""One GPU to a process for its lifetime, leased by a file lock, which the system releases however the process ends.

Snakemake starts so many jobs at once and does not say which GPU a job gets. Where a scheduler does (Slurm), or there is
one GPU and one slot, the process takes what it sees.
"""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

from kdbench.errors import KdbenchError

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_SECONDS = 0.2

_leased: list[int] = []  # open files, whose locks last as long as this process


def lease_gpu(devices: list[str], slots: int) -> str | None:
    """Wait for a free slot on one of ``devices``, make it the only GPU that torch sees, and give its name.

    ``devices`` as CUDA_VISIBLE_DEVICES would name them; ``slots`` processes share one. A process leases once.
    """
    if _leased or not devices:
        return None
    waited = False
    while True:
        # All devices' first slots before any second one: work spreads before it shares.
        for slot in range(slots):
            for device in devices:
                lock = locked(device, slot)
                if lock is not None:
                    _leased.append(lock)
                    os.environ[VISIBLE] = device
                    return device
        if not waited:
            print(f"waiting for a free GPU among {', '.join(devices)}", file=sys.stderr, flush=True)
            waited = True
        time.sleep(POLL_SECONDS)


def locked(device: str, slot: int) -> int | None:
    """The lock file of a device's slot, open and locked, or None where another process holds it."""
    path = Path(tempfile.gettempdir()) / f"kdbench-gpu-{device.replace('/', '-')}-slot{slot}.lock"
    descriptor = opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def opened(path: Path) -> int:
    """Another user's lock file cannot be created anew in a shared folder, but can be opened and locked."""
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        pass
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError as error:
        raise KdbenchError(
            f"{path}: cannot be made ({error.strerror}): set TMPDIR to a folder on this machine"
        ) from None


def visible_gpus(count: int) -> list[str]:
    """The GPUs to choose from, of the ``count`` that torch sees; none where a scheduler has chosen already."""
    if "SLURMD_NODENAME" in os.environ:  # its numbers mean another GPU in every job
        return []
    named = os.environ.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(count)]
    return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
