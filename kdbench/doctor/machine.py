"""The machine: GPUs, cores, memory, arithmetic."""

import os
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from kdbench.config import Config
from kdbench.doctor.finding import Finding
from kdbench.wording import counted

MIB, GIB = 2**20, 2**30
MEMORY_PER_JOB = 1500 * MIB  # what profiles/default reckons with


def gpu(torch: ModuleType, device: str) -> Finding:
    """What torch sees, and what that means for a study whose ``device`` is this."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if available:
        cards = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        seen = Counter(f"{card.name}, {card.total_memory / GIB:.0f} GiB" for card in cards)
        found = "; ".join(f"{count} x {card}" if count > 1 else card for card, count in seen.items())
        if device == "cpu":
            return Finding("ok", "GPU", f"{found}; not used, as the configuration says device: cpu")
        several = f"snakemake --resources gpu={len(cards)} uses all" if len(cards) > 1 else ""
        return Finding("ok", "GPU", f"{found}{f'; {several}' if several else ''}")
    reason = " ".join(str(said[0].message).split()) if said else ""
    if device == "cpu" and not reason:
        return Finding("ok", "GPU", "none, and none asked for: the configuration says device: cpu")
    found = "none that torch sees" + (f" ({reason})" if reason else "")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        remedy = "unset CUDA_VISIBLE_DEVICES"
    elif torch.version.cuda is None and shutil.which("nvidia-smi"):
        remedy = "install a torch built for CUDA: https://pytorch.org/get-started/locally"
    else:
        remedy = "a machine with one, or a cluster (profiles/slurm); presets/digits.yaml needs none"
    if device == "cuda":
        return Finding(
            "problem", "GPU", f"{found}, and the configuration says device: cuda", f"device: auto; or {remedy}"
        )
    return Finding("note", "GPU", f"{found}: runs here train on the CPU, too slow for the paper's ResNet-50", remedy)


def bf16(config: Config, torch: ModuleType) -> Iterator[Finding]:
    """Where bf16 is asked for, whether networks compute in it."""
    from kdbench.classroom.device import has_bf16

    trainings = {"the teacher": config.teacher.training, "students": config.training}
    learners = " and ".join(name for name, training in trainings.items() if training.precision == "bf16")
    if not learners:
        return
    gpu = config.device != "cpu" and torch.cuda.is_available()
    if has_bf16("cuda" if gpu else "cpu"):
        yield Finding("ok", "bf16", f"for {learners}")
    else:
        found = f"asked for {learners}, and this {'GPU' if gpu else 'processor'} has none: computed in fp32"
        yield Finding("note", "bf16", found, "precision: fp32, if that is what you mean")


def machine() -> Finding:
    """Cores and memory; profiles/default starts as many jobs as there are cores."""
    cores, memory = available_cores(), memory_bytes()
    found = f"{counted(cores, 'core')}, {memory / GIB:.1f} GiB of memory"
    if cores * MEMORY_PER_JOB > memory:
        found += f": less than {cores} jobs at once may need"
        return Finding("note", "machine", found, f"snakemake --resources mem_mb={int(memory * 0.9 / MIB)}")
    return Finding("ok", "machine", found)


def available_cores() -> int:
    """Cores that this process may use, as Snakemake's ``cores: all`` counts them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's memory, or the container's where that has less."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(memory, int(Path(limit).read_text()))
        except (OSError, ValueError):  # ValueError: "max"
            continue
    return memory
