"""The published studies: redrawn from what is committed, without training, to what is committed."""

import html
import os
import random
import re
import shutil

import pandas as pd
import pytest

from kdbench.overlay import load_config
from kdbench.paper.deviations import deviations
from kdbench.report.further import write_further
from kdbench.report.gains.cost import draw_cost
from kdbench.report.sensitivity import write_sensitivity
from kdbench.report.text_table import latex_text
from tests.conftest import ROOT
from tests.test_figures import assert_no_text_overlaps
from tests.test_workflow import planned

REFERENCE = ROOT / "results/reference"
# Studies whose runs are published, and those of which only comparisons are, since their runs are another study's.
STUDIES = sorted(path.parent.name for path in REFERENCE.glob("*/runs") if any(path.glob("*/seed*/metrics.json")))
COMPARISONS = sorted(
    path.relative_to(REFERENCE)
    for group in ("sensitivity", "further")
    for path in REFERENCE.glob(f"*/{group}/{group}.md")
)
NEVER_PUBLISHED = shutil.ignore_patterns(
    "weights-*",
    "outputs-*",
    "features-*",
    "images.safetensors",
    "selected.json",
    "logs",
    "checkpoint*",
    "t*.safetensors",
)


def config_files(study: str) -> list[str]:
    """The configuration files of a published study, as its own preset names them."""
    text = (ROOT / f"presets/reference/{study}.yaml").read_text()
    return re.search(r"^# snakemake .*--configfile (.+)$", text, re.M)[1].split()


def as_cloned(study: str, folder):
    """What is published of a study in a copy of the project, with a clone's arbitrary file times."""
    shutil.copytree(REFERENCE / study, folder / "results/reference" / study, ignore=NEVER_PUBLISHED)
    shuffle = random.Random(0)
    for path in sorted((folder / "results").rglob("*")):
        moment = 1_700_000_000 + shuffle.random() * 1000
        os.utime(path, (moment, moment))
    return folder / "results/reference" / study


def test_there_are_published_studies():
    assert "digits" in STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_a_published_study_is_redrawn_as_it_is_without_training(study, clone, snakemake):
    folder = clone(study)
    results = as_cloned(study, folder)
    for made in ("tables", "figures", "gains"):
        shutil.rmtree(results / made)
    (results / "claims.csv").unlink()
    (results / "claims.md").unlink()
    command = ("tables", "figures", "claims", "gains", "--configfile", *config_files(study))
    jobs = planned(snakemake(folder, "-n", *command))
    report = {"write_tables", "draw_figures", "judge_claims", "compare_methods"}
    assert report <= set(jobs) <= report | {"collect_results", "tables", "figures", "claims", "gains", "total"}
    snakemake(folder, *command)
    texts = [REFERENCE / study / "claims.csv", REFERENCE / study / "claims.md"]
    for made in ("tables", "figures", "gains"):
        texts += [path for path in (REFERENCE / study / made).iterdir() if path.suffix in (".csv", ".md", ".tex")]
    for path in texts:
        again = results / path.relative_to(REFERENCE / study)
        assert again.read_text() == path.read_text(), path.name
    drawn = {path.name for path in (results / "figures").iterdir()}
    assert drawn == {path.name for path in (REFERENCE / study / "figures").iterdir()}


@pytest.mark.parametrize("comparison", COMPARISONS, ids=str)
def test_a_published_comparison_is_made_again_from_the_published_results(comparison, tmp_path, monkeypatch):
    study, group = comparison.parts[:2]
    shutil.copytree(REFERENCE / study, tmp_path / "results/reference" / study, ignore=NEVER_PUBLISHED)
    config = load_config([ROOT / "config.yaml", *(ROOT / file for file in config_files(study))])
    monkeypatch.chdir(tmp_path)
    {"sensitivity": write_sensitivity, "further": write_further}[group](config, config.results)
    for path in (REFERENCE / study / group).glob("*.*"):
        again = tmp_path / "results/reference" / path.relative_to(REFERENCE)
        if path.suffix in (".csv", ".md"):
            assert again.read_text() == path.read_text(), path.name


@pytest.mark.parametrize("study", STUDIES)
def test_every_published_table_and_page_names_how_its_study_differs_from_the_paper(study):
    config = load_config([ROOT / "config.yaml", *(ROOT / file for file in config_files(study))])
    told = deviations(config)
    assert [text.split(":")[0] for text in told[:2]] == ["data", "teacher"]
    for name, written in (
        ("tables/table1.md", str),
        ("tables/table2.md", str),
        ("tables/table2.tex", latex_text),
        ("claims.md", str),
        ("report.html", html.escape),
    ):
        text = (REFERENCE / study / name).read_text()
        for deviation in told:
            assert written(deviation).replace("&#x27;", "&#39;") in text, (name, deviation)


@pytest.mark.parametrize("study", STUDIES)
def test_a_published_study_has_the_seeds_its_preset_names(study):
    config = load_config([ROOT / "config.yaml", *(ROOT / file for file in config_files(study))])
    results = pd.read_csv(REFERENCE / study / "results.csv")
    for student in config.students:
        found = results[results["run"] == f"scratch-{student.name}"]["seed"]
        assert sorted(found) == sorted(student.seeds or config.seeds)


@pytest.mark.parametrize("study", [study for study in STUDIES if study.endswith("-survey")])
def test_in_the_cost_figure_of_a_survey_numbers_and_names_stand_apart(study, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load_config(["config.yaml", *config_files(study)])
    figure = draw_cost(config, pd.read_csv(REFERENCE / study / "gains/gains.csv"))
    for axes in figure.axes:  # not the axis's own numbers, of which some lie outside of it and are not drawn
        axes.tick_params(labelbottom=False, labelleft=False)
    assert_no_text_overlaps(figure)


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*/report.html")), ids=lambda path: path.parent.name)
def test_a_published_page_is_below_a_megabyte(page):
    assert page.stat().st_size < 1_000_000
