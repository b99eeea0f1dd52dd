"""The study's runs as a table on the terminal."""

import sys

from rich.console import Console
from rich.table import Table

from kdbench.plan import Plan
from kdbench.planned import PlannedRun
from kdbench.wording import counted


def print_plan(plan: Plan) -> None:
    """Print a line per run: its learners, whom they listen to, and its seeds."""
    config = plan.config
    # Piped into a file there is no width to keep to.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    wide = console.width >= 110
    table = Table(title=f"{config.study.title}: the runs of {config.results}", title_justify="left")
    # On a narrow terminal the run's name has to say who learns from whom.
    headings = ("run", "learners", "listen to") if wide else ("run",)
    for heading in (*headings, "loss weights", "epochs", "seeds"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "run")
    total = 0
    for planned in plan.runs.values():
        run = plan.run(planned.name, planned.seeds[0])
        total += len(planned.seeds)
        table.add_row(
            planned.name,
            *((", ".join(planned.learners), knowledge(plan, planned)) if wide else ()),
            selected_or_given(run.selected_by, [term.weight for term in run.objective]),
            str(run.training.epochs) if planned.lesson.trains else "-",
            ", ".join(map(str, planned.seeds)),
        )
    console.print(table)
    console.print(f"{counted(len(plan.runs), 'run')}, {total} with all seeds.", highlight=False)


def knowledge(plan: Plan, planned: PlannedRun) -> str:
    """Whom the learners of a run listen to."""
    lesson = planned.lesson
    if lesson.fuse:
        return f"none: {', '.join(planned.fused_runs)} together"
    if lesson.synthesise:
        return f"none: images made from {planned.starts_from}"
    sources = (
        ["labels"] if lesson.objective is None or any(term.source == "labels" for term in lesson.objective) else []
    )
    sources += planned.teacher_runs
    sources += ["teacher (learns beside)"] if lesson.teacher == "live" else []
    if planned.frozen_peers_run:
        sources += [f"{peer} (learned)" for peer in plan.runs[planned.frozen_peers_run].learners]
    elif lesson.live_peers and len(planned.learners) > 1:
        sources.append("each other" if lesson.peers == "live" else "each other's copies")
    return ", ".join(sources)


def selected_or_given(criterion: str | None, weights: list[float | None]) -> str:
    if criterion:
        return f"selected ({criterion})"
    return " ".join(f"{weight:g}" for weight in weights if weight is not None)
