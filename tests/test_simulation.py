"""`kdbench plan --simulate`: the study's own graph and measured seconds, on more GPUs than there were."""

import json

import pandas as pd
import pytest

from kdbench.cli import main
from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.report.simulation import GPUS, measured_jobs, simulate
from kdbench.schedule import Job, makespan
from tests.synthetic_study import study_config, write_study


@pytest.fixture
def study(tmp_path):
    """The paper's runs with two seeds, the teacher's 100 s long, the others 10 s."""
    config = study_config(tmp_path / "results", seeds=[1, 2])
    write_study(config)
    for path in config.results.glob("runs/*/seed*/metrics.json"):
        metrics = json.loads(path.read_text())
        metrics["seconds"] = 100.0 if metrics["run"] == "teacher" else 10.0
        path.write_text(json.dumps(metrics))
    return config


def test_the_study_waits_for_its_teacher_its_tuning_and_its_first_phase(study):
    jobs = measured_jobs(Plan(study), study.results, overhead=1.0)
    runs = 1 + 4 + 2 * (3 + 3 + 1 + 3 + 3)
    assert len(jobs) == runs + 1 + 2 * 3 + 3  # outputs of the teacher and each first phase; data, selection, report
    assert makespan(jobs, 1) == pytest.approx(100 + 10 * (runs - 1) + len(jobs))
    assert jobs["tune-0.1-0.8-0.1/seed1"].parents == ("data", "teacher/seed1/outputs")
    assert jobs["teacher/seed1/outputs"] == Job(1.0, ("teacher/seed1",))
    assert set(jobs["peer/seed2"].parents) == {"data", "teacher/seed1/outputs", "selection"}
    phase2 = jobs["alternate-alexnet+lenet-to-mobilenet/seed2"]
    assert set(phase2.parents) == {"data", "teacher/seed1/outputs", "alternate-alexnet+lenet/seed2/outputs"}


def test_a_run_waits_for_those_it_starts_from_or_answers_for(tmp_path):
    methods = ["scratch", "vanilla", "pruned", "ensemble", "specialists", "zero-shot"]
    config = study_config(tmp_path / "results", seeds=[1], methods=methods)
    write_study(config)
    jobs = measured_jobs(Plan(config), config.results, overhead=1.0)
    assert set(jobs["pruned-lenet/seed1"].parents) == {"data", "teacher/seed1/outputs", "vanilla-lenet/seed1"}
    members = {"teacher/seed1", "ensemble-member-2/seed1", "ensemble-member-3/seed1"}
    assert set(jobs["ensemble-together/seed1"].parents) == {"data", *members}
    assert set(jobs["specialist-1/seed1"].parents) == {"data", "teacher/seed1/outputs", "teacher/seed1"}
    assert "impressions/seed1" in jobs["zero-shot-lenet/seed1"].parents


def test_table_and_figure_say_that_they_are_simulated_and_where_more_gpus_gain_nothing(study):
    told = simulate(Plan(study), study.results, overhead=0.0)
    table = pd.read_csv(study.results / "simulation.csv")
    assert list(table["gpus"]) == list(GPUS)
    assert table["seconds"].iloc[0] == pytest.approx(100 + 10 * 30)
    # The longest chain is the teacher and two phases, or the teacher, its tuning and the runs that are tuned.
    assert table["seconds"].iloc[-1] == pytest.approx(120)
    assert told.startswith("Simulated, not measured.")
    assert "takes 120 s: data -> teacher/seed1 -> " in told
    assert (study.results / "simulation.png").read_bytes().startswith(b"\x89PNG")
    assert "Simulated" in (study.results / "simulation.svg").read_text()


def test_a_study_that_is_not_done_is_refused_with_the_remedy(study, capsys):
    (study.results / "runs/peer/seed1/metrics.json").unlink()
    with pytest.raises(KdbenchError, match="1 runs are not done yet, for instance peer/seed1: run snakemake first"):
        simulate(Plan(study), study.results, overhead=0.0)


@pytest.mark.parametrize("overhead", [-1.0, float("nan"), float("inf")])
def test_an_overhead_that_is_no_time_is_refused(study, overhead):
    with pytest.raises(KdbenchError, match="--overhead: must be seconds, 0 or more"):
        simulate(Plan(study), study.results, overhead)


def test_the_verb_simulates(study, capsys):
    assert main(["plan", "--simulate", "--config", study.model_dump_json()]) == 0
    assert "Simulated, not measured" in capsys.readouterr().out
