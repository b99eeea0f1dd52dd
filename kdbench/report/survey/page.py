"""The pages on the survey and its techniques: the parts of them that follow from recipes and published studies.

A document holds ``<!-- methods PART -->...<!-- end -->``, PART one of ``parts``.
"""

import re
from pathlib import Path

from kdbench.errors import KdbenchError, unknown
from kdbench.files import write_text
from kdbench.paper.survey import read_survey, work_name
from kdbench.recipes.survey import STAGES, Survey, choices
from kdbench.report.survey.glance import glance
from kdbench.report.survey.tables import survey_tables
from kdbench.report.survey.techniques import objectives, published, techniques
from kdbench.report.text_table import DASH, markdown_table

STUDIES = Path("results/reference")  # what was published
MARK = re.compile(r"<!-- methods (?P<part>[^>]*?) -->.*?<!-- end -->", re.DOTALL)


def parts() -> dict[str, str]:
    """Markdown of each part by its name: the tables, the claims, the choices that a recipe states."""
    tables = {name: table.markdown().strip() for name, table in survey_tables().items()}
    measured = {"glance": glance(STUDIES), "objectives": objectives(STUDIES), "techniques": techniques(STUDIES)}
    return tables | {"claims": claims(STUDIES), "choices": choice_table()} | measured


def claims(studies: Path) -> str:
    """The sentences of section VII, each with the recipes that do what it speaks of and the published verdicts."""
    judged = published(studies, "gains/survey-claims.csv")
    names = list(dict.fromkeys(row["study"] for row in judged))
    rows = []
    for claim in read_survey().claims:
        number = DASH if claim.number is None else f"{claim.number:g} {claim.counts}"
        verdicts = [
            ", ".join(
                f"{row['learner']}: {row['verdict']}" if row["learner"] else row["verdict"]
                for row in judged
                if (row["study"], row["id"]) == (name, claim.id)
            )
            for name in names
        ]
        recipes = ", ".join(claim.recipes)
        rows.append([claim.section, f'"{claim.text}"', work_name(claim.work), number, recipes, *verdicts])
    headers = ["Section", "The survey says", "Work", "Number", "Recipe", *names]
    return markdown_table(headers, rows, "l" * len(headers))


def choice_table() -> str:
    """The keys of a recipe's survey section that are choices: theirs, and what they mean."""
    rows = []
    for number, stage in STAGES.items():
        for field in stage.fields:
            about = Survey.model_fields[field].description or ""
            rows.append([f"`{field}`", ", ".join(f"`{choice}`" for choice in choices(field)), about, str(number)])
    return markdown_table(["Key", "Choices", "Meaning", "Figure"], rows, "lllr")


def up_to_date(document: str) -> str:
    """``document`` with all its parts as the recipes have it now; raises KdbenchError for a part that there is not."""
    made = parts()

    def part(mark: re.Match[str]) -> str:
        name = mark["part"]
        if name not in made:
            raise KdbenchError(f"<!-- methods {name} -->: {unknown('part', name, made)}")
        return f"<!-- methods {name} -->\n\n{made[name]}\n\n<!-- end -->"

    return MARK.sub(part, document)


def update_page(document: Path) -> None:
    write_text(document, up_to_date(document.read_text(encoding="utf-8")))
