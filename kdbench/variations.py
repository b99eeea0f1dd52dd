"""Variations of a study: its configuration with one change at a time, in two groups. Imports no torch.

``sensitivity``: what the paper leaves unsaid, the other way. ``further``: the paper's own next steps.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from kdbench.config import Config, check_config
from kdbench.errors import KdbenchError, unknown
from kdbench.overlay import merge

Group = Literal["sensitivity", "further"]
GROUPS: tuple[Group, ...] = ("sensitivity", "further")

BASE = "as configured"

# A change shares the study's images and stands below its results folder, from where it takes runs.
NOT_CHANGED = ("data", "pathvars", "reuse", *GROUPS)


def variations(config: Config, group: Group) -> dict[str, Config]:
    """Each change's name and the whole configuration with it, which writes below the study's own results folder.

    Raises KdbenchError where a change does not fit the configuration.
    """
    changes = getattr(config, group)
    return {name: changed(config, group, name, change) for name, change in changes.items() if change is not None}


def readings(config: Config, group: Group, results: Path) -> dict[str, tuple[Config, Path]]:
    """The study as configured, under the name BASE, and each change: configuration and results folder."""
    return {BASE: (config, results)} | {name: (c, c.results) for name, c in variations(config, group).items()}


def changed(config: Config, group: Group, name: str, change: Mapping[str, Any]) -> Config:
    base = config.model_dump(mode="json") | {other: {} for other in GROUPS} | {"reuse": str(config.results)}
    overlay, source = dict(change), f"{group}.{name}"
    for key in NOT_CHANGED:
        if key in overlay:
            raise KdbenchError(f"{source}: {key}: a change keeps the study's: remove the key, or make another preset")
    if "students" in overlay:
        overlay["students"] = changed_students(base["students"], overlay["students"], source)
    place = {"pathvars": {"results": f"{config.results}/{group}/{name}"}}
    whole = check_config(merge(merge(base, overlay), place), source)
    if group == "further" and (others := other_than_steps(change)):
        raise KdbenchError(f"{source}: {', '.join(others)}: only students' names, epochs, methods and seeds vary here")
    return whole


def other_than_steps(change: Mapping[str, Any]) -> list[str]:
    """What a change touches beside who takes part, for how many epochs, in which methods and seeds."""
    others = [key for key in change if key not in ("students", "training", "methods", "seeds")]
    others += [f"training.{key}" for key in change.get("training", {}) if key != "epochs"]
    return others + (["students"] if isinstance(change.get("students"), Mapping) else [])


def changed_students(students: list[dict[str, Any]], change: Any, source: str) -> list[dict[str, Any]]:
    """Some of the students, where ``change`` lists their names; else all, with the keys it gives for some by name."""
    by_name = {student["name"]: student for student in students}
    if not isinstance(change, Mapping | list):
        raise KdbenchError(f"{source}: students: must list students' names or map names to the keys to change")
    for student in change:
        if not isinstance(student, str):
            raise KdbenchError(f"{source}: students: must list the names of students alone, got {student!r}")
        if student not in by_name:
            raise KdbenchError(f"{source}: {unknown('student', student, list(by_name))}")
        if isinstance(change, Mapping) and not isinstance(change[student], Mapping):
            raise KdbenchError(f"{source}: students.{student}: must be keys to change, got {change[student]!r}")
    if isinstance(change, list):
        return [by_name[name] for name in change]
    return [merge(student, change.get(name, {})) for name, student in by_name.items()]
