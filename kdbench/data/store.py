"""Tensors in safetensors files: written whole, byte-identical for the same content, checked when read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kdbench.errors import KdbenchError
from kdbench.files import whole_file

DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
}


@dataclass(frozen=True)
class PackedImages:
    """One split of a data set, ready to train on.

    ``images`` uint8 [N, C, H, W] and ``labels`` int64 [N] lie on the CPU, mapped from the file where the system
    allows; ``classes`` are the names; ``mean`` and ``std`` [C] are those of the training images, in 0..1 units;
    ``digest`` identifies the content.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digest: str


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256, in hexadecimal, over name, dtype, shape and bytes of every tensor, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, DTYPES[tensor.dtype], list(tensor.shape)]).encode())
        digest.update(raw_bytes(tensor))
    return digest.hexdigest()


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """Write tensors and text as one safetensors file and give its ``content_digest``, also the metadata's ``digest``.

    The file appears whole or not at all; raises KdbenchError where the disk is full or cannot be written to.
    """
    # safetensors' own writer puts metadata in random order and does not report a full disk.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))  # largest first keeps them aligned
    texts = {**(metadata or {}), "digest": content_digest(tensors)}
    header: dict[str, object] = {"__metadata__": dict(sorted(texts.items()))}
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(raw_bytes(tensors[name]))
    return texts["digest"]


def raw_bytes(tensor: Tensor) -> memoryview:
    """A tensor's bytes in row-major order, copied only where they lie otherwise or elsewhere than on the CPU."""
    values: Any = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return memoryview(values)


def read_tensors(path: str | Path, verify: bool = True) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU, mapped where the system allows.

    Raises KdbenchError where the file is missing, cut off or, unless ``verify`` is false, not as its digest says
    (which reads it once as a whole).
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            digest = (file.metadata() or {}).get("digest")
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from error
    if verify and digest is not None and digest != content_digest(tensors):
        raise unreadable(path, "its content is not what its digest says")
    return tensors


def read_metadata(path: str | Path) -> dict[str, str]:
    """The text stored beside the tensors; reads the file's header only. Raises KdbenchError as ``read_tensors``."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from error


def load_packed(path: str | Path) -> PackedImages:
    """Read one split as ``prepare`` packed it; raises KdbenchError where the file is damaged or something else."""
    tensors, metadata = read_tensors(path), read_metadata(path)
    try:
        return PackedImages(
            images=tensors["images"],
            labels=tensors["labels"],
            classes=tuple(json.loads(metadata["classes"])),
            mean=tuple(json.loads(metadata["mean"])),
            std=tuple(json.loads(metadata["std"])),
            digest=metadata["digest"],
        )
    except KeyError as error:
        raise unreadable(path, f"no packed images: it lacks {error}") from error


def unreadable(path: str | Path, reason: object) -> KdbenchError:
    if isinstance(reason, FileNotFoundError):
        return KdbenchError(f"{path}: no such file: run again the step that writes it")
    return KdbenchError(f"{path}: damaged file ({reason}): delete it and run again")
