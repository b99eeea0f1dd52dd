"""A checkpoint after every epoch: written whole, removed when the run is done, refused when it is not this run's."""

import io
import sys
from pathlib import Path
from typing import Any

import torch

from kdbench.files import write_with

NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    # torch's own file writer does not notice a full disk; Python's does.
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    write_with(folder / NAME, lambda path: path.write_bytes(buffer.getbuffer()))


def load_checkpoint(folder: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state of the last finished epoch; None where there is none, or where it belongs to something else.

    ``identity`` holds digests of what the run depends on; what differs is said on stderr.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        different = [key for key, value in identity.items() if state["identity"].get(key) != value]
    except Exception as error:  # a damaged file can raise nearly anything, and costs only the epochs it holds
        print(f"{path}: unreadable checkpoint, starting over ({type(error).__name__})", file=sys.stderr)
        return None
    if different:
        print(f"{path}: checkpoint of another {', '.join(different)}, starting over", file=sys.stderr)
        return None
    return state


def remove_checkpoint(folder: Path) -> None:
    (folder / NAME).unlink(missing_ok=True)
