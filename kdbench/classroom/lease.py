"""One GPU to a process for its lifetime, leased by a file lock, which the system releases however the process ends.

Snakemake starts so many jobs at once and does not say which GPU a job gets. Where a scheduler does, as Slurm does with
one GPU a job, the process takes what it sees.
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
    path = Path(tempfile.gettempdir()) / f"kdbench-gpu-{allocation()}{device.replace('/', '-')}-slot{slot}.lock"
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
        try:
            return os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
            os.fchmod(descriptor, 0o666)  # whatever the umask: others shall be able to open it
            return descriptor
    except OSError as error:
        raise KdbenchError(
            f"{path}: cannot be opened ({error.strerror}): set TMPDIR to a folder of yours on this machine"
        ) from None


def visible_gpus(count: int) -> list[str]:
    """The GPUs to choose from, of the ``count`` that torch sees; none where a scheduler has chosen one already."""
    named = os.environ.get(VISIBLE)
    if named is None:
        devices = [str(number) for number in range(count)]
    else:
        devices = [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    return [] if allocation() and len(devices) < 2 else devices


def allocation() -> str:
    """Inside a Slurm job its number and a dash: there a GPU's number means another GPU than in other jobs."""
    return f"{os.environ.get('SLURM_JOB_ID', 'slurm')}-" if "SLURMD_NODENAME" in os.environ else ""
