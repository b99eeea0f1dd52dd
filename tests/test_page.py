"""report.html, written from a made-up study."""

import json
import re
from html.parser import HTMLParser

import pytest

from kdbench.digest import source_files
from kdbench.errors import KdbenchError
from kdbench.overlay import load_config
from kdbench.report.claims import write_claims
from kdbench.report.collect import write_results
from kdbench.report.page.cells import read_rows
from kdbench.report.page.costs import duration, in_thousands
from kdbench.report.page.curves import MOST_VALUES, curves
from kdbench.report.page.page import write_page
from kdbench.report.page.tables import selection_sentences
from kdbench.report.survey.claims import COLUMNS
from kdbench.report.tables import write_tables
from tests.conftest import ROOT
from tests.synthetic_study import study_config, write_study

HOSTILE = "<script>alert('title')</script> & \"$x^2$\""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="200pt"><script>alert("figure")</script></svg>'
VOID = {"meta", "img", "br", "link", "input"}


def accuracies(run, learner):
    """Weights 0.1, 0.8, 0.1 are best for every student."""
    best = 60.0 if run.name == "tune-0.1-0.8-0.1" else 50.0
    return {
        "validation_accuracy": best if run.validation else None,
        "fitted_accuracy": 70.0 - run.seed,
        "test_accuracy": 60.0 + run.seed,
    }


OPTIONS = "--configfile presets/mine.yaml --config 'seeds=[1, 2]'"


def make_page(results, figures_of=accuracies, **overrides):
    """A study's page, with figures that are only placeholders."""
    config = study_config(results, **{"seeds": [1, 2], **overrides})
    write_study(config, figures_of)
    write_results(config, results)
    write_tables(config, results)
    write_claims(config, results)
    (results / "figures").mkdir()
    for number in range(1, 7):
        (results / "figures" / f"figure{number}.svg").write_text(SVG)
        (results / "figures" / f"figure{number}.png").write_bytes(b"png")
        (results / "figures" / f"figure{number}.csv").write_text("number\n1\n")
    write_page(config, results, OPTIONS)
    return config


class Page(HTMLParser):
    """A page's elements as (tag, attributes, text), in order; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), "", [parent[0] for parent in self.open]]
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag):
        return [element for element in self.elements if element[0] == tag]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("page")
    make_page(
        results, study={"title": HOSTILE, "deviations": {"data": "<img src=x onerror=alert(1)>", "teacher": "other"}}
    )
    return results


@pytest.fixture(scope="module")
def text(results):
    return (results / "report.html").read_text()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def rows_of(text, section):
    """The rows of a section's table, each a list of its cells' texts."""
    part = re.search(rf'<section id="{section}".*?</section>', text, re.S)[0]
    body = re.search(r"<tbody>(.*?)</tbody>", part, re.S)[1]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", body, re.S)]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


def test_the_page_needs_nothing_from_elsewhere(text, page):
    assert "http://" not in text and "https://" not in text and "@import" not in text
    assert not page.all("link") and all("src" not in script[1] for script in page.all("script"))
    assert all(image[1]["src"].startswith("data:image/") for image in page.all("img"))
    assert len(text.encode()) < 5_000_000


def test_links_lead_to_sections_of_the_page_and_to_files_beside_it(page, results):
    sections = {element[1]["id"] for element in page.elements if "id" in element[1]}
    addresses = [link[1]["href"] for link in page.all("a")]
    assert {f"figures/figure{number}.csv" for number in range(1, 7)} <= set(addresses)
    assert {
        "#table3",
        "tables/table2.csv",
        "tables/table3.tex",
        "claims.csv",
        "figures/figure5.svg",
        "results.csv",
        "study.yaml",
    } <= set(addresses)
    for address in addresses:
        assert address[1:] in sections if address.startswith("#") else (results / address).is_file()


def test_a_hostile_title_is_text_and_nothing_else(text, page):
    assert "<script>alert(" not in text and "<img src=x" not in text
    assert page.all("h1")[0][2] == HOSTILE
    assert page.all("title")[0][2].startswith(HOSTILE)
    assert [script[1].get("type") for script in page.all("script")] == ["application/json", None]
    assert any(item[2] == "data: <img src=x onerror=alert(1)>" for item in page.all("li"))


def test_all_nine_rows_of_table_2_are_there_with_ours_the_papers_and_the_difference(text):
    rows = rows_of(text, "table2")
    assert len(rows) == 9
    assert rows[0] == [
        "Scratch",
        *("61.50 ± 0.71 (2)", "60.54", "+0.96"),
        *("61.50 ± 0.71 (2)", "56.50", "+5.00"),
        *("61.50 ± 0.71 (2)", "78.16", "−16.66"),
    ]
    assert rows[3][-3:] == ["–", "–", "–"]


def test_other_images_than_the_papers_have_no_differences(tmp_path):
    make_page(tmp_path, seeds=[1], data={"source": "digits"})
    text = (tmp_path / "report.html").read_text()
    assert rows_of(text, "table2")[0][2::2] == ["60.54", "56.50", "78.16"]
    assert {len(row) for row in rows_of(text, "table2")} == {7}
    assert "on CIFAR-10, not these images" in text and "the larger it is" not in text
    assert len({len(row) for row in rows_of(text, "table1")}) == 1 and "diff." not in text


def test_table_3_has_gap_and_calibration_error_of_each_student_and_says_what_they_are(text):
    rows = rows_of(text, "table3")
    assert [row[0] for row in rows] == [row[0] for row in rows_of(text, "table2")]
    assert rows[0][1::2] == ["+7.00 ± 1.41 (2)"] * 3
    assert all(re.fullmatch(r"\d+\.\d\d ± \d+\.\d\d", cell) for cell in rows[0][2::2])
    assert rows[3][-2:] == ["–", "–"]
    assert "ECE: expected calibration error on test images, in percent, over 15 bins" in text


def test_differences_are_coloured_by_sign_and_size(text):
    shades = dict(
        re.findall(r'class="number (above|below)" style="--shade: ([\d.]+)"[^>]*>[+−](?:5\.00|16\.66)<', text)
    )
    assert shades == {"above": "0.5", "below": "1.0"} or shades == {"above": "0.5", "below": "1"}


def test_every_claim_has_a_verdict_in_words_and_the_counts_add_up(text, page, results):
    claims = read_rows(results / "claims.csv")
    rows = rows_of(text, "claims")
    assert len(rows) == len(claims)
    for row, claim in zip(rows, claims, strict=True):
        assert row[1].endswith(claim["verdict"])
    counted = re.findall(r"<strong>(\d+)</strong> <span><span[^>]*>.</span> ([a-z ]+)</span>", text)
    assert {name: int(count) for count, name in counted} == {
        verdict: [claim["verdict"] for claim in claims].count(verdict)
        for verdict in ("reproduced", "not reproduced", "undecided", "not tested")
    }


def test_table_1_marks_the_chosen_point_and_says_why(text):
    rows = rows_of(text, "table1")
    assert [row[-1] for row in rows] == ["", "", "★ weakest and strongest", ""]
    said = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "does best with 0.1, 0.8, 0.1: 60.00 % validation accuracy, 10.00 points ahead of the next" in said
    assert "Both criteria choose the same weights" in said


def test_criteria_that_choose_different_weights_are_said_to(tmp_path):
    def split(run, learner):
        best = {"alexnet": "tune-0.1-0.6-0.3", "lenet": "tune-0.1-0.8-0.1"}.get(learner, "tune-0.1-0.7-0.2")
        order = ["alexnet", "lenet", "mobilenet", "teacher"]
        level = 50.0 + order.index(learner)
        return {"validation_accuracy": (level + 5 if run.name == best else level) if run.validation else None}

    sentences = selection_sentences(make_page(tmp_path, split), tmp_path)
    by = "student, by validation accuracy over the grid, is"
    assert f"weakest {by} alexnet; it does best with 0.1, 0.6, 0.3" in sentences[0]
    assert f"strongest {by} mobilenet; it does best with 0.1, 0.7, 0.2" in sentences[1]
    assert sentences[2].startswith("The criteria choose different weights")


def test_every_table_can_be_read_and_sorted_without_eyes_or_mouse(page):
    assert page.all("html")[0][1]["lang"] == "en"
    assert all(heading[1].get("scope") for heading in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) == 5
    assert all(box[1].get("tabindex") == "0" for box in page.all("div") if "scroll" in box[1].get("class", ""))
    assert all(image[1]["alt"] for image in page.all("img"))


@pytest.mark.parametrize("section", ["claims", "table1", "table2", "table3", "costs"])
def test_every_column_can_be_sorted_by(text, section):
    part = re.search(rf'<section id="{section}".*?</section>', text, re.S)[0]
    columns = sorted(int(number) for number in re.findall(r'data-column="(\d+)"', part))
    for row in rows_of(text, section):
        assert columns == list(range(len(row)))


def test_costs_have_a_row_a_run_and_learner_with_means_over_seeds(text, results):
    runs = {(row["run"], row["learner"]) for row in read_rows(results / "results.csv")}
    rows = rows_of(text, "costs")
    assert {(row[0], row[1]) for row in rows} == runs and len(rows) == len(runs)
    [row] = [row for row in rows if row[:2] == ["peer", "lenet"]]
    assert row[2:7] == ["2", "5", "1.5", "1 k", "20 k"] and row[8] == "61.50"


@pytest.mark.parametrize(
    ("value", "text"), [(999, "999"), (1000, "1 k"), (2_473_610, "2.47 M"), (999_900, "1 M"), (4.09e9, "4.09 G")]
)
def test_large_numbers_are_written_with_three_digits(value, text):
    assert in_thousands(value) == text


def test_the_configuration_and_environment_are_on_the_page(page):
    [configuration] = [element for element in page.all("pre")]
    assert "temperature: 10" in configuration[2] and "details" in configuration[3]
    facts = {term[2]: value[2] for term, value in zip(page.all("dt"), page.all("dd"), strict=True)}
    assert facts["Devices"] == "cpu" and facts["torch"] == "0" and facts["CPU threads a run"] == "1"
    assert "In fp32, without bf16 on the machine" not in facts


def test_runs_that_computed_in_another_precision_than_was_asked_for_are_named(tmp_path):
    config = make_page(tmp_path, methods=["scratch"], seeds=[1, 2])
    for path in tmp_path.glob("runs/scratch-alexnet/seed*/metrics.json"):
        metrics = json.loads(path.read_text())
        metrics["settings"]["training"]["precision"] = "bf16"
        path.write_text(json.dumps(metrics | {"precision": "fp32"}))
    write_page(config, tmp_path, OPTIONS)
    [said] = re.findall(
        r"In fp32, without bf16 on the machine</dt>\s*<dd>(.*?)</dd>", (tmp_path / "report.html").read_text()
    )
    assert said == "scratch-alexnet"


def test_a_study_that_tunes_nothing_says_so_in_place_of_table_1(tmp_path):
    make_page(tmp_path, methods=["scratch"], seeds=[1])
    text = (tmp_path / "report.html").read_text()
    assert "This study tunes no weights." in text and len(rows_of(text, "table2")) == 1


def test_what_matters_most_comes_first(page):
    sections = [element[1]["id"] for element in page.all("section")]
    parts = ["table2", "table1", "table3", "figures", "curves", "claims", "costs", "dag", "environment"]
    assert sections == [*parts, "configuration"]
    assert [link[1]["href"][1:] for link in page.all("a") if "nav" in link[3]] == sections


def test_every_table_and_figure_names_the_one_command_that_makes_it_again(page):
    commands = [code[2] for code in page.all("code") if code[2].startswith("snakemake ")]
    assert {command.split(" --configfile")[0] for command in commands} == {
        *(f"snakemake {target}" for target in ("tables", "figures", "claims", "report", "plan")),
        "snakemake",
    }
    whole = [command for command in commands if command != "snakemake --configfile"]
    assert len(whole) > 10 and all(command.endswith(OPTIONS) for command in whole)


def test_the_configuration_beside_the_page_is_the_studys(results):
    config = load_config([results / "study.yaml"])
    assert config.study.title == HOSTILE and config.seeds == [1, 2] and config.results == results


def test_the_learning_curves_hold_every_run_seed_and_learner(page, results):
    [embedded] = [script[2] for script in page.all("script") if script[1].get("type")]
    data = json.loads(embedded)
    rows = read_rows(results / "results.csv")
    found = {(curve["run"], curve["student"], str(curve["seed"])): curve for curve in data["curves"]}
    assert set(found) == {(row["run"], row["learner"], row["seed"]) for row in rows}
    assert data["students"] == ["alexnet", "lenet", "mobilenet", "teacher"] and data["seeds"] == [1, 2]
    history = read_rows(results / "runs/peer/seed2/history.csv")
    own = [row for row in history if row["learner"] == "lenet"]
    curve = found["peer", "lenet", "2"]
    assert curve["loss"] == pytest.approx([float(row["train_loss"]) for row in own], rel=1e-3)
    assert curve["accuracy"] == pytest.approx([float(row["train_accuracy"]) for row in own], abs=0.006)
    assert (curve["method"], curve["first"], data["every"], curve["test"]) == ("peer", 1, 1, 62.0)


def test_many_long_runs_are_thinned_to_a_megabyte_and_keep_their_last_epoch(tmp_path, monkeypatch):
    config = study_config(tmp_path, seeds=[1])
    run = tmp_path / "runs/scratch-lenet/seed1"
    run.mkdir(parents=True)
    epochs = MOST_VALUES // 4 + 1  # four times as many values as are kept
    lines = [f"lenet,{epoch},{1 / 3 + epoch},{200 / 3}" for epoch in range(1, 4 * epochs + 1)]
    (run / "history.csv").write_text("\n".join(["learner,epoch,train_loss,train_accuracy", *lines]))
    data = curves(config, tmp_path, [])
    [curve] = data["curves"]
    assert data["every"] == 3 and curve["first"] + data["every"] * (len(curve["loss"]) - 1) == 4 * epochs
    assert len(json.dumps(data, separators=(",", ":"))) < 1_000_000


def test_a_loss_that_is_no_number_leaves_a_gap(tmp_path):
    run = tmp_path / "runs/scratch-lenet/seed1"
    run.mkdir(parents=True)
    (run / "history.csv").write_text("learner,epoch,train_loss,train_accuracy\nlenet,1,2.5,10\nlenet,2,nan,20\n")
    [curve] = curves(study_config(tmp_path, seeds=[1]), tmp_path, [])["curves"]
    assert curve["loss"] == [2.5, None] and curve["accuracy"] == [10, 20] and curve["test"] is None


def test_findings_of_a_comparison_with_variations_are_on_the_page_once_there_are_any(tmp_path):
    config = make_page(tmp_path, methods=["scratch"], seeds=[1])
    assert 'id="sensitivity"' not in (tmp_path / "report.html").read_text()
    (tmp_path / "sensitivity").mkdir()
    (tmp_path / "sensitivity/sensitivity.md").write_text("Batch size <b>matters</b>;\nlittle else.\n\nMore.\n")
    (tmp_path / "sensitivity/sensitivity.svg").write_text(SVG)
    (tmp_path / "sensitivity/effects.csv").write_text("change\n")
    write_page(config, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<p>Batch size &lt;b&gt;matters&lt;/b&gt;; little else.</p>" in text
    assert 'href="#sensitivity"' in text and 'href="sensitivity/effects.csv"' in text
    assert "<code>snakemake sensitivity</code>" in text


def test_a_figure_of_images_says_in_words_that_there_are_none(tmp_path, monkeypatch):
    config = make_page(tmp_path, methods=["scratch"], seeds=[1])
    (tmp_path / "figures/figure5.csv").write_text("number\n")
    monkeypatch.setattr("kdbench.report.page.figures.nothing_to_show", lambda number, *_: f"None for figure {number}.")
    write_page(config, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert '<p class="nothing">None for figure 5.</p>' in text and "None for figure 4." not in text
    assert len(Page(text).all("img")) == 5


def test_the_surveys_claims_are_on_the_page_of_a_study_that_judges_them(tmp_path):
    config = make_page(tmp_path, methods=["scratch"], seeds=[1])
    assert 'id="survey"' not in (tmp_path / "report.html").read_text()
    (tmp_path / "gains").mkdir()
    (tmp_path / "gains/survey-claims.csv").write_text(
        ",".join(COLUMNS) + "\n"
        "one,[1],A < B,a − b,lenet,1 point,2.5,points,1.5,3.5,3.0,0.01,reproduced\n"
        "two,[2],C > D,c − d,,,,,,,,,not tested\n"
        "three,[2],E < F,bytes of f over those of e,lenet,,3.88,times smaller,,,3.0,,by construction\n"
    )
    write_page(config, tmp_path)
    text = (tmp_path / "report.html").read_text()
    tested, untested, size = rows_of(text, "survey")
    ours = ["lenet", "✓ reproduced", "1 point", "+2.50", "+1.50 to +3.50", "3", "0.01"]
    assert tested == ["A &lt; B [1]; a − b", *ours]
    assert untested[2] == "– not tested" and untested[3:] == ["–"] * 5
    assert size[2:] == ["= by construction", "–", "3.9 times smaller", "–", "3", "–"]
    header = text.split("</header>")[0]
    assert header.index("Verdicts on the survey") < header.index("Verdicts on the paper")
    assert 'href="#survey"' in text and 'href="gains/survey-claims.csv"' in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(59, "59 seconds"), (150, "2.5 minutes"), (9000, "2.5 hours"), (1e6, "11.6 days")]
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


def test_a_missing_figure_is_an_error_that_names_the_file_and_the_command(tmp_path):
    config = make_page(tmp_path, methods=["scratch"], seeds=[1])
    (tmp_path / "figures" / "figure3.svg").unlink()
    with pytest.raises(KdbenchError, match="figure3.svg: no such file: run `snakemake figures`"):
        write_page(config, tmp_path)


def test_a_change_of_a_template_makes_the_page_again():
    folder = ROOT / "kdbench" / "report" / "page"
    modules = [f"kdbench.report.page.{path.stem}" for path in folder.glob("*.py")]
    followed = {file for module in modules for file in source_files(module)}
    assert {file for file in folder.iterdir() if file.is_file()} == followed
