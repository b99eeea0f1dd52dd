"""The files a study is run from: the Snakefile with its rules, the configuration, presets and profiles."""

import shutil
import tempfile
from pathlib import Path

from kdbench.errors import KdbenchError

PARTS = ("Snakefile", "config.yaml", "presets", "profiles", "workflow")


def workflow_folder() -> Path:
    """Where this package's own are: within it, as a wheel holds them, or beside it, as in the repository.

    Another Snakefile imports this workflow by it: ``snakefile: workflow_folder() / "Snakefile"``.
    """
    package = Path(__file__).parent
    for folder in (package / "workflow_files", package.parent):
        if all((folder / part).exists() for part in PARTS):
            return folder
    raise KdbenchError(f"{package}: the workflow's files are neither in nor beside it: install kdbench again")


def copy_workflow(folder: Path) -> str:
    """Copy them into ``folder`` and say how to go on; raises KdbenchError where one of them is there already."""
    present = [part for part in PARTS if (folder / part).exists()]
    if present:
        raise KdbenchError(f"{folder}: holds {', '.join(present)} already: name another folder")
    if folder.exists() and not folder.is_dir():
        raise KdbenchError(f"{folder}: is a file: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    source = workflow_folder()
    with tempfile.TemporaryDirectory(prefix=".kdbench-", dir=folder) as unfinished:
        for part in PARTS:
            copy = Path(unfinished) / part
            if (source / part).is_dir():
                shutil.copytree(source / part, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source / part, copy)
        for part in PARTS:
            (Path(unfinished) / part).rename(folder / part)
    return (
        f"{folder} holds {', '.join(PARTS)}.\n"
        f"A first study, of two minutes: cd {folder} && snakemake --configfile presets/digits.yaml"
    )
