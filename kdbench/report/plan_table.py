"""The study's runs as a table on the terminal."""

import sys

from rich.console import Console
from rich.table import Table

from kdbench.config import Distillation
from kdbench.plan import Plan
from kdbench.planned import PlannedRun
from kdbench.run import Run, Term
from kdbench.wording import counted

NUMBERS = ("learning_rate", "batch_size", "weight_decay")  # of a lesson's own training, beside its epochs
SHARED = Distillation.model_fields  # options that are the configuration's where a recipe gives none


def print_plan(plan: Plan) -> None:
    """Print a line per run: its learners and what is special about them, whom they listen to, loss and seeds."""
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
            *((learners(planned), knowledge(plan, planned)) if wide else ()),
            losses(run),
            str(run.training.epochs) if planned.lesson.trains else "-",
            ", ".join(map(str, planned.seeds)),
        )
    console.print(table)
    console.print(f"{counted(len(plan.runs), 'run')}, {total} with all seeds.", highlight=False)


def learners(planned: PlannedRun) -> str:
    """Who learns in a run and, after a semicolon, what its networks and images are where not as usual."""
    lesson = planned.lesson
    special = []
    if construction := lesson.construction:
        bits = (construction.weight_bits, construction.activation_bits)
        kinds = zip(bits, ("weights", "activations"), strict=True)
        special += [f"{count} {'' if count == 'ternary' else 'bit '}{kind}" for count, kind in kinds if count]
        special += [f"{construction.pruned:.0%} of the weights zero"] if construction.pruned else []
    special += [f"view {lesson.view}"] if lesson.view != "image" else []
    special += [f"{100 * lesson.images.fraction:g} % of the images"] if lesson.images.fraction < 1 else []
    special += ["augmented"] if "augmentation" in lesson.training else []
    special += [f"{key.replace('_', ' ')} {value}" for key, value in lesson.training.items() if key in NUMBERS]
    special += [f"group {lesson.images.specialist} of the classes"] if lesson.images.confused_by else []
    special += [f"images made by {planned.images_run}"] if planned.images_run else []
    special += [f"goes on from {planned.starts_from}"] if planned.starts_from and lesson.trains else []
    names = ", ".join(planned.learners)
    return f"{names}; {', '.join(special)}" if special else names


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


def losses(run: Run) -> str:
    """The weights of the loss's terms; the paper's two losses go without saying, another is named."""
    if run.selected_by:
        return f"selected ({run.selected_by})"
    return " ".join(loss_text(term) for term in run.objective)


def loss_text(term: Term) -> str:
    usual = term.loss in ("cross_entropy", "soft_labels")
    options = [f"{name.replace('_', ' ')} {value:g}" for name, value in term.options.items() if name not in SHARED]
    text = f"{'' if usual else term.loss.replace('_', ' ')} {term.weight:g}".strip()
    return f"{text} ({', '.join(options)})" if options else text
