"""Take a run's results from another study that has carried out the very same run, in place of training it again.

Changes no figure, so that it is no part of the code digest that runs record."""

import os
from pathlib import Path
from typing import Any

from kdbench.errors import KdbenchError
from kdbench.files import whole_file
from kdbench.finished import METRICS, PREDICTIONS, read_metrics
from kdbench.run import Run


def take_over(run: Run, results: Path, other: Path, identity: dict[str, Any]) -> bool:
    """Link the run's files from ``other`` into ``results``; false where it has no such run, or not the very same.

    ``identity`` holds digests of all that the run depends on: settings, code, data, weights of the loss, mentors.
    """
    source, target = run.folder(other), run.folder(results)
    names = [
        "history.csv",
        *(name for learner in run.learners for name in files_of(learner.name)),
        METRICS,  # last: it says that the others are there
    ]
    try:
        made = read_metrics(source).get("digests")
    except (KdbenchError, OSError):
        return False
    if not isinstance(made, dict) or any(made.get(key) != value for key, value in identity.items()):
        return False
    if not all((source / name).is_file() for name in names):
        return False
    for name in names:
        link(source / name, target / name)
    return True


def take_over_outputs(run: Run, results: Path, other: Path) -> bool:
    """Link a run's stored outputs too; false where the run itself was not taken from ``other``, or has none there."""
    source, target = run.folder(other), run.folder(results)
    outputs = {learner.name: f"outputs-{learner.name}.safetensors" for learner in run.learners}
    for learner, name in outputs.items():
        weights = files_of(learner)[1]
        taken = (target / weights).is_symlink() and (target / weights).resolve() == (source / weights).resolve()
        if not taken or not (source / name).is_file():
            return False
    for name in outputs.values():
        link(source / name, target / name)
    return True


def link(source: Path, target: Path) -> None:
    """A relative symbolic link; a hard one would share the new time that Snakemake gives to what a job made."""
    with whole_file(target) as place:
        place.symlink_to(os.path.relpath(source.parent.resolve() / source.name, target.parent.resolve()))


def files_of(learner: str) -> tuple[str, str]:
    return PREDICTIONS.format(learner=learner), f"weights-{learner}.safetensors"
