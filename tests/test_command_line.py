"""What is said beside Snakemake's own words on a command line that it cannot read."""

import subprocess
import sys

import pytest

from snakemake_logger_plugin_kdbench import command_line
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def in_the_clone(monkeypatch):
    monkeypatch.chdir(ROOT)


def complaint(line):
    return command_line.complaint(["snakemake", *line.split()])


@pytest.mark.parametrize("option", ["--configfile presets/digit.yaml", "--configfile=presets/digit.yaml -n"])
def test_a_misspelt_preset_is_answered_with_those_there_are(option):
    said = complaint(f"-n {option}")
    assert said.startswith("kdbench: presets/digit.yaml does not exist. presets holds cifar10-jpeg.yaml, digits.yaml, ")


def test_a_target_behind_the_configuration_is_told_its_place():
    said = complaint("--cores 1 --configfile presets/digits.yaml tables")
    assert said.endswith("If tables is a target, it stands before --configfile: snakemake tables --configfile ...")


def test_a_target_behind_quiet_is_told_its_place():
    assert complaint("-n -q rules tables").endswith("-q takes every word after it: snakemake tables -n -q rules ...")
    assert complaint("--quiet tables").startswith("kdbench: -q takes")


def test_another_programs_command_line_is_none_of_ours():
    assert command_line.complaint(["/usr/bin/pytest", "-q", "tests"]) is None


@pytest.mark.parametrize("slurm", ["--workflow-profile profiles/slurm", "--executor=slurm", "-e slurm"])
def test_a_missing_executor_is_answered_with_what_to_install(slurm, monkeypatch):
    monkeypatch.setattr(command_line, "find_spec", lambda name: None)
    assert "make slurm" in complaint(f"tables {slurm}")
    monkeypatch.setattr(command_line, "find_spec", lambda name: name)
    assert complaint(f"tables {slurm}") is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "tables",
        "tables -n --configfile presets/digits.yaml presets/survey.yaml --cores 1",
        "--executor local tables",
        "tables -n -q rules progress --configfile presets/digits.yaml",
        "tables -q",
    ],
)
def test_nothing_is_said_of_what_is_right(line):
    assert complaint(line) is None


def test_the_line_stands_below_what_snakemake_says():
    command = [sys.executable, "-m", "snakemake", "-n", "--configfile", "presets/digit.yaml"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1] == complaint("-n --configfile presets/digit.yaml")
