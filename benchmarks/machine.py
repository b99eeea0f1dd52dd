"""The machine that the measurements are of: ``python -m benchmarks.machine --out machine.csv``."""

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import torch

from benchmarks.workbench import real_images
from kdbench.files import write_with


def facts() -> dict[str, str]:
    """What the measurements depend on, by name."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{gibibytes:.0f} GiB",
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "Python": platform.python_version(),
        **{name: package_version(name) for name in ("torch", "torchvision", "torchdistill", "snakemake")},
        "images": "CIFAR-10 (JPEG)" if real_images() else "noise",
    }


def processor() -> str:
    """Its name and the wide instructions torch can use; as far as the system tells."""
    name, flags = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line]
        values = {key.strip(): value.strip() for key, value in lines}
        name, flags = values.get("model name", name), values.get("flags", "")
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags.split()]
    return f"{name} ({', '.join(wide)})" if wide else name


def package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    frame = pd.DataFrame(facts().items(), columns=["fact", "value"])
    write_with(arguments.out, lambda path: frame.to_csv(path, index=False))


if __name__ == "__main__":
    main()
