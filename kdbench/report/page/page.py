"""The page: claims, tables, figures, costs and configuration of a study in one file that needs nothing else."""

from importlib import resources
from pathlib import Path

import jinja2
import yaml

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.paper.deviations import deviations
from kdbench.paper.reported import read_paper
from kdbench.report import regularisation
from kdbench.report.beside_paper import beside_paper
from kdbench.report.claims import how_judged
from kdbench.report.collect import read_results
from kdbench.report.page import dag, dag_picture
from kdbench.report.page.cells import read_rows
from kdbench.report.page.claims import claim_rows, survey_rows, verdict_counts
from kdbench.report.page.costs import cost_rows, environment, total_cost
from kdbench.report.page.curves import curves
from kdbench.report.page.figures import figures, findings
from kdbench.report.page.tables import (
    accuracy_cells,
    experiment_rows,
    regularisation_cells,
    selection_sentences,
    table1_rows,
)
from kdbench.report.selected import weights_line
from kdbench.report.study_notes import seeds_line, student_headers, students_line
from kdbench.report.survey.claims import HOW_SURVEY_JUDGED
from kdbench.report.tables import teacher_line


def write_page(config: Config, results: Path, options: str = "") -> None:
    """Write report.html from the CSV files, figures and metrics in ``results``, and study.yaml, the configuration.

    ``options`` stand after the target in the commands on the page. Raises KdbenchError where a file lacks.
    """
    write_text(results / "study.yaml", as_yaml(config))
    write_text(results / "report.html", render(config, results, options))


def as_yaml(config: Config) -> str:
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def render(config: Config, results: Path, options: str) -> str:
    paper = read_paper()
    beside = beside_paper(config, results, paper)
    runs = read_rows(results / "results.csv")
    claims = read_rows(results / "claims.csv")
    of_survey = results / "gains" / "survey-claims.csv"
    survey_claims = read_rows(of_survey) if of_survey.exists() else []
    steps = dag.steps(config)
    return template("page.html.j2").render(
        study=config.study,
        options=options,
        deviations=deviations(config),
        paper=paper,
        seeds_line=seeds_line(config),
        weights_line=weights_line(config, read_results(results)),
        teacher_line=teacher_line(config, read_results(results), paper, beside),
        students_line=students_line(config, paper),
        verdicts=verdict_counts(claims),
        claims=claim_rows(claims),
        how_judged=how_judged(config, paper).replace("*", ""),
        survey_verdicts=verdict_counts(survey_claims),
        survey_claims=survey_rows(survey_claims),
        how_survey_judged=HOW_SURVEY_JUDGED,
        how_to_read=beside.how_to_read,
        accuracy_columns=beside.columns,
        students=student_headers(config, paper),
        table1=table1_rows(config, read_rows(results / "tables" / "table1.csv"), beside),
        table2=experiment_rows(
            config, read_rows(results / "tables" / "table2.csv"), lambda row: accuracy_cells(row, beside)
        ),
        table3=experiment_rows(config, read_rows(results / "tables" / "table3.csv"), regularisation_cells),
        table3_caption=f"{regularisation.CAPTION} {regularisation.HOW_TO_READ}",
        selection=selection_sentences(config, results),
        figures=figures(config, results),
        curves=curves(config, results, runs),
        findings=findings(results),
        costs=cost_rows(runs),
        total_cost=total_cost(runs),
        steps=steps,
        dag=dag_picture.picture(steps),
        environment=environment(results, runs),
        configuration=as_yaml(config),
    )


def template(name: str) -> jinja2.Template:
    """A template of this folder, with every value escaped; style sheets and scripts are parts of it.

    Each is called as the module whose values it shows, so that a digest of the code covers it: kdbench/digest.py.
    """

    def source(name: str) -> str:
        return resources.files("kdbench.report.page").joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return environment.get_template(name)
