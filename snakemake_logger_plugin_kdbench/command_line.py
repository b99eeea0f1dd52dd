"""Say in a line what is wrong with a command line that Snakemake answers with its usage or a traceback.

Only this module is loaded before it does.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

_CONFIGURATION = ("--configfile", "--configfiles")
_EXECUTOR = ("--workflow-profile", "--profile", "--executor", "-e")
_QUIET = ("all", "host", "progress", "reason", "rules")


def complaint(arguments: Sequence[str]) -> str | None:
    """What to tell the user; None where nothing is wrong that Snakemake would not say, or in another program."""
    if "snakemake" not in arguments[0]:
        return None
    given = list(_values(arguments))
    for option, value in given:
        if option in _CONFIGURATION and not Path(value).is_file():
            return f"kdbench: {value} does not exist. {_remedy(Path(value))}"
    for option, value in given:
        if option in ("-q", "--quiet") and value not in _QUIET:
            return f"kdbench: -q takes every word after it: snakemake {value} -n -q rules ..."
    executors = {Path(value).name for option, value in given if option in _EXECUTOR}
    if "slurm" in executors and not find_spec("snakemake_executor_plugin_slurm"):
        return "kdbench: Snakemake's executor for Slurm is not installed: make slurm, or pip install 'kdbench[slurm]'"
    return None


def _values(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each value with its option: `--option=value`, or whatever stands between an option and the next."""
    option = ""
    for argument in arguments[1:]:
        if argument.startswith("-"):
            option, equals, value = argument.partition("=")
            if equals:
                yield option, value
        elif option:
            yield option, argument


def _remedy(missing: Path) -> str:
    if not missing.suffix and missing.name == str(missing):
        return f"If {missing} is a target, it stands before --configfile: snakemake {missing} --configfile ..."
    presets = sorted(path.name for path in missing.parent.glob(f"*{missing.suffix or '.yaml'}"))
    return f"{missing.parent} holds {', '.join(presets) or 'no such file'}"
