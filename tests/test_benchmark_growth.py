"""The benchmarks of start, planning, growth, throughput and a whole study, on next to nothing."""

import json
import multiprocessing
import sys
import threading
import time

import pandas as pd
import pytest
import torch

from benchmarks import first_step, growth, planning, share, start, study_cost, throughput, workbench
from benchmarks.first_step import Clock
from benchmarks.study_cost import UnitCosts
from kdbench.classroom.epochs import Sums
from kdbench.config import Network, Student
from kdbench.errors import KdbenchError


@pytest.fixture(autouse=True)
def noise_below_tmp_path(tmp_path, monkeypatch):
    """Images are noise, packed into a folder of the test's own; the number of threads is as before afterwards."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(workbench, "FOLDER", tmp_path / "work")
    monkeypatch.setenv("KDBENCH_DATA", str(tmp_path / "empty"))
    yield
    torch.set_num_threads(threads)


# start


@pytest.fixture
def sums_add(monkeypatch):
    """Puts ``Sums.add`` back after a test that wraps it."""
    monkeypatch.setattr(Sums, "add", Sums.add)


def job(images):
    run = start.one_epoch(workbench.planned("scratch-lenet"))
    return ["train", run.model_dump_json(), "--results", str(start.results_folder(images))]


def test_a_job_with_a_clock_notes_its_first_step_and_ends_as_without(sums_add, capsys):
    before = time.time()
    arguments = job(128)
    assert first_step.main(0, arguments) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert before < found["first_step_at"] < time.time()
    assert 100 < found["peak_mb"] < 10_000
    assert json.loads(next(workbench.FOLDER.glob("start-*/runs/*/seed1/metrics.json")).read_text())["epochs"] == 1


def test_a_job_can_be_ended_after_some_steps(sums_add, monkeypatch, capsys):
    monkeypatch.setattr(first_step.os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as ended:
        first_step.main(2, job(256))
    assert ended.value.code == 0
    assert "first_step_at" in json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not list(workbench.FOLDER.glob("start-*/runs/scratch-lenet/seed1/metrics.json"))


def test_a_job_of_fewer_steps_than_asked_for_is_no_measurement(sums_add, capsys):
    assert first_step.main(20, job(128)) == 1
    assert "after 2 steps" in capsys.readouterr().err


@pytest.mark.slow
def test_a_job_is_timed_to_its_first_step_and_another_to_its_end(tmp_path):
    images = start.STEPS * 64
    out = tmp_path / "start.csv"
    start.main(["--runs", "scratch-lenet", "--images", str(images), "--repeats", "1", "--out", str(out)])
    found = pd.read_csv(out)
    assert list(found["run"]) == ["scratch-lenet", "vanilla-lenet"]
    assert list(found["until"]) == ["20 steps", "the end"]
    assert {"repeat", "seconds_to_first_step", "peak_mb", "images", "threads", "torch"} <= set(found.columns)
    assert (found["seconds_to_first_step"] > 0.2).all()  # no Python imports torch faster
    assert (found["seconds"] > found["seconds_to_first_step"]).all()
    assert found["peak_mb"].between(100, 5000).all()
    results = next((tmp_path / "work").glob("start-*"))
    assert not (results / "runs" / "scratch-lenet").exists(), "a job stopped early leaves no results"
    metrics = json.loads((results / "runs" / "vanilla-lenet" / "seed1" / "metrics.json").read_text())
    assert metrics["epochs"] == 1


def test_a_joint_step_is_counted_once_not_once_a_learner():
    clock = Clock(stop_after=0)
    learners = [Sums(torch.device("cpu")) for _ in range(3)]
    batch = {"total": torch.tensor(1.0)}, torch.zeros(2, 10), torch.zeros(2, dtype=torch.int64)
    for _ in range(4):
        for sums in learners:
            clock.note(sums, *batch)
    assert clock.steps == 4
    assert [sums.images for sums in learners] == [8, 8, 8]


def test_the_joint_run_waits_for_no_selection():
    run = workbench.planned("peer")
    assert run.selected_by is None
    assert [term.weight for term in run.objective] == [0.1, 0.8, 0.1]
    assert len(run.learners) == 3


# planning


def test_planning_is_timed_on_more_students_and_seeds(tmp_path, monkeypatch):
    dry = []
    monkeypatch.setattr(planning, "dry_run", lambda study: dry.append(study.name) or (2.5, 99))
    out = tmp_path / "planning.csv"
    given = ["--students", "2", "4", "--seeds", "1", "--repeats", "3", "--dry-runs", "2"]
    planning.main([*given, "--out", str(out)])
    found = pd.read_csv(out).set_index(["configuration", "repeat"])
    assert len(found) == 3 * 3
    runs = found["runs"].groupby("configuration").first()
    # teacher, scratch, vanilla, four grid points, peer, and both phases of alternate learning
    assert runs["2 students x 1 seeds"] == 1 + 2 + 2 + 4 + 1 + 2 + 2
    assert runs["4 students x 1 seeds"] == 1 + 4 + 4 + 4 + 1 + 4 + 4
    assert runs["config.yaml"] == 70
    assert (found["plan_seconds"] > 0).all()
    assert (found["jobs"] == 99).all()
    assert [dry.count(name) for name in runs.index] == [2, 1, 2]  # in the order of their names
    assert found.loc[("config.yaml", 2), "dry_run_seconds"] == 2.5
    assert pd.isna(found.loc[("4 students x 1 seeds", 2), "dry_run_seconds"])


def test_a_dry_run_plans_a_job_for_every_run_and_leaves_no_results(tmp_path, monkeypatch):
    monkeypatch.setattr(planning.tempfile, "tempdir", str(tmp_path))
    study = planning.lenets(students=2, seeds=1, dry_runs=1)
    seconds, jobs = planning.dry_run(study)
    runs = len(list(planning.Plan(study.config()).all_runs()))
    assert seconds > 0.2
    assert runs < jobs < 4 * runs
    assert not list(tmp_path.glob("**/results"))


def test_output_without_a_table_of_jobs_is_refused():
    assert planning.planned_jobs("job  count\n----  ----\ntrain  3\ntotal   12\n") == 12
    with pytest.raises(ValueError, match="no total"):
        planning.planned_jobs("Nothing to be done.\n")


# growth


def test_growth_is_timed_in_images_students_and_seeds(tmp_path):
    out = tmp_path / "growth.csv"
    sizes = ["--images", "64", "128", "--students", "2", "--seeds", "1", "2", "--few", "64", "--repeats", "2"]
    growth.main([*sizes, "--out", str(out)])
    found = pd.read_csv(out)
    values = found.groupby("what")["value"].unique().map(sorted).to_dict()
    assert values == {"images": [64, 128], "joint students": [2], "seeds in turn": [1, 2]}
    assert list(found["repeat"]) == [1] * 5 + [2] * 5, "repeats are interleaved"
    assert list(found["images"]) == [64, 128, 64, 64, 64] * 2
    assert found["seconds"].between(1e-4, 60).all()
    assert (found["threads"] == 1).all()


def test_each_piece_of_work_trains_on_what_it_says(monkeypatch):
    data = workbench.packed_images(128)
    workplace = growth.Workplace(data, workbench.stored_logits(growth.TEACHER, data), threads=1)
    trained = []
    monkeypatch.setattr(growth, "train_epoch", lambda room, epoch: trained.append(room))
    for work in growth.works(workplace, images=[128], students=[3], seeds=[2], few=64):
        work.do(1)
    assert [len(room.training) for room in trained] == [128, 64, 64, 64]
    assert [len(room.pupils) for room in trained] == [1, 3, 1, 1]
    assert [room.run.seed for room in trained] == [1, 1, 1, 2]
    assert trained[1].run.live_peers


# throughput


def test_throughput_notes_the_mode_that_fails_and_measures_the_others(tmp_path, monkeypatch):
    def fail(step):
        raise MemoryError

    monkeypatch.setattr(throughput, "captured", fail)
    monkeypatch.setattr(throughput, "team_sizes", lambda *_: [])
    out = tmp_path / "throughput.csv"
    small = ["--batch", "8", "--seconds", "0.01", "--threads", "1", "--repeats", "2", "--learners", "lenet"]
    throughput.main([*small, "--device", "cpu", "--modes", "cuda graph", "eager", "--out", str(out)])
    found = pd.read_csv(out)
    assert list(found.columns) == throughput.COLUMNS
    assert len(found) == 2 * 2 * 2 * 2  # train and infer, modes, precisions, repeats
    failed, measured = found[found["mode"] == "cuda graph"], found[found["mode"] == "eager"]
    assert failed["images_per_second"].isna().all()
    assert (failed["note"] == "MemoryError").all()
    assert measured["note"].isna().all()
    assert measured["images_per_second"].between(1, 1e7).all()
    assert (measured["setup_seconds"] > 0).all()
    assert set(found["device"]) == {"cpu"}
    assert (found[["network", "side", "batch"]] == ["lenet", 32, 8]).all(axis=None)


def test_a_step_that_fails_later_is_noted_too():
    calls = []

    def step():
        calls.append(None)
        if len(calls) > 3:
            raise MemoryError

    bench = throughput.Bench(torch.device("cpu"), None, batch=8, seconds=1e-9)
    ready = throughput.Prepared(throughput.Setting("lenet", "train", "eager", "fp32"), step, setup_seconds=0)
    rates = [throughput.images_per_second(ready, 1, bench) for _ in range(4)]
    assert [rate is None for rate in rates] == [False, False, True, True]
    assert ready.note == "MemoryError"
    assert len(calls) == 4, "it is not tried again"


def test_a_training_step_learns_and_an_inference_step_does_not():
    bench = throughput.Bench(torch.device("cpu"), workbench.packed_images(8), batch=8, seconds=0.01)
    for what, changes in (("train", True), ("infer", False)):
        step = throughput.build_step(throughput.Setting("lenet", what, "eager", "fp32"), bench)
        pupil = step.args[0]
        before = [weight.clone() for weight in pupil.parameters()]
        step()
        same = all(torch.equal(*pair) for pair in zip(before, pupil.parameters(), strict=True))
        assert same is not changes
        assert pupil.training is changes


def test_the_teacher_sees_enlarged_images_in_smaller_batches_on_a_cpu():
    bench = throughput.Bench(torch.device("cpu"), None, batch=64, seconds=1)
    assert throughput.network_and_side("teacher") == {"network": "resnet50", "side": 224}
    assert (bench.batch_for("teacher"), bench.batch_for("lenet")) == (16, 64)


def test_a_process_trains_when_told_and_ends_when_left_alone():
    bench = throughput.Bench(torch.device("cpu"), workbench.packed_images(8), batch=8, seconds=0.05)
    ours, theirs = multiprocessing.Pipe()
    trainer = threading.Thread(target=throughput.train_when_told, args=(theirs, "lenet", bench, 1))
    trainer.start()
    assert ours.recv() > 0  # seconds of setting up
    for _ in range(2):
        ours.send("train")
        assert 1 < ours.recv() < 1e7
    assert not ours.poll(0.2), "it waits"
    ours.close()
    trainer.join(timeout=10)
    assert not trainer.is_alive()


@pytest.mark.slow
def test_processes_train_side_by_side():
    bench = throughput.Bench(torch.device("cpu"), workbench.packed_images(8), batch=8, seconds=0.05)
    rows = list(throughput.side_by_side("lenet", [(2, 1)], bench, repeats=2))
    assert [row["repeat"] for row in rows] == [1, 2]
    for row in rows:
        assert (row["processes"], row["threads"], row["mode"], row["note"]) == (2, 1, "side by side", "")
        assert 1 < row["images_per_second"] < 1e7
        assert row["setup_seconds"] > 0


def test_a_team_that_cannot_start_is_noted_and_the_others_go_on(monkeypatch):
    class Team:
        def __init__(self, learner, bench, processes, threads):
            self.processes, self.threads = [None] * processes, threads

        def answers(self):
            if len(self.processes) > 2:
                raise EOFError
            return [0.5, 0.25][: len(self.processes)]

        def images_per_second(self):
            return 100 * len(self.processes)

        def dismiss(self):
            dismissed.append(len(self.processes))

    dismissed = []
    monkeypatch.setattr(throughput, "Team", Team)
    bench = throughput.Bench(torch.device("cpu"), None, batch=8, seconds=1)
    rows = list(throughput.side_by_side("lenet", [(4, 1), (2, 1)], bench, repeats=2))
    assert [(row["processes"], row["images_per_second"], row["setup_seconds"], row["note"]) for row in rows] == [
        (4, None, None, "EOFError"),
        (2, 200, 0.5, ""),
    ] * 2
    assert dismissed == [4, 2]


def test_side_by_side_is_one_process_a_core_against_one_of_all_cores():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert throughput.team_sizes(cpu, cores=8, together=None) == [(8, 1), (1, 8)]
    assert throughput.team_sizes(cpu, cores=1, together=None) == [(1, 1)]
    assert throughput.team_sizes(cpu, cores=8, together=[2, 4]) == [(2, 1), (4, 1), (1, 8)]
    assert throughput.team_sizes(gpu, cores=8, together=None) == [(1, 1), (2, 1), (4, 1)]


# a whole study


@pytest.fixture
def small_study():
    """Two students, one seed, one grid point; 2 epochs for students, 1 for the teacher."""
    paper = workbench.paper()
    return paper.model_copy(
        update={
            "seeds": [1],
            "students": [Student(name=name, network=Network(name="lenet")) for name in ("a", "b")],
            "training": paper.training.model_copy(update={"epochs": 2}),
            "teacher": paper.teacher.model_copy(
                update={"training": paper.teacher.training.model_copy(update={"epochs": 1})}
            ),
            "tune": paper.tune.model_copy(update={"grid": [[0.1, 0.8, 0.1]]}),
        }
    )


def test_the_study_is_counted_as_by_hand(small_study):
    costs = UnitCosts(
        plain={"teacher": 10, "a": 2, "b": 3},
        kdbench={"teacher": 10, "a": 1, "b": 2},
        forward={"teacher": 5, "a": 0.5, "b": 0.7},
        joint=2,
    )
    # 3600 images: a second an image is an hour an epoch
    found = study_cost.study_cost(small_study, 3600, costs).set_index("method")
    assert list(found.index) == [
        *("teacher", "scratch", "vanilla", "tune", "peer", "alternate", "alternate-to", "stored outputs", "total")
    ]
    expected = {  # method: runs, images learned from, hours in a plain loop, hours in kdbench
        "teacher": (1, 3600, 10, 10),
        "scratch": (2, 14400, 2 * 2 + 2 * 3, 2 * 1 + 2 * 2),
        "vanilla": (2, 14400, 10 + 2 * (2 * 5), 6),
        "tune": (1, 11520, 1.6 * (2 + 3) * 2 + 1.6 * 5, 1.6 * (1 + 2) * 2),  # a fifth held out; the teacher heard once
        "peer": (1, 14400, 2 * (2 + 3) * 2 + 2 * 5, 2 * (1 + 2) * 2),
        "alternate": (2, 14400, 10 + 2 * (2 * 5), 6),  # one learner each: not joint
        "alternate-to": (2, 14400, 10 + 2 * (5 + 0.5) + 2 * (5 + 0.7), 6),
        "stored outputs": (0, 0, 0, 5 + 0.5 + 0.7),
    }
    for method, row in expected.items():
        assert tuple(found.loc[method]) == pytest.approx(row), method
    assert tuple(found.loc["total"]) == pytest.approx([sum(column) for column in zip(*expected.values(), strict=True)])


def overhead_rows(students=("alexnet", "lenet", "mobilenet"), threads=1):
    """Epochs of 1000 images: the plain loop takes 3 s, kdbench 2 s, with one slow outlier each."""
    rows = []
    for student in students:
        for contender, seconds in ((study_cost.PLAIN, 3.0), (study_cost.OURS, 2.0), ("floor", 1.0)):
            for outlier in (0, 0, 50):
                rows.append({"student": student, "contender": contender, "images": 1000, "seconds": seconds + outlier})
    joint = {"student": "+".join(students), "contender": study_cost.JOINT, "images": 1000, "seconds": 9.0}
    return pd.DataFrame([*rows, joint]).assign(threads=threads)


def throughput_rows(rate=100.0, threads=1, device="cpu"):
    rows = [
        {"network": network, "what": what, "precision": precision, "mode": mode, "images_per_second": value}
        for network in ("alexnet", "lenet", "mobilenet", "resnet50")
        for what, factor in (("train", 1), ("infer", 4))
        for precision, gain in (("fp32", 1), ("bf16", 2))
        for mode, value in (("eager", rate * factor * gain), ("cuda graph", 1e6))
    ]
    return pd.DataFrame(rows).assign(threads=threads, device=device)


def test_unit_costs_are_medians_of_what_was_measured_alike():
    table = pd.concat([throughput_rows(), throughput_rows(rate=5, threads=4)])
    costs = study_cost.unit_costs(workbench.paper(), overhead_rows(), study_cost.measured_with(table, 1, None))
    assert costs.plain == pytest.approx({"alexnet": 3e-3, "lenet": 3e-3, "mobilenet": 3e-3, "teacher": 1 / 200})
    assert costs.kdbench == pytest.approx({"alexnet": 2e-3, "lenet": 2e-3, "mobilenet": 2e-3, "teacher": 1 / 200})
    # the configuration trains the teacher in bf16, students in fp32
    assert costs.forward == pytest.approx(
        {"alexnet": 1 / 400, "lenet": 1 / 400, "mobilenet": 1 / 400, "teacher": 1 / 800}
    )
    assert costs.joint == pytest.approx(9 / 6)


def test_unit_costs_that_were_not_measured_are_named():
    some = throughput_rows()
    with pytest.raises(KdbenchError, match="infer of resnet50, bf16"):
        missing = some[(some["network"] != "resnet50") | (some["what"] != "infer")]
        study_cost.unit_costs(workbench.paper(), overhead_rows(), missing)
    with pytest.raises(KdbenchError, match="kdbench of mobilenet|plain loop, stored logits of mobilenet"):
        study_cost.unit_costs(workbench.paper(), overhead_rows(("alexnet", "lenet")), some)
    with pytest.raises(KdbenchError, match="--device"):
        study_cost.measured_with(pd.concat([some, throughput_rows(device="a GPU")]), 1, None)
    with pytest.raises(KdbenchError, match="2 thread"):
        study_cost.measured_with(some, 2, None)


def test_the_cost_of_the_study_says_that_it_is_arithmetic(tmp_path):
    throughput_rows(threads=2).to_csv(tmp_path / "throughput.csv", index=False)
    overhead_rows(threads=2).to_csv(tmp_path / "overhead.csv", index=False)
    files = [f"--{name}={tmp_path / name}.csv" for name in ("throughput", "overhead")]
    study_cost.main([*files, "--out", str(tmp_path / "study_cost.csv")])
    found = pd.read_csv(tmp_path / "study_cost.csv").set_index("method")
    parts = found.drop(index="total")
    assert parts["from"].str.contains("arithmetic on measured medians").all()
    assert parts["from"].drop(index="scratch").str.contains("2 thread").all()
    assert "31 passes" in parts.loc["stored outputs", "from"]
    assert "infer students" in parts.loc["alternate-to", "from"]
    assert found.loc["total", "runs"] == 70
    for column in ("plain_hours", "kdbench_hours"):
        assert found.loc["total", column] == pytest.approx(parts[column].sum(), abs=1e-3)
    # 5 epochs of 50,000 images for each of three students and five seeds, the teacher's pass at 800 images a second
    assert found.loc["vanilla", "plain_hours"] == pytest.approx(15 * 250_000 * (3e-3 + 1 / 800) / 3600, abs=1e-3)


def test_the_share_of_training_is_of_all_cores(tmp_path):
    for name, seconds, threads in (("teacher", 5.0, 2), ("scratch-lenet", 10.0, 1)):
        folder = tmp_path / "runs" / name / "seed1"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps({"seconds": seconds, "threads": threads}))
    (tmp_path / "logs").mkdir()
    for number in range(4):
        (tmp_path / "logs" / f"{number}.log").touch()
    found = share.shares(tmp_path, wall_seconds=20, cores=2)
    assert (found["training_seconds"], found["share"]) == (20, 0.5)
    assert (found["jobs"], found["other_seconds_per_job"]) == (4, 5)
