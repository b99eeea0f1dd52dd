"""The figures as the page shows them: data URIs and captions; and what a study's variations found, with its figure."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.report.figures.gallery import nothing_to_show
from kdbench.report.gains.answers import QUESTIONS, answers
from kdbench.report.gains.objectives import read_table
from kdbench.report.page.cells import read_rows
from kdbench.report.page.compact import compact
from kdbench.variations import GROUPS

UNQUOTED = " =:/,;()'+"  # in a data URI within a quoted attribute
PHOTOGRAPHS = (4, 5)  # figures that show images, which no colour scheme may change
HEADINGS = {
    "gains": "What each method gains",
    "sensitivity": "What the paper leaves unsaid",
    "further": "More students, more epochs",
}


@dataclass(frozen=True)
class Picture:
    """A data URI, and the picture's natural width in CSS pixels."""

    source: str
    width: float


@dataclass(frozen=True)
class Figure:
    """One figure of the paper, or the study's own; in place of a picture, why there is nothing to show."""

    number: int
    caption: str
    picture: Picture | None
    nothing: str
    photographs: bool
    files: list[str]


@dataclass(frozen=True)
class Plot:
    """A picture of a comparison, called ``name``."""

    name: str
    caption: str
    picture: Picture


@dataclass(frozen=True)
class Findings:
    """What a comparison says: a paragraph, answers to questions, figures, and the files behind them."""

    group: str
    heading: str
    text: str
    answers: list[tuple[str, str, list[str]]]  # an objective, its question, an answer a student
    plots: list[Plot]
    files: list[str]


def figures(config: Config, results: Path) -> list[Figure]:
    found = []
    for place, caption in captions(config).items():
        stem = f"figures/figure{place}"
        files = [f"{stem}.{kind}" for kind in ("csv", "svg", "png")] + (["results.csv"] if place == 3 else [])
        empty = place in PHOTOGRAPHS and not read_rows(results / f"{stem}.csv")
        nothing = nothing_to_show(place, config, results) if empty else ""
        drawing = None if nothing else picture(results / f"{stem}.svg", "figures")
        found.append(Figure(place, caption, drawing, nothing, place in PHOTOGRAPHS, files))
    return found


def picture(svg: Path, target: str) -> Picture:
    """The figure as a data URI; raises KdbenchError naming the ``target`` that draws it."""
    try:
        content = compact(svg.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise KdbenchError(f"{error.filename}: no such file: run `snakemake {target}`") from None
    points = re.search(r"<svg[^>]*\bwidth='([\d.]+)pt'", content)
    width = float(points[1]) * 96 / 72 if points else 672.0
    # Safe as it is: quoted already, but for what may stand in an attribute within double quotes.
    return Picture(Markup(f"data:image/svg+xml,{quote(content, safe=UNQUOTED).replace('://', '%3A//')}"), width)  # noqa: S704


def captions(config: Config) -> dict[int, str]:
    first = config.students[0].name
    second = config.students[1].name if len(config.students) > 1 else "a second student"
    return {
        1: "The architecture and the ingredients of one student's loss, as this study is configured.",
        2: "Training loss over epochs, a panel a student. Each method minimises an objective of its own, so the "
        "heights of different methods do not compare.",
        3: "Training accuracy over epochs, a panel a student, measured while learning; the open markers beside the "
        "last epoch are test accuracies.",
        4: f"Test images that {first} gets wrong from scratch, its teacher right, and {first} right by vanilla "
        "distillation.",
        5: f"Test images that {first} from scratch and the teacher get wrong, {second} right as its peer, and {first} "
        "right by Teacher-Student-Peer learning.",
        6: "Not in the paper: each gain it reports, this study's with its 95 % interval over seeds, and what single "
        "runs of the two methods differ by through chance alone; hatched: of one seed, by the student's other runs.",
    }


PLOTS = {
    "gains": {
        "over_scratch": "Each method's gain over training from scratch, in percentage points of test accuracy, with "
        "its 95 % interval over seeds.",
        "over_vanilla": "The same over vanilla distillation.",
        "cost": "Accuracy against the size of the weights and against the seconds of training, of a method's run and "
        "of all runs it needs; the line joins the methods that no other matches for less.",
        "data": "Accuracy against the share of the training images that is kept, with standard deviations over seeds.",
    },
    "sensitivity": {
        "sensitivity": "What one choice that the paper leaves unsaid changes, made the other way: a dot a cell of "
        "Table 2, with its 95 % interval over seeds; coloured where significant.",
    },
    "further": {
        "further": "Gain over scratch against the number of peers and of epochs, with 95 % intervals over seeds.",
    },
}


def findings(results: Path) -> list[Findings]:
    """Of the comparison of all methods, and of each group of variations that has been compared with the study."""
    found = []
    for group in ("gains", *GROUPS):
        folder = results / group
        text = folder / f"{group}.md"
        if text.exists():
            found.append(
                Findings(
                    group=group,
                    heading=HEADINGS[group],
                    text=" ".join(text.read_text(encoding="utf-8").split("\n\n", 1)[0].split()),
                    answers=objective_answers(folder / "objectives.csv"),
                    plots=[
                        Plot(name, caption, picture(folder / f"{name}.svg", group))
                        for name, caption in PLOTS[group].items()
                        if name != "data" or tried_with_fewer_images(folder / "gains.csv")
                    ],
                    files=[
                        f"{group}/{path.name}"
                        for end in ("csv", "md", "svg")
                        for path in sorted(folder.glob(f"*.{end}"))
                    ],
                )
            )
    return found


def objective_answers(table: Path) -> list[tuple[str, str, list[str]]]:
    """What the methods of each of the survey's objectives answer to its question; nothing where there are none."""
    if not table.exists():
        return []
    said: dict[str, list[str]] = {}
    for objective, student, _, text in answers(read_table(table)):
        said.setdefault(objective, []).append(f"{student}: {text}")
    return [(objective, QUESTIONS[objective], texts) for objective, texts in said.items()]


def tried_with_fewer_images(gains: Path) -> bool:
    return any(0 < float(row["fraction"]) < 1 for row in read_rows(gains))
