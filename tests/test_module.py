"""This workflow as a part of another: imported as a module, with the other's working directory and configuration."""

import json
import os
from pathlib import Path

import pytest
import yaml

from kdbench.overlay import read_yaml
from tests.conftest import ROOT
from tests.test_workflow import planned

IMPORT = """
configfile: "study.yaml"

module kdbench:
    snakefile: {snakefile!r}
    config: {config}
    {more}

use rule * from kdbench as kdbench_*

rule count:
    default_target: True
    input: "{results}/runs/scratch-lenet/seed1/metrics.json"
    output: "count.txt"
    shell: "grep -c test_accuracy {{input}} > {{output}}"
"""
BRIEF = {"training": {"epochs": 1}}


@pytest.fixture
def other(tmp_path, clone):
    """Writes another workflow that imports a copy of this one, and gives its folder."""
    project = clone("project")

    def write(values, config="config", more="", results="results/digits") -> Path:
        folder = tmp_path / "other"
        folder.mkdir(exist_ok=True)
        snakefile = os.path.relpath(project / "Snakefile", folder)
        (folder / "Snakefile").write_text(IMPORT.format(snakefile=snakefile, config=config, more=more, results=results))
        (folder / "study.yaml").write_text(yaml.safe_dump(values))
        return folder

    return write


def digits():
    return read_yaml(ROOT / "presets/digits.yaml")


def test_the_study_becomes_rules_of_another_workflow(other, clone, snakemake):
    jobs = planned(snakemake(other(digits()), "-n", "kdbench_all"))
    alone = planned(snakemake(clone("alone"), "-n", "--configfile", "presets/digits.yaml"))
    assert jobs == {name if name == "total" else f"kdbench_{name}": count for name, count in alone.items()}


def test_a_run_is_done_in_the_other_workflows_folder_and_is_an_input_there(other, snakemake):
    folder = other(digits() | BRIEF)
    snakemake(folder, "--cores", "1")
    assert int((folder / "count.txt").read_text()) > 0
    metrics = json.loads((folder / "results/digits/runs/scratch-lenet/seed1/metrics.json").read_text())
    assert metrics["settings"]["training"]["epochs"] == 1
    assert metrics["settings"]["training"]["learning_rate"] == 0.001, "what is not given is as in config.yaml"
    assert "Nothing to be done" in snakemake(folder, "--cores", "1", "-n").stdout


def test_a_section_of_the_configuration_and_a_prefix_of_all_paths(other, snakemake):
    values = {"mine": 1, "study": digits()}
    folder = other(values, 'config["study"]', 'prefix: "distilled"', "distilled/results/digits")
    dry = snakemake(folder, "--cores", "1", "-n", "-p")
    assert "--results distilled/results/digits" in dry.stdout
    assert "--results results/digits" not in dry.stdout
    snakemake(folder, "--cores", "1", "distilled/results/digits/data/dataset.json")
    assert [path.name for path in folder.iterdir() if path.name == "results"] == []


def test_keys_from_the_command_line_are_overlaid_with_their_types(other, snakemake):
    done = snakemake(other(digits()), "-n", "kdbench_all", "--config", "seeds=[1, 2]", "methods=[scratch]")
    assert planned(done)["kdbench_scratch"] == 6


def test_a_mistake_names_the_module(other, snakemake):
    done = snakemake(other({"sedes": [1]}), "-n", check=False)
    assert done.returncode == 2
    assert 'kdbench: config of the module kdbench: unknown key "sedes"; did you mean "seeds"?' in done.stderr


def test_a_module_without_pathvars_writes_where_config_yaml_says(other, snakemake):
    values = {key: value for key, value in digits().items() if key != "pathvars"}
    done = snakemake(other(values, results="results/cifar10"), "-n", "-p")
    assert "--results results/cifar10" in done.stdout


def test_the_installed_workflow_can_be_imported_by_its_place(other, snakemake):
    folder = other(digits())
    text = (folder / "Snakefile").read_text()
    start, end = text.index("    snakefile:"), text.index("    config:")
    place = '    snakefile: workflow_folder() / "Snakefile"\n'
    (folder / "Snakefile").write_text(
        f"from kdbench.workflow import workflow_folder\n{text[:start]}{place}{text[end:]}"
    )
    assert planned(snakemake(folder, "-n"))["kdbench_scratch"] == 1
