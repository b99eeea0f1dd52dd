"""The worked examples of docs/extend, carried out as a reader would: blocks in order, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from kdbench.recipes.lesson import Lesson
from tests.conftest import ROOT

PAGES = ROOT / "docs" / "extend"
BLOCK = re.compile(r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.M | re.S)
OUTPUT = "Output"


def changed(text: str, diff: str) -> str:
    """``text`` with the lines of ``diff`` put into the one place where they fit."""
    lines = diff.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] in kinds) for kinds in (" -", " +"))
    assert text.count(before) == 1, f"stands {text.count(before)} times in the file:\n{before}"
    return text.replace(before, after)


def follow(page: str, folder: Path, environment: dict[str, str]) -> str:
    """Write the files and run the commands of a page in ``folder``; returns all that was printed."""
    printed = ""
    for block in BLOCK.finditer((PAGES / page).read_text()):
        language, title, text = block["language"], block["title"], block["text"]
        if title == OUTPUT:
            assert [line for line in text.splitlines() if line not in printed] == []
        elif title:
            path = folder / title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(changed(path.read_text(), text) if language == "diff" else text)
        else:
            assert language == "sh", f"a block of {language} without a file name"
            command = ["bash", "-euo", "pipefail", "-c", text]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            printed += done.stdout
            assert done.returncode == 0, f"{text}{done.stdout}{done.stderr}"
    return printed


@pytest.fixture
def carried_out(clone, tmp_path):
    """Follow a page in a copy of the project with the package in it; returns the copy and what was printed."""

    def carry_out(page):
        folder = clone(page.removesuffix(".md"))
        shutil.copytree(ROOT / "kdbench", folder / "kdbench", ignore=shutil.ignore_patterns("__pycache__"))
        for command in ("snakemake", "kdbench"):
            script = tmp_path / command
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {command} "$@"\n')
            script.chmod(0o755)
        places = {"PATH": [tmp_path, Path(sys.executable).parent], "PYTHONPATH": [folder, ROOT]}
        paths = {
            name: os.pathsep.join([*map(str, first), *filter(None, [os.environ.get(name)])])
            for name, first in places.items()
        }
        return folder, follow(page, folder, {**os.environ, **paths, "COLUMNS": "200"})

    return carry_out


def rows_of_table2(folder, study):
    table = pd.read_csv(folder / "results" / study / "tables/table2.csv")
    assert table["mean"].between(0, 100).all()
    return table.groupby("method", sort=False)["student"].apply(list).to_dict()


def test_a_new_method_is_a_recipe_and_a_loss_and_has_its_row(carried_out):
    folder, printed = carried_out("method.md")
    assert "Reverse divergence" in printed
    students, methods = ["lenet", "resnet8"], ["scratch", "vanilla", "two-teachers", "reverse"]
    assert rows_of_table2(folder, "my-methods") == dict.fromkeys(methods, students)
    metrics = json.loads((folder / "results/my-methods/runs/reverse-lenet/seed1/metrics.json").read_text())
    assert [term["loss"] for term in metrics["objective"]] == ["cross_entropy", "reverse_soft_labels"]
    assert metrics["learners"]["lenet"]["test_accuracy"] > 80
    gains = pd.read_csv(folder / "results/my-methods/gains/gains.csv").set_index(["method", "student"])
    assert gains.loc[("reverse", "lenet"), "n"] == 3
    assert gains.loc["two-teachers", "low_vanilla"].notna().all()


@pytest.mark.slow
def test_a_new_student_has_its_runs_and_its_column(carried_out):
    folder, _ = carried_out("student.md")
    assert rows_of_table2(folder, "four-students") == {"scratch": ["alexnet", "lenet", "mobilenet", "resnet8"]}


@pytest.mark.slow
def test_a_new_network_is_listed_and_learns(carried_out):
    folder, printed = carried_out("network.md")
    assert "vgg6" in printed
    results = pd.read_csv(folder / "results/vgg/results.csv").set_index("run")
    assert results.loc["scratch-vgg", "test_accuracy"] > 50
    assert rows_of_table2(folder, "vgg") == dict.fromkeys(["scratch", "vanilla", "attention"], ["lenet", "vgg"])


@pytest.mark.slow
def test_a_new_data_set_runs_through_to_its_page(carried_out):
    folder, printed = carried_out("data.md")
    assert (folder / "results/shapes/report.html").is_file()
    facts = json.loads((folder / "results/shapes/data/dataset.json").read_text())
    assert facts["classes"] == ["disc", "square", "triangle"]
    results = pd.read_csv(folder / "results/shapes/results.csv").set_index("run")
    assert results.loc["teacher", "test_accuracy"] > 80
    assert '"even"' in printed


def test_every_key_of_a_lesson_is_explained():
    table = (PAGES / "method.md").read_text().split("## The keys of a lesson")[1]
    explained = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.M)))
    assert sorted(explained) == sorted(Lesson.model_fields)
