"""Choose and set up the device a run computes on."""

import ctypes
import functools
import os

import torch

from kdbench.classroom.lease import lease_gpu, visible_gpus
from kdbench.errors import KdbenchError


def set_up_device(name: str, threads: int, slots_per_gpu: int = 1) -> torch.device:
    """The device called ``name`` (auto: a GPU where there is one), with results made repeatable on it.

    Of several GPUs it is one that fewer than ``slots_per_gpu`` processes hold, this process's own until it ends.

    Raises KdbenchError where a GPU is asked for and there is none.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    if name != "cpu":
        lease_gpu(visible_gpus(torch.cuda.device_count()), slots_per_gpu)
    if name == "cuda" and not torch.cuda.is_available():
        raise KdbenchError("device: cuda was asked for, but torch sees no GPU: set device to auto or cpu")
    device = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        # cuBLAS repeats its results bit by bit only with a fixed workspace.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32; bf16 is a key of the configuration
        # On the CPU what runs here repeats itself anyway, and this call would cost a second of imports.
        torch.use_deterministic_algorithms(True, warn_only=True)
    return device


def keep_freed_memory() -> None:
    """Let the C library keep what one step frees for the next, which else gets it back from the system page by page.

    Without it a tenth of a joint run's time went into that. Does nothing where the C library is not glibc.
    """
    mmap_threshold, trim_threshold = -3, -1  # glibc's M_MMAP_THRESHOLD, at most 32 MiB, and M_TRIM_THRESHOLD
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(mmap_threshold, 32 * 2**20)
        mallopt(trim_threshold, 2**31 - 1)


def arithmetic(precision: str, device_type: str) -> str:
    """The precision that networks compute in where ``precision`` is asked for: fp32 where the device has no bf16."""
    return "bf16" if precision == "bf16" and has_bf16(device_type) else "fp32"


@functools.cache
def has_bf16(device_type: str) -> bool:
    """Whether it computes in bf16, rather than emulates it: a step of ResNet-50 takes 16 times as long so as in fp32.

    Those that do are GPUs from Ampere on, and processors for which oneDNN has bf16 convolutions (AVX-512, AMX).
    """
    if device_type == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
