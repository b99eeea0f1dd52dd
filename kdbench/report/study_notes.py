"""What stands under every table: the study, its seeds, and in what it differs from the paper."""

from collections.abc import Sequence

from kdbench.config import Config
from kdbench.paper.deviations import deviations
from kdbench.paper.reported import Paper
from kdbench.plan import Plan


def study_line(config: Config) -> str:
    """The study, its seeds, and in what it differs from the paper: stated with every result."""
    line = f"{config.study.title}. {seeds_line(config)}"
    if differences := deviations(config):
        line += f" Differs from the paper: {'; '.join(differences)}."
    return line


def seeds_line(config: Config) -> str:
    """The seeds of the study, and those of runs that have others."""
    particular = [
        f"of runs of {student.name} alone: {ranges(student.seeds)}" for student in config.students if student.seeds
    ]
    if any(lesson.tuning for lesson in Plan(config).lessons):
        particular.append(f"of the runs that tune weights: {ranges(config.tune_seeds)}")
    seeds = f"{'Seed' if len(config.seeds) == 1 else 'Seeds'}: {ranges(config.seeds)}"
    return f"{seeds} ({'; '.join(particular)})." if particular else f"{seeds}."


def ranges(seeds: Sequence[int]) -> str:
    """Seeds in the order given, three or more in a row as the first and the last: 1-20, 25."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    parts = [[f"{run[0]}-{run[-1]}"] if len(run) > 2 else list(map(str, run)) for run in runs]
    return ", ".join(part for of_run in parts for part in of_run)


def students_line(config: Config, paper: Paper) -> str | None:
    """What it means that the study's students are not the paper's, or None where they are."""
    roles = paper.roles(config.students)
    if sorted(filter(None, roles.values())) == sorted(paper.students) and len(roles) == len(paper.students):
        return None
    labels = ", ".join(f"{student.label} ({role})" for role, student in paper.students.items())
    peers = ", so Teacher-Student-Peer and alternate learning differ in the peers each student has"
    return (
        f"The paper's students are {labels}; this study has {len(roles)} ({', '.join(roles)})"
        f"{peers if {'peer', 'alternate'} & set(config.methods) else ''}."
    )


def student_headers(config: Config, paper: Paper) -> list[str]:
    return [f"{name} ({role})" if role else name for name, role in paper.roles(config.students).items()]


def notes(config: Config, paper: Paper, how_to_read: str) -> list[str]:
    return [how_to_read, study_line(config), *filter(None, [students_line(config, paper)])]
