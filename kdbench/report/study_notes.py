"""What stands under every table: the study, its seeds, and in what it differs from the paper."""

from kdbench.config import Config
from kdbench.paper.deviations import deviations
from kdbench.paper.reported import Paper
from kdbench.plan import Plan


def study_line(config: Config) -> str:
    """The study, its seeds, and in what it differs from the paper: stated with every result."""
    line = f"{config.study.title}. Seeds: {', '.join(map(str, config.seeds))}"
    if any(lesson.tuning for lesson in Plan(config).lessons):
        line += f" (of the runs that tune weights: {', '.join(map(str, config.tune_seeds))})"
    line += "."
    if differences := deviations(config):
        line += f" Differs from the paper: {'; '.join(differences)}."
    return line


def students_line(config: Config, paper: Paper) -> str | None:
    """What it means that the study's students are not the paper's, or None where they are."""
    roles = paper.roles(config.students)
    if sorted(filter(None, roles.values())) == sorted(paper.students) and len(roles) == len(paper.students):
        return None
    labels = ", ".join(f"{student.label} ({role})" for role, student in paper.students.items())
    return (
        f"The paper's students are {labels}; this study has {len(roles)} ({', '.join(roles)}), "
        "so Teacher-Student-Peer and alternate learning differ in the peers each student has."
    )


def student_headers(config: Config, paper: Paper) -> list[str]:
    return [f"{name} ({role})" if role else name for name, role in paper.roles(config.students).items()]


def notes(config: Config, paper: Paper, how_to_read: str) -> list[str]:
    return [how_to_read, study_line(config), *filter(None, [students_line(config, paper)])]
