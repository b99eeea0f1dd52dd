"""The survey's tables and claims, and its tables and page made again from the recipes."""

import csv
import json
import os
import re
import subprocess
import sys
from hashlib import sha256

import pytest

from kdbench.cli import main
from kdbench.errors import KdbenchError
from kdbench.paper.survey import read_survey
from kdbench.recipes.schema import Recipe, read_recipe, recipe_names
from kdbench.recipes.survey import STAGES, Survey, choices, choices_of, filters
from kdbench.report.survey import method_list, tables
from kdbench.report.survey import words as survey_words
from kdbench.report.survey.glance import glance
from kdbench.report.survey.page import claims, up_to_date
from kdbench.report.survey.tables import COLUMNS, claimed, table_lines
from kdbench.report.survey.techniques import techniques
from kdbench.report.survey.words import words
from tests.conftest import ROOT

PAGE = ROOT / "docs/survey.md"
WORKS = [
    ["[6]", "[2]", "[11]", "[7]", "[1] (Ex.1)", "[1] (Ex.2)", "[4]", "[5]", "[9]"],
    ["[14]", "[15]", "[16]", "[17]", "[8]", "[10]", "[13]", "[12]", "[18]"],
]
PENDING: list[str] = []  # rows whose recipe is still to be written

CHOICES = {
    "objectives": ["accuracy"],
    "teacher_setup": "single",
    "teacher_architecture": ["complex"],
    "knowledge_type": ["soft labels"],
    "transfer": ["direct"],
    "student_setup": "single",
    "student_architecture": ["as teacher"],
    "student_construction": ["scratch"],
}


def survey_of(**changes) -> Survey:
    return Survey(**{**CHOICES, **changes})


def recipe_of(name="made-up", **changes) -> Recipe:
    return Recipe(name=name, title="Made up", source="nobody", not_covered="nothing", survey=survey_of(**changes))


@pytest.fixture
def only(monkeypatch):
    """Let there be these recipes alone."""

    def have(*recipes):
        by_name = {recipe.name: recipe for recipe in recipes}
        for module in (method_list, tables):
            monkeypatch.setattr(module, "recipe_names", lambda: list(by_name))
            monkeypatch.setattr(module, "read_recipe", by_name.__getitem__)

    return have


def test_the_tables_are_the_surveys_in_its_order():
    survey = read_survey()
    assert [[row.name for row in table.rows] for table in survey.tables.values()] == WORKS
    cells = "\n".join("\t".join([row.name, *(getattr(row, column) for column in COLUMNS)]) for row in survey.rows)
    # Of all cells, once compared with the survey's own text.
    assert sha256(cells.encode()).hexdigest()[:16] == "810f995483397b51"


def test_a_claims_number_stands_in_its_sentence():
    for claim in read_survey().claims:
        numbers = [float(number) for number in re.findall(r"(?<![-\w])\d+(?:\.\d+)?(?=%| )", claim.text)]
        assert claim.number is None or claim.number in numbers, claim.id
    numbered = {claim.number for claim in read_survey().claims}
    assert numbered == {None, 4.4, 1.9, 5, 1.78, 2.4, 1.79, 80, 0.02, 10.26}
    ids = [claim.id for claim in read_survey().claims]
    assert len(set(ids)) == len(ids)


def test_a_claims_recipes_are_there_and_of_its_work():
    for claim in read_survey().claims:
        for name in claim.recipes:
            assert f"[{claim.work}]" in read_recipe(name).source, (claim.id, name)


def test_every_row_of_the_tables_has_a_recipe():
    lacking = [line.name for number in (1, 2) for line in table_lines(number) if line.recipe is None]
    assert [name for name in lacking if name not in PENDING] == []


@pytest.mark.parametrize("number", [1, 2])
def test_the_tables_from_the_recipes_are_the_surveys_but_for_the_listed_cells(number):
    lines = [line for line in table_lines(number) if line.recipe]
    found = {(line.recipe.name, column): line.cells[column] for line in lines for column in line.differences()}
    names = {line.recipe.name for line in lines}
    listed = {(entry.recipe, entry.column): entry.ours for entry in read_survey().deviations if entry.recipe in names}
    assert found == listed


def test_a_listed_cell_is_a_recipes_and_says_why():
    names = {line.recipe.name for number in (1, 2) for line in table_lines(number) if line.recipe}
    for deviation in read_survey().deviations:
        assert deviation.recipe in names
        assert deviation.why.endswith(".") and len(deviation.why) > 20


def test_every_choice_has_its_word():
    assert set(survey_words.MODIFICATIONS) == set(choices("data_modification"))
    assert set(survey_words.TEACHERS) == set(choices("teacher_setup"))
    assert set(survey_words.TRANSFERS) == set(choices("transfer"))
    assert set(survey_words.STUDENTS) == set(choices("student_setup"))
    assert set(survey_words.ARCHITECTURES) == set(choices("student_architecture"))
    assert {*survey_words.CONSTRUCTIONS, "scratch"} == set(choices("student_construction"))


@pytest.mark.parametrize(
    ("changes", "column", "text"),
    [
        ({}, "objective", "Accuracy"),
        ({"objectives": ["accuracy", "learning time"]}, "objective", "learning time and accuracy"),
        ({}, "data", "-"),
        (
            {"data_modification": ["resolution"], "data_partition": "student"},
            "data",
            "For student, Down-sampled images",
        ),
        ({"work": 7, "data": "Make Data Impression"}, "data", "Make Data Impression"),
        ({"data_partition": "teacher"}, "data", "For teacher, Part of the data"),
        ({"teacher_architecture": ["complex", "simple"]}, "teacher", "Single, Simple and complex"),
        ({"teacher_setup": "several"}, "teacher", "Multi-teacher"),
        ({"transfer": ["direct", "sequential"]}, "method", "Sequential, Permuted Distillation"),
        (
            {"knowledge_location": ["intermediate"], "transfer": ["multi-level"]},
            "method",
            "Intermediate layers, Multi-level Distillation",
        ),
        ({"student_setup": "several"}, "student", "Multi-student, Teacher-like"),
        ({"student_construction": ["pruned"]}, "student", "Single, Teacher-like, Pruned"),
        (
            {"student_construction": ["quantised", "initialised from teacher"]},
            "student",
            "Single, Teacher-like, Initialised from teacher, Quantized",
        ),
        ({"work": 12, "student": "Complex(SVM)"}, "student", "Single, Complex(SVM)"),
        ({"work": 12, "datasets": ["A", "B"]}, "dataset", "A, B"),
    ],
)
def test_choices_are_told_in_the_surveys_words(changes, column, text):
    assert words(survey_of(**changes))[column] == text


def test_what_only_the_tables_tell_needs_the_work_they_tell_it_of():
    with pytest.raises(ValueError, match="add work"):
        survey_of(datasets=["CIFAR10"])


def test_a_row_has_a_line_for_each_recipe_that_claims_it(only):
    only(recipe_of("one", work=6), recipe_of("two", work=6))
    assert [line.recipe.name for line in table_lines(1)[:2]] == ["one", "two"]
    assert [line.name for line in table_lines(1)] == ["[6]", *WORKS[0]]


def test_a_row_that_there_is_not_is_refused_by_name(only):
    only(recipe_of("one", work=1))
    with pytest.raises(KdbenchError, match=r"one: survey: .* no row \[1\] \(available: .*\[1\] \(Ex.1\)"):
        claimed()


def test_tables_are_written_for_programs_readers_and_papers(tmp_path, only):
    recipe = recipe_of("made-up", work=6, datasets=["CIFAR10", "SVHN"])
    only(recipe, recipe_of("other"))
    assert main(["methods", "--tables", str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "survey-table1.csv").open()))
    assert [row["work"] for row in rows] == WORKS[0]
    assert rows[0]["recipe"] == "made-up" and rows[0]["dataset"] == "CIFAR10, SVHN"
    assert rows[0]["status"] == "task not yet covered: nothing"
    assert rows[0]["survey"].startswith("data: For student, Down-sampled images")
    assert rows[1]["status"] == "no recipe"
    markdown = (tmp_path / "survey-table1.md").read_text()
    assert "| -\\*" in markdown and "[6], made-up, Data Modification: the survey has" in markdown
    latex = (tmp_path / "survey-table2.tex").read_text()
    assert "{[}14]" in latex and "\n[" not in latex
    further = list(csv.DictReader((tmp_path / "survey-further.csv").open()))
    assert [row["recipe"] for row in further] == ["other"]


def test_the_page_has_the_tables_of_the_recipes():
    text = PAGE.read_text()
    assert text == up_to_date(text), "kdbench methods --page docs/survey.md --figures docs/images/survey"
    marks = re.findall(r"<!-- methods (\S+) -->", text)
    assert marks == ["survey-table1", "survey-table2", "survey-further", "claims", "choices"]


def test_the_page_of_techniques_says_what_recipes_and_published_studies_say():
    text = (ROOT / "docs/techniques.md").read_text()
    assert text == up_to_date(text), "kdbench methods --page docs/techniques.md"


def test_a_technique_is_said_to_help_where_that_is_significant(tmp_path):
    folder = tmp_path / "digits-survey" / "gains"
    folder.mkdir(parents=True)
    columns = ["gain", "p_adjusted", "low", "high"]
    names = ["recipe", "method", "title", "student", "fraction", "accuracy", "bytes", "n", "epochs"]
    names += [f"{column}_{baseline}" for baseline in ("scratch", "vanilla", "control") for column in columns]
    rows = [
        ["conditional", "conditional", "Conditional", "lenet", "1.0", "95.0", "4000", "3", "5"]
        + ["0.5", "0.4", "-0.5", "1.5", "2.0", "0.01", "1.0", "3.0", "1.5", "0.06", "", ""],
        ["conditional", "conditional", "Conditional", "resnet8", "1.0", "90.0", "4000", "3", "5"]
        + ["-1.0", "0.04", "-1.5", "-0.5", "1.0", "0.3", "", "", "", "", "", ""],
        # What it is compared with is no method of its own.
        ["conditional", "soft-labels-only", "Soft labels only", "lenet", "1.0", "10.5", "4000", "3", "5"]
        + ["-1.0", "0.01", "", "", "0.5", "0.01", "", "", "", "", "", ""],
    ]
    (folder / "gains.csv").write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")
    (folder.parent / "results.csv").write_text(
        "run,method,learner,test_accuracy\nteacher,teacher,teacher,98.5\nspecialist-1,specialist-1,teacher,99.9\n"
        "specialists,specialists,together,98.9\nspecialists,specialists,together,98.7\n"
    )
    (folder.parent / "data").mkdir()
    (folder.parent / "data" / "dataset.json").write_text(json.dumps({"classes": list("0123456789")}))
    text = techniques(tmp_path)
    assert re.search(r"\| digits \| lenet +(\| +– ){6}\| +98.50 \|", text)
    assert re.search(r"answer together.*\n\n.*\n.*\n\| .* \| digits \| +2 \| +98.80 \| +98.50 \| +\+0.30 \|", text)
    assert "- Beside training from scratch: helped in 0, cost in 1 (resnet8 on digits), not decided in 1." in text
    assert "- Beside vanilla distillation: helped in 1 (lenet on digits), cost in 0, not decided in 1." in text
    assert "- Beside its control: helped in 0, cost in 0, not decided in 1." in text
    assert re.search(r"\| lenet +\| +5 \| +95.00 \| +\+0.50 ± 1.00 \| +\+2.00\\\* ± 1.00 \| +\+1.50 \|", text)
    assert re.search(r"\| Soft labels only .* 10.50† \|", text)
    assert "\n\n† Hardly better than chance" in text
    assert re.search(r"\| resnet8 +\| +5 \| +90.00 \| +−1.00\\\* ± 0.50 \| +\+1.00 \| +– \|", text)


def test_at_a_glance_techniques_stand_by_their_median_over_data_and_students(tmp_path):
    columns = ["recipe", "method", "title", "student", "networks", "fraction", "gain_scratch", "p_adjusted_scratch"]
    rows = {
        "digits": [
            ["conditional", "conditional", "Conditional", "lenet", "1", "1.0", "0.5", "0.4"],
            ["conditional", "conditional", "Conditional", "resnet8", "1", "1.0", "-2.0", "0.01"],
            ["fitnets", "fitnets", "FitNets hints", "lenet", "1", "1.0", "3.0", "0.01"],
            ["longer", "scratch-longer", "Twice", "lenet", "1", "1.0", "9.0", "0.01"],
            # Not compared: what serves another, few images, several networks, nothing to compare with.
            ["conditional", "soft-labels-only", "Soft labels only", "lenet", "1", "1.0", "8.0", "0.01"],
            ["vid", "vid-20", "VID, 20 %", "lenet", "1", "0.2", "8.0", "0.01"],
            ["ensemble", "ensemble-together", "Ensemble", "lenet", "3", "1.0", "8.0", "0.01"],
            ["scratch", "scratch", "Scratch", "lenet", "1", "1.0", "", ""],
        ],
        "fashion-mnist": [["fitnets", "fitnets", "FitNets hints", "lenet", "1", "1.0", "-4.0", ""]],
    }
    for study, found in rows.items():
        folder = tmp_path / f"{study}-survey" / "gains"
        folder.mkdir(parents=True)
        (folder / "gains.csv").write_text("\n".join(",".join(row) for row in [columns, *found]) + "\n")
    said, _, *lines = glance(tmp_path).splitlines()
    assert said == (
        "Of 4 comparisons with training from scratch, 1 are significantly above it, 1 below, 2 not decided."
    )
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in (lines[0], *lines[2:])] == [
        ["Method", "digits: lenet", "digits: resnet8", "fashion-mnist: lenet", "Above in", "Median"],
        ["Twice", r"+9.00\*", "–", "–", "1 of 1", "+9.00"],
        ["FitNets hints", r"+3.00\*", "–", "−4.00", "1 of 2", "−0.50"],
        ["Conditional", "+0.50", r"−2.00\*", "–", "1 of 2", "−0.75"],
    ]


def test_the_surveys_sentences_have_the_published_verdicts(tmp_path):
    folder = tmp_path / "digits-survey" / "gains"
    folder.mkdir(parents=True)
    (folder / "survey-claims.csv").write_text(
        "id,learner,verdict\nless-data,lenet,reproduced\nless-data,alexnet,undecided\neight-bits,,not tested\n"
    )
    lines = claims(tmp_path).splitlines()
    assert lines[0].rstrip(" |").endswith("digits")
    [found] = [line for line in lines if "is not decreased with fewer input data" in line]
    assert "lenet: reproduced, alexnet: undecided" in found
    [found] = [line for line in lines if "8 bits precision CNN" in line]
    assert found.rstrip(" |").endswith("not tested")


def test_a_part_that_there_is_not_is_refused_by_name():
    with pytest.raises(KdbenchError, match="tabel1"):
        up_to_date("<!-- methods tabel1 --><!-- end -->")


def test_the_pages_recipe_is_the_packages():
    block = re.search(r"```yaml\nsurvey:\n(.*?)```", PAGE.read_text(), re.S).group(1)
    stated = {line.split(":")[0].strip(): line.split(": ")[1] for line in block.splitlines()}
    written = read_recipe("born-again").survey.model_dump(exclude_defaults=True)
    assert set(stated) == set(written)
    for key, value in written.items():
        assert stated[key] == (f"[{', '.join(value)}]" if isinstance(value, list) else str(value))


def listed(capsys, *arguments):
    assert main(["methods", *arguments]) == 0
    return capsys.readouterr().out


def names_listed(text):
    return re.findall(r"^  ([a-z0-9-]+) ", text, re.M)


@pytest.mark.parametrize("columns", [80, 120])
def test_every_recipe_is_listed_with_what_runs_of_it(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = listed(capsys)
    assert max(map(len, text.splitlines())) <= columns
    assert sorted(names_listed(text)) == recipe_names()
    for recipe in map(read_recipe, recipe_names()):
        for lesson in recipe.lessons:
            assert lesson.method in text
    flat = " ".join(text.split())
    assert "Training from scratch (the paper, section 4.4) - runs here" in flat
    waiting = [name for name in recipe_names() if read_recipe(name).not_covered]
    assert flat.count("- task not yet covered: ") == len(waiting) > 0
    assert flat.endswith(f"{len(recipe_names())} recipes; of {len(waiting)} the task is not yet covered.")


def test_a_choice_finds_the_methods_that_make_it(capsys):
    text = listed(capsys, "--transfer", "sequential", "--student", "as teacher")
    assert "born-again" in names_listed(text) and "alternate" not in names_listed(text)
    every = listed(capsys, "--teacher", "several")
    surveys = {name: read_recipe(name).survey for name in recipe_names()}
    expected = [name for name, survey in surveys.items() if survey and survey.teacher_setup == "several"]
    assert sorted(names_listed(every)) == expected


def test_a_malformed_recipe_of_ones_own_is_named_below_all_others(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/mine.yaml").write_text("name: mine\ntitel: Mine\n")
    command = [sys.executable, "-m", "kdbench", "methods"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert sorted(names_listed(done.stdout)) == recipe_names()
    assert "kdbench: recipes/mine.yaml: " in done.stderr and 'did you mean "title"' in done.stderr


def test_where_no_method_makes_the_choices_the_list_says_so(capsys):
    assert listed(capsys, "--teacher", "none", "--teacher", "several") == "No recipe makes these choices.\n"


def test_a_choice_that_there_is_not_is_refused_in_one_line(capsys):
    assert main(["methods", "--student", "quantized"]) == 2
    error = capsys.readouterr().err
    assert error.startswith('kdbench: methods: --student: unknown choice "quantized"; did you mean "quantised"?')
    assert error.count("\n") == 1


def test_every_stage_can_be_filtered_by_and_no_choice_is_ambiguous():
    fields = [field for stage in STAGES.values() for field in stage.fields]
    assert [field for filtered in filters().values() for field in filtered] == fields
    for stage in filters():
        assert all(len(places) == 1 for places in choices_of(stage).values())
