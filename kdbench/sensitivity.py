"""The studies of the target `sensitivity`: the configuration with one change at a time. Imports no torch."""

from collections.abc import Mapping
from typing import Any

from kdbench.config import Config, check_config, merge
from kdbench.errors import KdbenchError, unknown


def variants(config: Config) -> dict[str, Config]:
    """Each change's name and the whole configuration with it, which writes below the study's own results folder.

    Raises KdbenchError where a change does not fit the configuration.
    """
    return {name: changed(config, name, change) for name, change in config.sensitivity.items() if change is not None}


def changed(config: Config, name: str, change: Mapping[str, Any]) -> Config:
    base = config.model_dump(mode="json") | {"sensitivity": {}, "reuse": str(config.results)}
    overlay = dict(change)
    if "students" in overlay:
        overlay["students"] = changed_students(base["students"], overlay["students"], name)
    place = {"pathvars": {"results": f"{config.results}/sensitivity/{name}"}}
    return check_config(merge(merge(base, overlay), place), source=f"sensitivity.{name}")


def changed_students(students: list[dict[str, Any]], change: Any, name: str) -> list[dict[str, Any]]:
    """The students with keys laid over some of them, by the student's name."""
    if not isinstance(change, Mapping):
        raise KdbenchError(f"sensitivity.{name}: students: must map a student's name to the keys to change")
    names = [student["name"] for student in students]
    for student in change:
        if student not in names:
            raise KdbenchError(f"sensitivity.{name}: {unknown('student', student, names)}")
    return [merge(student, change.get(student["name"], {})) for student in students]
