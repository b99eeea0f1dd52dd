"""Take a run's results from another study that has carried out the very same run, in place of training it again."""

import json
import os
from pathlib import Path
from typing import Any

from kdbench.files import whole_file
from kdbench.plan import Run


def take_over(run: Run, results: Path, other: Path, identity: dict[str, Any]) -> bool:
    """Link the run's files from ``other`` into ``results``; false where it has no such run, or not the very same.

    ``identity`` holds digests of all that the run depends on: settings, code, data, weights of the loss, mentors.
    """
    source, target = run.folder(other), run.folder(results)
    names = [
        "history.csv",
        *(name for learner in run.learners for name in files_of(learner.name)),
        "metrics.json",  # last: it says that the others are there
    ]
    try:
        metrics = json.loads((source / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    made = metrics.get("digests", {})
    if any(made.get(key) != value for key, value in identity.items()):
        return False
    if not all((source / name).is_file() for name in names):
        return False
    for name in names:
        # Not hard links: Snakemake gives what a job made a new time, which the other study's files would share.
        with whole_file(target / name) as place:
            place.symlink_to(os.path.relpath(source / name, target))
    return True


def files_of(learner: str) -> tuple[str, str]:
    return f"predictions-{learner}.npz", f"weights-{learner}.safetensors"
