"""The plan on the terminal: what is special about a run stands beside its learners, an unusual loss by its name."""

import pytest

from kdbench.cli import main
from tests.conftest import ROOT


@pytest.fixture
def lines(capsys, monkeypatch, tmp_path):
    """The plan's line of each run of a study with these methods."""

    def run(*methods):
        monkeypatch.chdir(ROOT)
        given = tmp_path / "methods.yaml"
        given.write_text(f"methods: [scratch, vanilla, {', '.join(methods)}]")
        assert main(["plan", "--config", "config.yaml", "presets/digits.yaml", "presets/survey.yaml", str(given)]) == 0
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
        joined = []
        for cells in filter(None, rows):
            if cells[0]:
                joined.append(cells)
            else:  # the row before goes on
                joined[-1] = [f"{before} {more}".strip() for before, more in zip(joined[-1], cells, strict=True)]
        return {name: cells for name, *cells in joined}

    return run


@pytest.mark.parametrize(
    ("method", "run", "learners"),
    [
        ("less-data", "scratch-2-lenet", "lenet; 2 % of the images"),
        ("low-resolution", "low-resolution-8-lenet", "lenet; view resolution-8"),
        ("pruned", "pruned-lenet", "lenet; 80% of the weights zero, goes on from vanilla-lenet"),
        ("apprentice", "apprentice-b-ternary-lenet", "lenet; ternary weights, 8 bit activations"),
        ("deep-features", "deep-features-lenet", "lenet; augmented"),
        ("zero-shot", "zero-shot-lenet", "lenet; images made by impressions"),
    ],
)
def test_what_is_special_about_a_run_stands_beside_its_learners(lines, method, run, learners):
    found = lines(method)
    assert found[run][0] == learners
    assert found["vanilla-lenet"][:3] == ["lenet", "labels, teacher", "0.1 0.9"]


def test_a_loss_that_the_paper_does_not_have_is_named(lines):
    assert lines("attention")["attention-lenet"][2] == "1 attention 1000"
