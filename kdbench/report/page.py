"""The page: claims, tables, figures, costs and configuration of a study in one file that needs nothing else."""

from importlib import resources
from pathlib import Path

import jinja2
import yaml

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.paper.deviations import deviations
from kdbench.paper.reported import read_paper
from kdbench.report import page_content as content
from kdbench.report import regularisation
from kdbench.report.claims import HOW_JUDGED
from kdbench.report.collect import read_results
from kdbench.report.study_notes import student_headers, students_line
from kdbench.report.tables import HOW_TO_READ, teacher_line


def write_page(config: Config, results: Path) -> None:
    """Write report.html from the CSV files, figures and metrics in ``results``; raises KdbenchError where one lacks."""
    write_text(results / "report.html", render(config, results))


def render(config: Config, results: Path) -> str:
    paper = read_paper()
    runs = content.read_rows(results / "results.csv")
    claims = content.read_rows(results / "claims.csv")
    return template().render(
        study=config.study,
        deviations=deviations(config),
        paper=paper,
        seeds=config.seeds,
        teacher_line=teacher_line(config, read_results(results), paper),
        students_line=students_line(config, paper),
        verdicts=content.verdict_counts(claims),
        claims=content.claim_rows(claims),
        how_judged=" ".join(HOW_JUDGED.format(margin=paper.comparable_margin).replace("*", "").split()),
        how_to_read=HOW_TO_READ,
        students=student_headers(config, paper),
        table1=content.table1_rows(config, content.read_rows(results / "tables" / "table1.csv")),
        table2=content.experiment_rows(
            config, content.read_rows(results / "tables" / "table2.csv"), content.accuracy_cells
        ),
        table3=content.experiment_rows(
            config, content.read_rows(results / "tables" / "table3.csv"), content.regularisation_cells
        ),
        table3_caption=f"{regularisation.CAPTION} {regularisation.HOW_TO_READ}",
        selection=content.selection_sentences(config, results),
        figures=content.figures(config, results),
        costs=content.cost_rows(runs),
        environment=content.environment(results, runs),
        configuration=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
    )


def template() -> jinja2.Template:
    """The page's template, with every value escaped; its style sheet and script are parts of it."""

    def source(name: str) -> str:
        return resources.files("kdbench.report").joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
