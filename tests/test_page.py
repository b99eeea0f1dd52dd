"""report.html, written from a made-up study."""

import re
from html.parser import HTMLParser

import pytest

from kdbench.errors import KdbenchError
from kdbench.report.claims import write_claims
from kdbench.report.collect import write_results
from kdbench.report.page import write_page
from kdbench.report.page_content import in_thousands, read_rows, selection_sentences
from kdbench.report.tables import write_tables
from tests.synthetic_study import study_config, write_study

HOSTILE = "<script>alert('title')</script> & \"$x^2$\""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="200pt"><script>alert("figure")</script></svg>'
VOID = {"meta", "img", "br", "link"}


def accuracies(run, learner):
    """Weights 0.1, 0.8, 0.1 are best for every student."""
    best = 60.0 if run.name == "tune-0.1-0.8-0.1" else 50.0
    return {
        "validation_accuracy": best if run.validation else None,
        "fitted_accuracy": 70.0 - run.seed,
        "test_accuracy": 60.0 + run.seed,
    }


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
    write_page(config, results)
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
    make_page(results, study={"title": HOSTILE, "deviations": ["data: <img src=x onerror=alert(1)>", "teacher: other"]})
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
    assert {
        "#table3",
        "tables/table2.csv",
        "tables/table3.tex",
        "claims.csv",
        "figures/figure5.svg",
        "results.csv",
    } <= set(addresses)
    for address in addresses:
        assert address[1:] in sections if address.startswith("#") else (results / address).is_file()


def test_a_hostile_title_is_text_and_nothing_else(text, page):
    assert "<script>alert(" not in text and "<img src=x" not in text
    assert page.all("h1")[0][2] == HOSTILE
    assert page.all("title")[0][2].startswith(HOSTILE)
    assert len(page.all("script")) == 1
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


def test_a_study_that_tunes_nothing_says_so_in_place_of_table_1(tmp_path):
    make_page(tmp_path, methods=["scratch"], seeds=[1])
    text = (tmp_path / "report.html").read_text()
    assert "This study tunes no weights." in text and len(rows_of(text, "table2")) == 1


def test_a_missing_figure_is_an_error_that_names_the_file_and_the_command(tmp_path):
    config = make_page(tmp_path, methods=["scratch"], seeds=[1])
    (tmp_path / "figures" / "figure3.svg").unlink()
    with pytest.raises(KdbenchError, match="figure3.svg: no such file: run `snakemake figures`"):
        write_page(config, tmp_path)
