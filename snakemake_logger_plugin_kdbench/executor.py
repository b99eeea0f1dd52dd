"""Say what to install where Snakemake's executor for Slurm is missing.

Snakemake itself says no more than `invalid choice: 'slurm'`, and only this module is loaded before it does.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

_OPTIONS = ("--workflow-profile", "--profile", "--executor", "-e")


def complaint(arguments: Sequence[str]) -> str | None:
    """What to tell the user whose command line asks for Slurm, or None where it does not, or nothing is missing."""
    values = [value for option, value in zip(arguments, arguments[1:], strict=False) if option in _OPTIONS]
    values += [argument.partition("=")[2] for argument in arguments if argument.startswith("--") and "=" in argument]
    if find_spec("snakemake_executor_plugin_slurm") or "slurm" not in map(lambda value: Path(value).name, values):
        return None
    return "kdbench: Snakemake's executor for Slurm is not installed: make slurm, or pip install 'kdbench[slurm]'"
