"""Programs: Python and its packages, torch, Snakemake, Slurm."""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from types import ModuleType

from packaging.requirements import InvalidRequirement, Requirement

import kdbench
from kdbench.doctor.finding import Finding

SLURM_EXECUTOR = "snakemake-executor-plugin-slurm"
SLURM_COMMANDS = ("sbatch", "squeue", "scancel", "sinfo")


def python() -> Finding:
    return Finding("ok", "Python", f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")


def requirements() -> dict[str, Requirement]:
    """What this package says it needs, without extras; nothing where it was not installed, but only found."""
    try:
        lines = requires("kdbench") or []
    except PackageNotFoundError:
        return {}
    needed = [Requirement(line) for line in lines]
    return {one.name: one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}


def unmet(needed: Requirement) -> str | None:
    """Say what is wrong with the installed version of a package, or None."""
    try:
        installed = version(needed.name)
    except PackageNotFoundError:
        return f"{needed.name} is not installed"
    if needed.specifier.contains(installed, prereleases=True):
        return None
    return f"{needed.name} {installed} is installed, {needed.name}{needed.specifier} is needed"


def packages() -> Finding:
    needed = requirements()
    if not needed:
        remedy = "pip install --editable . in the repository"
        return Finding("note", "packages", "kdbench is not installed, so what it needs is not checked", remedy)
    wrong = [complaint for one in needed.values() if (complaint := unmet(one))]
    if wrong:
        asked = " ".join(f"'{one.name}{one.specifier}'" for one in needed.values() if unmet(one))
        return Finding("problem", "packages", "; ".join(wrong), f"pip install {asked}")
    return Finding("ok", "packages", f"all {len(needed)} that kdbench {kdbench.__version__} needs")


def imported_torch() -> ModuleType | Finding:
    """torch, where it can be imported and is what torchvision was made for."""
    together = "pip install --force-reinstall torch torchvision"
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library of its own that does not load
        return Finding("problem", "torch", f"cannot be imported ({' '.join(str(error).split())})", together)
    try:
        asked = requires("torchvision") or []
    except PackageNotFoundError:
        return Finding("problem", "torch", "torchvision is not installed", "pip install torchvision")
    for line in asked:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        if needed.name == "torch" and needed.marker is None and (wrong := unmet(needed)):
            return Finding("problem", "torch", f"torchvision {version('torchvision')} does not fit: {wrong}", together)
    return torch


def torch_versions() -> Finding:
    return Finding("ok", "torch", f"{version('torch')}, with torchvision {version('torchvision')}")


def snakemake() -> Finding:
    needed = requirements().get("snakemake", Requirement("snakemake"))
    if wrong := unmet(needed):
        return Finding("problem", "Snakemake", wrong, f"pip install '{needed.name}{needed.specifier}'")
    if find_spec("snakemake_logger_plugin_kdbench") is None:
        return Finding("problem", "Snakemake", "kdbench's display for it is missing", "pip install kdbench again")
    return Finding("ok", "Snakemake", f"{version('snakemake')}, with kdbench's display")


def slurm() -> Finding:
    """Slurm's commands and Snakemake's executor for it: both or none."""
    present = [command for command in SLURM_COMMANDS if shutil.which(command)]
    executor = find_spec("snakemake_executor_plugin_slurm") is not None
    if not present and not executor:
        return Finding("ok", "Slurm", "none: studies run on this machine")
    if not present:
        found = f"no {SLURM_COMMANDS[0]}, but Snakemake's executor for it: every snakemake waits ten seconds"
        return Finding("note", "Slurm", found, f"pip uninstall {SLURM_EXECUTOR}, where there is no Slurm")
    if not executor:
        found = f"{', '.join(present)}, but not Snakemake's executor for it: studies run on this machine"
        return Finding("note", "Slurm", found, "make slurm, or pip install 'kdbench[slurm]'")
    found = f"{', '.join(present)}, and {SLURM_EXECUTOR} {version(SLURM_EXECUTOR)}"
    if missing := set(SLURM_COMMANDS) - set(present):
        return Finding("note", "Slurm", f"{found}, but not {', '.join(sorted(missing))}", "install slurm-client")
    return Finding("ok", "Slurm", f"{found}: snakemake --workflow-profile profiles/slurm")
