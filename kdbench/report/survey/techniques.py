"""What was measured of each technique, in words and a table: from the published studies' gains and the recipes."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kdbench.data.description import read_description
from kdbench.recipes.lesson import Lesson
from kdbench.recipes.schema import Recipe, read_recipe, recipe_names
from kdbench.report.statistics import LEVEL
from kdbench.report.style import line_label
from kdbench.report.text_table import DASH, markdown_table, signed

BASELINES = ("teacher", "scratch", "vanilla")
COMPARED = {
    "scratch": "Beside training from scratch",
    "vanilla": "Beside vanilla distillation",
    "control": "Beside its control",
}
NAMED = {"scratch": "scratch", "vanilla": "vanilla", "control": "its control"}
FAILED = "†"
Row = dict[str, Any]


def objectives(studies: Path) -> str:
    """What techniques of each objective of the survey answer to its question, a line a published study and student."""
    from kdbench.report.gains.answers import QUESTIONS, answers
    from kdbench.report.gains.objectives import read_table

    lines: dict[str, list[list[str]]] = {objective: [] for objective in QUESTIONS}
    for folder in published_studies(studies):
        if (path := folder / "gains" / "objectives.csv").is_file():
            for objective, student, number, said in answers(read_table(path)):
                lines[objective].append([data_of(folder), student, str(number), said.replace("*", r"\*")])
    return "\n\n".join(
        f"**{objective.capitalize()}.** {QUESTIONS[objective]}\n\n"
        + markdown_table(["Data", "Student", "Methods", "What came out"], rows, "llrl")
        for objective, rows in lines.items()
        if rows
    )


def published_studies(studies: Path) -> list[Path]:
    return sorted(studies.glob("*-survey"))


def data_of(study: Path) -> str:
    """What a published study of techniques learns from, as its folder is called."""
    return study.name.removesuffix("-survey")


def techniques(studies: Path) -> str:
    """The baselines, then a section a recipe that runs: its source, in what it differs, what came out."""
    rows, results = published(studies, "gains/gains.csv"), published(studies, "results.csv")
    chances = {data_of(folder): chance(folder) for folder in published_studies(studies)}
    rows = [{**row, "chance": chances[row["study"]]} for row in rows]
    sections = [baselines(rows, results)] if rows else []
    for recipe in map(read_recipe, recipe_names()):
        if recipe.name not in BASELINES and recipe.lessons:
            own = [row for row in rows if row["recipe"] == recipe.name]
            sections.append(section(recipe, own, together(recipe, results)))
    return "\n\n".join(sections)


def published(studies: Path, name: str) -> list[Row]:
    """The rows of the CSV file ``name`` of all published studies of techniques, each with its ``study``."""
    rows: list[Row] = []
    for folder in published_studies(studies):
        if (path := folder / name).is_file():
            with path.open(encoding="utf-8", newline="") as stream:
                rows += [{**row, "study": data_of(folder)} for row in csv.DictReader(stream)]
    return rows


def chance(study: Path) -> float:
    """Percent of its test images that are right where every image is called the same."""
    return 100 / len(read_description(study)["classes"])


def baselines(rows: list[Row], results: list[Row]) -> str:
    """What every gain is to be read beside: the teacher's accuracy and each student's baselines, with their seeds."""
    teachers = {row["study"]: float(row["test_accuracy"]) for row in results if row["run"] == "teacher"}
    known = {(row["study"], row["student"], row["method"]): row for row in rows}
    cells = []
    for study, student in dict.fromkeys((row["study"], row["student"]) for row in rows):
        of = {method: known.get((study, student, method), {}) for method in ("scratch", "scratch-longer", "vanilla")}
        accuracies = [f"{float(row['accuracy']):.2f}" if row else DASH for row in of.values()]
        about = [of["scratch"].get(name, DASH) for name in ("n", "epochs")]
        kilobytes = f"{float(of['scratch']['bytes']) / 1000:.0f}" if of["scratch"] else DASH
        teacher = f"{teachers[study]:.2f}" if study in teachers else DASH
        cells.append([study, student, kilobytes, *about, *accuracies, teacher])
    headers = ["Data", "Student", "kB", "Seeds", "Epochs", "From scratch", "Twice the epochs", "Vanilla", "Teacher"]
    table = markdown_table(headers, cells, "ll" + "r" * 7)
    about_them = (
        "Where vanilla distillation costs a student much, most of what is gained over it is what it had cost. Where "
        "twice the epochs from scratch gain more than any technique does, students are not trained to their end after "
        "the first."
    )
    return f"## The baselines\n\n{about_them}\n\n{table}"


def together(recipe: Recipe, results: list[Row]) -> list[list[str]]:
    """A line for each method of a recipe in which trained networks answer together, beside the best of them alone."""
    fused = [lesson for lesson in recipe.lessons if lesson.learners == "together"]
    lines = []
    for lesson in fused:
        for study in dict.fromkeys(row["study"] for row in results):
            found = [row for row in results if row["study"] == study and row["method"] == lesson.method]
            if found:
                accuracy = mean_accuracy(found)
                best = max(mean_accuracy(own) for own in members(recipe, lesson, results, study))
                cells = [str(len(found)), f"{accuracy:.2f}", f"{best:.2f}", signed(accuracy - best)]
                lines.append([line_label(lesson), study, *cells])
    return lines


def mean_accuracy(rows: list[Row]) -> float:
    return sum(float(row["test_accuracy"]) for row in rows) / len(rows)


def members(recipe: Recipe, lesson: Lesson, results: list[Row], study: str) -> Iterator[list[Row]]:
    """The rows of each network that answers in ``lesson``, alone; specialists, who know some classes only, left out."""
    specialists = [other.method for other in recipe.lessons if other.images.confused_by]
    assert lesson.fuse is not None
    named = [re.compile(re.sub(r"\\{\w+\\}", r"\\w+", re.escape(run))) for run in lesson.fuse.members]
    known = [row for row in results if row["study"] == study and row["method"] not in specialists]
    alone = [row for row in known if any(run.fullmatch(row["run"]) for run in named)]
    for run in dict.fromkeys(row["run"] for row in alone):
        yield [row for row in alone if row["run"] == run]


def section(recipe: Recipe, rows: list[Row], together: list[list[str]]) -> str:
    parts = [f"## {recipe.title}", f"Recipe `{recipe.name}`, from {recipe.source}."]
    if recipe.differs:
        parts.append("How it differs from its source:\n\n" + "\n".join(f"- {text}" for text in recipe.differs))
    if not rows and not together:
        return "\n\n".join([*parts, "Not measured yet: in no published study."])
    if any(row[f"p_adjusted_{other}"] for row in rows for other in COMPARED):
        parts += filter(None, [helped(techniques_own(recipe, rows))])
    others = [other for other in COMPARED if other != "control" or any(row["gain_control"] for row in rows)]
    headers = ["Method", "Data", "Student", "Epochs", "Accuracy", *(f"Over {NAMED[other]}" for other in others), "kB"]
    cells = [
        [
            row["title"],
            row["study"],
            row["student"],
            row["epochs"],
            f"{float(row['accuracy']):.2f}" + FAILED * at_chance(row),
            *(gain(row, other) for other in others),
            f"{float(row['bytes']) / 1000:.1f}",
        ]
        for row in rows
    ]
    if cells:
        parts.append(markdown_table(headers, cells, "lll" + "r" * (len(headers) - 3)))
        if any(map(at_chance, rows)):
            parts.append(f"{FAILED} Hardly better than chance: this training failed, or taught nothing.")
    if together:
        parts.append("Trained networks that answer together, in place of one student:")
        headers = ["Method", "Data", "Seeds", "Accuracy", "Best of them alone", "Difference"]
        parts.append(markdown_table(headers, together, "llrrrr"))
    return "\n\n".join(parts)


def at_chance(row: Row) -> bool:
    """Whether the students say hardly more than the same class of every image."""
    return float(row["accuracy"]) <= 1.1 * row["chance"]


def techniques_own(recipe: Recipe, rows: list[Row]) -> list[Row]:
    """The rows of a recipe's methods without those that only serve others of it.

    Those are controls, baselines of its own, and networks that answer together where they learn from labels alone or
    see one view each.
    """
    members = [run for lesson in recipe.lessons if lesson.fuse for run in lesson.fuse.members]
    fused = {run.replace("{every}", "{student}") for run in members}
    serving = {lesson.control for lesson in recipe.lessons}
    serving |= {lesson.method for lesson in recipe.lessons if lesson.baseline}
    parts = [lesson for lesson in recipe.lessons if lesson.run in fused]
    serving |= {lesson.method for lesson in parts if lesson.view != "image" or not lesson.listened_to()}
    return [row for row in rows if row["method"] not in serving]


def helped(rows: list[Row]) -> str:
    """Whom the technique's methods help, and whom they cost, by each comparison: a list."""
    lines = []
    for other, words in COMPARED.items():
        compared = [row for row in rows if row[f"gain_{other}"] and row[f"p_adjusted_{other}"]]
        if compared:
            better, worse = ([row for row in compared if side(row, other) == which] for which in (1, -1))
            rest = len(compared) - len(better) - len(worse)
            lines.append(
                f"- {words}: helped in {len(better)}{places(better)}, cost in {len(worse)}{places(worse)}, "
                f"not decided in {rest}."
            )
    return "\n".join(["Did it help?\n", *lines]) if lines else ""


def side(row: Row, other: str) -> int:
    """1 where the method is significantly above the ``other``, -1 where below, else 0."""
    gain, p = float(row[f"gain_{other}"]), row[f"p_adjusted_{other}"]
    return (gain > 0) - (gain < 0) if p and float(p) < LEVEL else 0


def places(rows: list[Row]) -> str:
    found = dict.fromkeys(f"{row['student']} on {row['study']}" for row in rows)
    return f" ({', '.join(found)})" if found else ""


def gain(row: Row, baseline: str) -> str:
    if not row[f"gain_{baseline}"]:
        return DASH
    reach = (
        f" ± {(float(row[f'high_{baseline}']) - float(row[f'low_{baseline}'])) / 2:.2f}"
        if row[f"low_{baseline}"]
        else ""
    )
    return starred(row, baseline) + reach


def starred(row: Row, baseline: str) -> str:
    """The gain over a baseline, with a star where it is significant."""
    return signed(float(row[f"gain_{baseline}"])) + r"\*" * bool(side(row, baseline))
