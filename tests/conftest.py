"""What several test files share: configurations, small packed data, and copies of the project to run in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kdbench.config import check_config
from kdbench.data.store import write_tensors
from kdbench.overlay import merge, read_yaml

ROOT = Path(__file__).parent.parent
DIGITS = ("--configfile", "presets/digits.yaml")


@pytest.fixture
def values():
    """The paper's configuration with the digits preset over it, as plain values to change."""
    return merge(read_yaml(ROOT / "config.yaml"), read_yaml(ROOT / "presets" / "digits.yaml"))


@pytest.fixture
def config(values):
    return check_config(values)


@pytest.fixture
def small_results(tmp_path):
    """A results folder with data: 96 + 32 random 16x16 grey images of 4 classes, each of its own brightness."""
    results = tmp_path / "results"
    generator = torch.Generator().manual_seed(0)
    for split, count in (("train", 96), ("test", 32)):
        labels = torch.arange(count) % 4
        noise = torch.randint(0, 60, (count, 1, 16, 16), generator=generator)
        images = (noise + 60 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
        facts = {"classes": '["a", "b", "c", "d"]', "mean": "[0.4]", "std": "[0.3]"}
        write_tensors(results / "data" / f"{split}.safetensors", {"images": images, "labels": labels}, facts)
    indices = torch.arange(96)
    split_file = results / "data" / "split.safetensors"
    write_tensors(split_file, {"training": indices[:72], "validation": indices[72:]}, {})
    return results


def copy_project(folder: Path) -> Path:
    """Copy the project's own files into ``folder``, as a fresh clone would hold them."""
    for part in ("Snakefile", "config.yaml", "presets", "profiles", "workflow"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """Make a copy of the project's own files."""
    return lambda name="clone": copy_project(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def snakemake():
    """Run snakemake in a folder; returns the finished process, with its output as text."""

    def run(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": path}
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    return run


@pytest.fixture(scope="session")
def demo(clone, snakemake):
    """The whole demonstration, as `make demo` runs it."""
    folder = clone("demo")
    snakemake(folder, *DIGITS)
    return folder


@pytest.fixture
def half_done(demo, clone):
    """A copy of the finished demo to interrupt, change or break."""
    folder = clone("half")
    shutil.copytree(demo / "results", folder / "results")
    shutil.copytree(demo / ".snakemake", folder / ".snakemake")
    return folder
