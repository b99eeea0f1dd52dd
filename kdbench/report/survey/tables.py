"""Tables I and II of the survey regenerated from the recipes, and a third of what it does not have.

A cell's words follow from the recipe's choices at the stages of the model: words.py. Each table is written three
times: as CSV, Markdown and LaTeX (booktabs). A cell that the survey prints otherwise has a star, and a note says why.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.paper.survey import ROMAN, Column, Row, TableNumber, read_survey, work_name
from kdbench.recipes.schema import Recipe, read_recipe, recipe_names
from kdbench.report.survey.words import words
from kdbench.report.text_table import DASH, latex_row, latex_text, markdown_table
from kdbench.wording import counted

COLUMNS: tuple[Column, ...] = get_args(Column)
STAR = "*"
TASK_NOT_COVERED = "task not yet covered"


@dataclass(frozen=True)
class Line:
    """A row of a table: what the survey prints of a work, and the recipe that claims it; one of them may lack."""

    name: str
    reported: Row | None
    recipe: Recipe | None

    @property
    def cells(self) -> dict[Column, str]:
        if self.recipe is None or self.recipe.survey is None:
            return dict.fromkeys(COLUMNS, DASH)
        return words(self.recipe.survey)

    def differences(self) -> dict[Column, str]:
        """What the survey prints in the columns where the recipe gives otherwise."""
        if self.recipe is None or self.reported is None:
            return {}
        printed: dict[Column, str] = {column: getattr(self.reported, column) for column in COLUMNS}
        return {column: text for column, text in printed.items() if text != self.cells[column]}


def claimed() -> dict[tuple[int, int | None], list[Recipe]]:
    """The recipes of each row of the survey's tables; raises KdbenchError where one claims a row that is not there."""
    found: dict[tuple[int, int | None], list[Recipe]] = {row.key: [] for row in read_survey().rows}
    for recipe in map(read_recipe, recipe_names()):
        if recipe.survey is None or recipe.survey.work is None:
            continue
        key = (recipe.survey.work, recipe.survey.experiment)
        if key not in found:
            known = ", ".join(work_name(*row) for row in found)
            raise KdbenchError(
                f"{recipe.name}: survey: work and experiment: the survey's tables have no row {work_name(*key)} "
                f"(available: {known})"
            )
        found[key].append(recipe)
    return found


def table_lines(number: TableNumber) -> list[Line]:
    """Table I or II, a line for each recipe of a row, and one for a row without."""
    recipes = claimed()
    lines = []
    for row in read_survey().tables[number].rows:
        claimants: Sequence[Recipe | None] = recipes[row.key] or [None]
        lines += [Line(row.name, row, recipe) for recipe in claimants]
    return lines


def further_lines() -> list[Line]:
    """The recipes that state their choices and are none of the tables' works."""
    recipes = [read_recipe(name) for name in recipe_names()]
    return [
        Line(recipe.source, None, recipe) for recipe in recipes if recipe.survey is not None and not recipe.survey.work
    ]


def methods_of(recipe: Recipe) -> list[str]:
    return list(dict.fromkeys(lesson.method for lesson in recipe.lessons))


def runs_here(recipe: Recipe | None) -> str:
    """Of how many methods there are runs, or which task there would have to be."""
    if recipe is None:
        return DASH
    if recipe.not_covered:
        return f"{TASK_NOT_COVERED}: {recipe.not_covered}"
    return counted(len(methods_of(recipe)), "method")


@dataclass(frozen=True)
class SurveyTable:
    """A table as text; ``lines`` of the survey's works or, of ``further``, of others."""

    caption: str
    headings: dict[Column, str]
    lines: list[Line]
    further: bool = False

    @property
    def columns(self) -> list[Column]:
        """Methods that are no work of the survey's have no data sets of their own."""
        return [column for column in COLUMNS if not (self.further and column == "dataset")]

    @property
    def header(self) -> list[str]:
        first = "Source" if self.further else "Work"
        return [first, *(self.headings[column] for column in self.columns), "Recipe", "Runs here"]

    def rows(self) -> list[list[str]]:
        """The cells, starred where the survey has others."""
        return [
            [
                line.name,
                *(line.cells[column] + STAR * (column in line.differences()) for column in self.columns),
                line.recipe.name if line.recipe else DASH,
                runs_here(line.recipe),
            ]
            for line in self.lines
        ]

    def notes(self) -> list[str]:
        """One sentence or two on each cell that the survey prints otherwise."""
        why = {(deviation.recipe, deviation.column): deviation.why for deviation in read_survey().deviations}
        return [
            f'{line.name}, {line.recipe.name}, {self.headings[column]}: the survey has "{printed}". '
            + why.get((line.recipe.name, column), "")
            for line in self.lines
            if line.recipe
            for column, printed in line.differences().items()
        ]

    def markdown(self) -> str:
        table = markdown_table(self.header, marked(self.rows()), "l" * len(self.header))
        notes = "\n".join(f"- {note}" for note in self.notes())
        starred = [f"\\{STAR} The survey has it otherwise:\n\n{notes}"] if notes else []
        return "\n\n".join([f"**{self.caption}**", table, *starred]) + "\n"

    def latex(self) -> str:
        """A booktabs tabular of narrow columns and its notes, to be \\input into a table* or sidewaystable."""
        share = 0.94 / len(self.header)
        column = f">{{\\raggedright\\arraybackslash}}p{{{share:.3f}\\linewidth}}"
        lines = [
            f"% {self.caption} Needs \\usepackage{{array,booktabs}}.",
            "\\footnotesize\\setlength{\\tabcolsep}{2pt}",
            f"\\begin{{tabular}}{{@{{}}*{{{len(self.header)}}}{{{column}}}@{{}}}}",
            "\\toprule",
            latex_row(self.header),
            "\\midrule",
            # A bracket after a row's end or a rule would be taken for a length.
            *(re.sub(r"^\[", "{[}", latex_row(row)) for row in self.rows()),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\smallskip {STAR} {latex_text(note)}\\par" for note in self.notes()),
        ]
        return "\n".join(lines) + "\n"

    def comma_separated(self) -> str:
        """As fields called after the columns' keys; ``survey`` has what the survey prints where it is otherwise."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        first = "source" if self.further else "work"
        writer.writerow([first, *self.columns, "recipe", "methods", "status", *([] if self.further else ["survey"])])
        for line in self.lines:
            recipe = line.recipe
            status = "runs here" if recipe else "no recipe"
            if recipe and recipe.not_covered:
                status = runs_here(recipe)
            others = "; ".join(f"{column}: {printed}" for column, printed in line.differences().items())
            writer.writerow(
                [
                    line.name,
                    *(line.cells[column] for column in self.columns),
                    recipe.name if recipe else "",
                    " ".join(methods_of(recipe)) if recipe else "",
                    status,
                    *([] if self.further else [others]),
                ]
            )
        return text.getvalue()


def marked(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Cells with Markdown's own meaning of a star taken from them."""
    return [[cell.replace(STAR, f"\\{STAR}") for cell in row] for row in rows]


def survey_tables() -> dict[str, SurveyTable]:
    """The three tables by their file's name."""
    survey = read_survey()
    tables = {
        f"survey-table{number}": SurveyTable(
            f"Table {ROMAN[number]} of the survey, from the recipes.", table.headings, table_lines(number)
        )
        for number, table in survey.tables.items()
    }
    caption = "Further methods, in the words of the survey's tables."
    return tables | {"survey-further": SurveyTable(caption, survey.tables[1].headings, further_lines(), further=True)}


def write_tables(folder: Path) -> None:
    """Write survey-table1, survey-table2 and survey-further as .csv, .md and .tex."""
    for name, table in survey_tables().items():
        write_text(folder / f"{name}.csv", table.comma_separated())
        write_text(folder / f"{name}.md", table.markdown())
        write_text(folder / f"{name}.tex", table.latex())
