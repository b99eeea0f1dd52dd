"""Several studies side by side on one page."""

import os

import pytest

from kdbench.cli import main
from kdbench.errors import KdbenchError
from kdbench.report.page.compare import short_names, significant, write_comparison
from kdbench.report.statistics import sample
from tests.synthetic_study import students
from tests.test_page import HOSTILE, Page, make_page, rows_of


def steady(run, learner):
    """Vanilla distillation gains 3 points, plus a little by seed; all else as from scratch."""
    gain = 3.0 + 0.1 * run.seed if run.method == "vanilla" else 0.0
    return {"test_accuracy": 60.0 + gain, "validation_accuracy": 50.0 if run.validation else None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two studies and their comparison: one by the paper's students, one by two of them and another."""
    folder = tmp_path_factory.mktemp("compare")
    make_page(folder / "first", steady, study={"title": HOSTILE, "deviations": {"data": "other"}})
    make_page(folder / "second", students=students("lenet", "alexnet", "resnet20"), methods=["scratch", "vanilla"])
    write_comparison([folder / "first", folder / "second"], folder / "compare.html")
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "compare.html").read_text()


def test_each_study_has_its_deviations_and_verdict_counts_and_links_to_its_page(text, folder):
    page = Page(text)
    assert "<script>alert" not in text and HOSTILE.replace("&", "&amp;").split("<")[0] in text
    assert "data: other" in [item[2] for item in page.all("li")]
    links = {link[1]["href"] for link in page.all("a") if not link[1]["href"].startswith("#")}
    assert {"first/report.html", "second/report.html", "second/claims.csv"} <= links
    assert all((folder / link).is_file() for link in links)
    assert len([part for part in page.all("ul") if part[1].get("class") == "verdicts"]) == 2


def test_it_needs_nothing_from_elsewhere(text):
    assert "http://" not in text and "https://" not in text and "@import" not in text


def test_gains_over_scratch_stand_beside_each_other_with_their_intervals(text):
    rows = {tuple(row[:2]): row[2:] for row in rows_of(text, "gains")}
    paper, first, second = rows["Vanilla Teacher-Student approach", "AlexNet"]
    assert paper == "+0.98" and first == "+3.15 +2.51 to +3.79; 2 seeds" and second.endswith("2 seeds")
    assert rows["Vanilla Teacher-Student approach", "resnet20"][:2] == ["–", "–"]
    assert rows["Vanilla Teacher-Student approach", "MobileNet"][2] == "–"
    assert rows["Teacher-Student-Peer approach", "LeNet"][2] == "–"
    assert not any(experiment == "Scratch" for experiment, _ in rows)


def test_only_significant_gains_are_coloured(text):
    assert 'class="number above" style="--shade: 0.315" data-value="3.15' in text
    assert "+0.00<small>2 seeds" in text


def test_gains_are_adjusted_for_their_number():
    clear, slight, same = sample([3.0, 3.1, 2.9]), sample([1.0, 1.4, 0.7]), sample([1.0, 1.0, 1.0])
    assert significant([slight]) == [slight]
    assert significant([slight, *[sample([-1.0, 1.0, 0.1 * k]) for k in range(9)], clear, same]) == [clear]


def test_the_keys_that_differ_stand_beside_each_other(text):
    rows = {row[0]: row[1:] for row in rows_of(text, "configuration")}
    assert rows["methods"][1] == "[&#34;scratch&#34;, &#34;vanilla&#34;]"
    assert rows["students.resnet20.network.name"] == ["–", "resnet20"]
    assert not any(key.startswith(("study", "pathvars", "training")) for key in rows)


def test_every_claim_has_a_verdict_in_each_study(text):
    rows = rows_of(text, "claims")
    assert len(rows) == 51 and all(len(row) == 4 for row in rows)
    [row] = [row for row in rows if "MobileNet, we saw an increase" in row[0]]
    assert row[2].startswith("✓ reproduced +3.15") and row[3] == "– not tested"


def test_studies_of_the_same_name_are_told_apart_by_their_path(tmp_path):
    assert short_names([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    names = short_names([tmp_path / "one" / "a", tmp_path / "two" / "a"])
    assert names == [os.path.join(tmp_path, "one", "a"), os.path.join(tmp_path, "two", "a")]


def test_a_folder_without_a_study_is_refused_with_the_way_out(tmp_path, capsys):
    with pytest.raises(
        KdbenchError, match=r"study.yaml: no such file: name a study's results folder; `snakemake report`"
    ):
        write_comparison([tmp_path], tmp_path / "compare.html")
    assert main(["compare", str(tmp_path), "--output", str(tmp_path / "compare.html")]) == 2
    assert "study.yaml" in capsys.readouterr().err
