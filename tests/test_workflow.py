"""The study as a user runs it: through Snakemake, in a fresh copy of the project."""

import json
import os
import random
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from kdbench.overlay import load_config, read_yaml
from tests.conftest import DIGITS
from tests.test_gains import GAIN_FIGURES

STUDENTS = ("alexnet", "lenet", "mobilenet")
TRAINING_RULES = ("teacher", "scratch", "vanilla", "tune", "peer", "alternate", "alternate-to")
MENTOR_RULES = ("teacher-outputs", "alternate-outputs")


def planned(done):
    """The jobs of a dry run, by rule."""
    table = re.search(r"^job +count\n-.*\n((?:.+\n)+)", done.stdout + done.stderr, re.M)
    rows = (line.split() for line in table[1].splitlines()) if table else []
    return {rule: int(count) for rule, count in rows}


GRID = ("0.1-0.6-0.3", "0.1-0.7-0.2", "0.1-0.8-0.1", "0.1-0.85-0.05")


def contract(students):
    """Every path of the contract, below the results folder, for these students and one seed."""
    paths = ["data/train.safetensors", "data/test.safetensors", "data/dataset.json", "selection.json", "results.csv"]
    paths += ["report.html", "study.yaml", "claims.csv", "claims.md"]
    paths += [f"tables/table{number}.{kind}" for number in (1, 2, 3) for kind in ("csv", "md", "tex")]
    paths += [f"figures/figure{number}.{kind}" for number in range(1, 7) for kind in ("svg", "png", "csv")]
    runs = {"teacher": ["teacher"], "peer": students}
    for weights in GRID:
        runs[f"tune-{weights}"] = students
    for student in students:
        others = [name for name in students if name != student]
        runs |= {f"scratch-{student}": [student], f"vanilla-{student}": [student]}
        runs |= {f"alternate-{'+'.join(others)}": others, f"alternate-{'+'.join(others)}-to-{student}": [student]}
    for run, learners in runs.items():
        files = ["metrics.json", "history.csv"]
        files += [
            f"{kind}-{name}.{end}"
            for name in learners
            for kind, end in (("predictions", "npz"), ("weights", "safetensors"))
        ]
        is_mentor = run == "teacher" or (run.startswith("alternate-") and "-to-" not in run)
        files += [f"outputs-{name}.safetensors" for name in learners if is_mentor]
        paths += [f"runs/{run}/seed1/{file}" for file in files]
    return paths


def test_the_demo_holds_every_path_of_the_contract(demo):
    missing = [path for path in contract(STUDENTS) if not (demo / "results/digits" / path).is_file()]
    assert missing == []


def test_the_page_prints_whole_commands_with_the_studys_own_configuration(demo):
    text = (demo / "results/digits/report.html").read_text()
    assert "<code>snakemake tables --configfile presets/digits.yaml</code>" in text


def test_keys_given_on_the_command_line_are_part_of_the_commands_the_page_prints(clone, snakemake):
    done = snakemake(clone("given"), "-n", "-p", "report", *DIGITS, "--config", "seeds=[1, 2]")
    assert "--options='--configfile presets/digits.yaml --config '\"'\"'seeds=[1, 2]'\"'\"" in done.stdout + done.stderr


def test_the_page_waits_for_the_comparison_with_variations_that_is_asked_for_with_it(clone, snakemake):
    change = ("--config", "sensitivity={batch: {training: {batch_size: 64}}}")
    done = snakemake(clone("asked"), "-n", "report", "sensitivity", *DIGITS, *change)
    [page] = re.findall(r"^rule write_page:\n +input: (.*)$", done.stdout + done.stderr, re.M)
    assert "results/digits/sensitivity/sensitivity.md" in page


def test_the_demo_leaves_no_temporary_files(demo):
    left = [path for path in (demo / "results").rglob("*") if path.suffix == ".tmp" or path.name.startswith("check")]
    assert left == []


def test_results_have_a_row_per_run_seed_and_learner_with_the_contracts_columns(demo):
    results = pd.read_csv(demo / "results/digits/results.csv")
    columns = "study run method learner seed epochs train_loss train_accuracy validation_accuracy test_accuracy"
    assert set(f"{columns} test_loss parameters seconds device".split()) <= set(results.columns)
    assert len(results) == 1 + 3 + 3 + 4 * 3 + 3 + 3 * 2 + 3
    assert results["test_accuracy"].between(0, 100).all()


def test_the_demos_teacher_and_students_learn(demo):
    results = pd.read_csv(demo / "results/digits/results.csv").set_index("run")
    assert results.loc["teacher", "test_accuracy"] > 95
    for student in STUDENTS:
        assert results.loc[f"scratch-{student}", "test_accuracy"] > 60, student


def test_table_2_has_the_papers_nine_rows_with_its_numbers_beside_ours(demo):
    table = pd.read_csv(demo / "results/digits/tables/table2.csv")
    assert table["experiment"].nunique() == 9
    paper = table.dropna(subset=["paper"])
    assert sorted(paper["paper"]) == sorted(
        [60.54, 56.5, 78.16, 61.52, 58.02, 80.75, 69.8, 55.0, 82.88]
        + [63.83, 57.94, 79.17, 67.33, 82.83, 55.14, 54.90, 82.24, 64.46]
    )
    assert np.allclose(paper["difference"], paper["mean"] - paper["paper"], atol=0.006)


def test_one_seed_decides_no_claim(demo):
    claims = pd.read_csv(demo / "results/digits/claims.csv")
    assert set(claims["verdict"]) == {"undecided"}


def test_a_finished_study_has_nothing_left_to_do(demo, snakemake):
    assert "Nothing to be done" in (done := snakemake(demo, "-n", *DIGITS)).stdout + done.stderr


def figures_of_runs(folder):
    """All that must be the same, bit by bit, when a study is repeated."""
    found = {}
    for metrics in sorted(folder.glob("runs/*/seed*/metrics.json")):
        run = metrics.parent
        found[str(run.relative_to(folder))] = (
            json.loads(metrics.read_text())["learners"],
            (run / "history.csv").read_text(),
            {path.name: path.read_bytes() for path in run.glob("predictions-*.npz")},
        )
    return found


def trained(jobs):
    return {rule: count for rule, count in jobs.items() if rule in TRAINING_RULES + MENTOR_RULES}


def test_snakemakes_own_report_has_every_figure_and_table_with_category_label_and_caption(demo, snakemake, tmp_path):
    done = snakemake(demo, "--report", tmp_path / "report.html", *DIGITS)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.html").read_text()
    assert "Handwritten digits (scikit-learn), a demonstration</strong>" in text
    [shown] = re.findall(r"^ *var results = (\{\".*\});?$", text, re.M)
    results = {result["name"]: result for result in json.loads(shown).values()}
    pictures = {f"figure{number}.svg" for number in range(1, 7)} | {f"{name}.svg" for name in GAIN_FIGURES}
    tables = {f"table{number}.csv" for number in (1, 2, 3)} | {"gains.csv", "claims.csv", "report.html"}
    assert pictures | tables <= set(results)
    for result in results.values():
        assert result["labels"] and result["caption"]


def test_the_survey_is_a_target_with_its_tables_and_figures(demo, snakemake):
    jobs = planned(snakemake(demo, "-n", "survey", *DIGITS))
    assert set(jobs) == {"draw_survey", "survey", "total"}
    snakemake(demo, "survey", *DIGITS)
    made = {path.name for path in (demo / "results/digits/survey").iterdir()}
    assert {f"survey-{name}.csv" for name in ("table1", "table2", "further")} <= made
    assert {f"survey-figure{number}.svg" for number in range(1, 7)} <= made


@pytest.mark.slow
def test_the_demo_repeated_elsewhere_gives_the_same_bits(demo, clone, snakemake):
    again = clone("again")
    snakemake(again, *DIGITS)
    first = figures_of_runs(demo / "results/digits")
    assert len(first) == 18
    assert figures_of_runs(again / "results/digits") == first


def test_an_interrupted_study_runs_only_what_is_missing_to_the_same_bits(demo, half_done, snakemake):
    for run in ("vanilla-lenet", "alternate-alexnet+mobilenet-to-lenet"):
        shutil.rmtree(half_done / "results/digits/runs" / run)
    assert trained(planned(snakemake(half_done, "-n", *DIGITS))) == {"vanilla": 1, "alternate-to": 1}
    snakemake(half_done, *DIGITS)
    assert figures_of_runs(half_done / "results/digits") == figures_of_runs(demo / "results/digits")


def test_several_seeds_in_one_job_give_the_bits_of_one_each(demo, clone, snakemake):
    folder = clone("packed")
    targets = [f"results/digits/runs/scratch-lenet/seed{seed}/metrics.json" for seed in (1, 2)]
    packed = ("--config", "seeds=[1, 2]", "seeds_per_job=2")
    jobs = planned(snakemake(folder, "-n", *targets, *DIGITS, *packed))
    assert jobs == {"prepare_data": 1, "scratch-seed1+2": 1, "total": 2}
    snakemake(folder, *targets, *DIGITS, *packed)
    found = figures_of_runs(folder / "results/digits")
    assert list(found) == ["runs/scratch-lenet/seed1", "runs/scratch-lenet/seed2"]
    first = "runs/scratch-lenet/seed1"
    assert found[first] == figures_of_runs(demo / "results/digits")[first]
    assert not list(folder.glob("results/digits/runs/*/*/checkpoint.pt"))


@pytest.fixture
def published(demo, clone):
    """What is committed of a study: no weights, no outputs, no images; and a clone's arbitrary file times."""
    folder = clone("published")
    kept = ("metrics.json", "history.csv", "predictions-*.npz")
    source = demo / "results/digits"
    for pattern in (*(f"runs/*/seed*/{name}" for name in kept), "runs/examples.npz", "selection.json"):
        for path in source.glob(pattern):
            target = folder / "results/digits" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    shuffle = random.Random(0)
    for path in (folder / "results").rglob("*"):
        moment = 1_700_000_000 + shuffle.random() * 1000
        os.utime(path, (moment, moment))
    return folder


@pytest.mark.parametrize("target", ["figures", "all"])
def test_a_published_study_is_redrawn_without_training(published, snakemake, target):
    jobs = planned(snakemake(published, "-n", target, *DIGITS))
    assert jobs
    assert not set(jobs) & {*TRAINING_RULES, *MENTOR_RULES, "prepare_data", "split_validation"}


def test_tables_figures_and_claims_redrawn_are_those_of_the_study(published, demo, snakemake):
    snakemake(published, "tables", "figures", "claims", *DIGITS)
    source = demo / "results/digits"
    names = [*source.glob("tables/*"), *source.glob("figures/*.svg"), *source.glob("claims.*")]
    assert len(names) == 9 + 6 + 2
    for path in names:
        assert (published / "results/digits" / path.relative_to(source)).read_bytes() == path.read_bytes(), path.name


def test_changing_a_plot_redraws_plots_and_trains_nothing(demo, snakemake):
    jobs = planned(snakemake(demo, "-n", "--forcerun", "draw_figures", *DIGITS))
    assert jobs["draw_figures"] == 1
    assert trained(jobs) == {}


@pytest.mark.parametrize(
    ("change", "rerun"),
    [
        ("alternate={phase2: [0.2, 0.5, 0.3]}", {"alternate-to": 3}),
        ("vanilla={alpha: 0.5}", {"vanilla": 3}),
        ("study={title: Another}", {}),
        (
            "seeds=[1, 2]",
            {"scratch": 3, "vanilla": 3, "peer": 1, "alternate": 3, "alternate-to": 3, "alternate-outputs": 3},
        ),
    ],
)
def test_changing_a_setting_reruns_what_depends_on_it_and_no_more(demo, snakemake, change, rerun):
    assert trained(planned(snakemake(demo, "-n", *DIGITS, "--config", change))) == rerun


def test_plan_prints_the_runs_and_trains_nothing(clone, snakemake):
    folder = clone("plan")
    printed = snakemake(folder, "plan", *DIGITS).stdout
    assert "alternate-lenet+mobilenet-to-alexnet" in printed
    assert "18 runs" in printed
    assert not (folder / "results").exists()


def test_the_paper_itself_is_planned_whole(clone, snakemake):
    jobs = planned(snakemake(clone("paper"), "-n"))
    seeds = 5
    expected = {"teacher": 1, "scratch": 3 * seeds, "vanilla": 3 * seeds, "tune": 4, "peer": seeds}
    expected |= {
        "alternate": 3 * seeds,
        "alternate-to": 3 * seeds,
        "teacher-outputs": 1,
        "alternate-outputs": 3 * seeds,
    }
    assert {rule: jobs[rule] for rule in expected} == expected


@pytest.fixture(scope="session")
def letters(tmp_path_factory):
    """26 classes of grey images of differing sizes, in a folder."""
    root = tmp_path_factory.mktemp("letters") / "letters"
    rng = np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 3)):
        for number in range(26):
            folder = root / split / chr(ord("a") + number)
            folder.mkdir(parents=True)
            for image in range(count):
                size = int(rng.integers(18, 30))
                pixels = rng.integers(0, 100, (size, size)).astype(np.uint8)
                pixels[:, number % size] = 255
                Image.fromarray(pixels).save(folder / f"{image}.png")
    return root


def test_26_grey_classes_and_4_students_run_through_without_a_line_of_code(letters, clone, snakemake):
    folder = clone("letters")
    (folder / "presets/letters.yaml").write_text(
        f"""
pathvars: {{results: results/letters}}
study: {{title: Letters, deviations: {{data: made-up letters}}}}
seeds: [1]
device: cpu
data: {{source: image-folder, path: {letters}, image_size: 16, channels: null}}
methods: [scratch, peer, alternate]
peer: {{weights: [0.1, 0.8, 0.1]}}
teacher:
  network: {{name: resnet8, form: null, width: 0.25}}
  weights: none
  input_scaling: unit
  upscale: 1
  training: {{epochs: 1, precision: fp32, threads: 1}}
training: {{epochs: 1}}
students:
  - {{name: alexnet, network: {{name: alexnet, width: 0.05}}}}
  - {{name: lenet, network: {{name: lenet}}}}
  - {{name: mobilenet, network: {{name: mobilenet, width: 0.05, form: stride2}}}}
  - {{name: tiny, network: {{name: resnet8, width: 0.25}}}}
"""
    )
    snakemake(folder, "--configfile", "presets/letters.yaml")
    results = folder / "results/letters"
    students = ["alexnet", "lenet", "mobilenet", "tiny"]
    runs = {path.parent.parent.name: path.parent for path in results.glob("runs/*/seed1/metrics.json")}
    for left_out in students:
        others = [name for name in students if name != left_out]
        phase1 = f"alternate-{'+'.join(others)}"
        for run, learners in ((phase1, others), (f"{phase1}-to-{left_out}", [left_out])):
            assert {path.name for path in runs[run].glob("weights-*")} == {f"weights-{n}.safetensors" for n in learners}
    assert len(runs) == 1 + 4 + 1 + 4 + 4  # no tuning, as the weights are given
    assert (results / "report.html").is_file()
    assert json.loads((results / "data/dataset.json").read_text())["channels"] == 1
    header = next(line for line in (results / "tables/table2.md").read_text().splitlines() if line.startswith("|"))
    # A column for the experiment; ours and the paper's for each student, without a difference: the images are others.
    assert len(header.strip("| ").split("|")) == 1 + 4 * 2
    table = pd.read_csv(results / "tables/table2.csv")
    assert table["experiment"].nunique() == 2 + 4 + 4


@pytest.mark.skipif("KDBENCH_DATA" not in os.environ, reason="KDBENCH_DATA is not set: no real images")
def test_cifar10_jpeg_is_planned_whole(clone, snakemake):
    jobs = planned(snakemake(clone("jpeg"), "-n", "--configfile", "presets/cifar10-jpeg.yaml"))
    assert jobs["alternate-to"] == 9


def test_a_mistake_in_the_configuration_is_one_line_and_exit_status_2(clone, snakemake):
    folder = clone("mistake")
    done = snakemake(folder, *DIGITS, "--config", "training={epoch: 5}", check=False)
    assert done.returncode == 2
    place = "config.yaml + presets/digits.yaml + --config"
    assert f'{place}: training: unknown key "epoch"; did you mean "epochs"?' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "results").exists()


def test_a_failing_run_names_its_reason_and_leaves_finished_runs_untouched(demo, half_done, snakemake):
    done = snakemake(half_done, *DIGITS, "--config", "alternate={phase2: [1.0e+30, 1.0e+38, 1.0e+38]}", check=False)
    assert done.returncode == 1
    assert re.search(r"kdbench: alternate-.* seed 1: the loss of .* became (nan|inf) in epoch 1", done.stderr)
    before = figures_of_runs(demo / "results/digits")
    assert figures_of_runs(half_done / "results/digits") == {
        run: figures for run, figures in before.items() if "-to-" not in run
    }


def test_unreadable_images_end_the_study_with_all_of_them_named_and_nothing_left_behind(letters, clone, snakemake):
    folder = clone("damaged")
    shutil.copytree(letters, folder / "letters")
    for name in ("a/0.png", "z/3.png"):
        (folder / "letters/train" / name).write_bytes(b"no image")
    source = ("--config", "data={source: image-folder, path: letters}")
    done = snakemake(folder, *DIGITS, *source, check=False)
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if "kdbench:" in line)
    assert "a/0.png" in line and "z/3.png" in line
    assert [path.name for path in (folder / "results/digits").iterdir()] == ["logs"] or not list(
        (folder / "results/digits/data").glob("*")
    )


def test_a_run_is_planned_at_the_seeds_that_all_who_take_part_in_it_have(clone, snakemake):
    folder = clone("uneven")
    config = read_yaml(folder / "presets/digits.yaml")
    for student, seeds in zip(config["students"], ([1, 2, 3], [1, 2, 3, 4], None), strict=True):
        student["seeds"] = seeds
    (folder / "presets/uneven.yaml").write_text(yaml.safe_dump(config))
    jobs = trained(planned(snakemake(folder, "-n", "--configfile", "presets/uneven.yaml")))
    # AlexNet and LeNet together have three seeds, with MobileNet one.
    expected = {"teacher": 1, "teacher-outputs": 1, "scratch": 3 + 4 + 1, "vanilla": 3 + 4 + 1, "tune": 4, "peer": 1}
    assert jobs == expected | {"alternate": 3 + 1 + 1, "alternate-outputs": 1 + 1 + 1, "alternate-to": 1 + 1 + 1}


ONE_CHANGE = ("--configfile", "presets/digits.yaml", "presets/one-change.yaml")


@pytest.fixture(scope="module")
def one_change(demo, clone):
    """A copy of the finished demo with a preset of one change in each group, and fewer methods, to save time."""
    folder = clone("one-change")
    shutil.copytree(demo / "results", folder / "results")
    shutil.copytree(demo / ".snakemake", folder / ".snakemake")
    sensitivity = load_config([folder / "config.yaml", folder / "presets/digits.yaml"]).sensitivity
    name = "alpha-weighs-teacher"
    preset = {
        "methods": ["scratch", "vanilla", "alternate"],
        "sensitivity": dict.fromkeys(sensitivity) | {name: sensitivity[name]},
        "further": {"one-epoch": {"methods": ["scratch", "vanilla"], "training": {"epochs": 1}}},
    }
    (folder / "presets/one-change.yaml").write_text(yaml.safe_dump(preset))
    return folder


@pytest.fixture(scope="module")
def varied(one_change, snakemake):
    """The same, once `snakemake sensitivity further` has run."""
    snakemake(one_change, "sensitivity", "further", *ONE_CHANGE)
    return one_change / "results/digits"


def test_a_change_is_planned_whole_and_the_finished_study_not_again(one_change, snakemake):
    jobs = planned(snakemake(one_change, "-n", "sensitivity", *ONE_CHANGE))
    assert trained(jobs) == {}
    change = {rule.removeprefix("sensitivity-alpha-weighs-teacher-"): count for rule, count in jobs.items()}
    expected = {"teacher": 1, "teacher-outputs": 1, "scratch": 3, "vanilla": 3}
    assert trained(change) == expected | {"alternate": 3, "alternate-outputs": 3, "alternate-to": 3}


def trained_and_taken(change, study):
    """Names of a change's runs that are its own files, and of those that are links to the study's."""
    own, taken = set(), set()
    for path in change.glob("runs/*/seed1/*"):
        (taken if path.is_symlink() else own).add(path.parent.parent.name)
        assert not path.is_symlink() or path.samefile(study / path.relative_to(change)), path
    assert not own & taken
    return own, taken


def test_only_runs_that_a_change_touches_are_trained_and_the_others_are_links_to_the_studys(varied):
    change = varied / "sensitivity/alpha-weighs-teacher"
    own, taken = trained_and_taken(change, varied)
    assert own == {f"vanilla-{student}" for student in STUDENTS}
    assert len(taken) == 1 + 3 + 3 + 3
    for path in change.glob("data/*"):
        assert path.samefile(varied / "data" / path.name)
    objective = json.loads((change / "runs/vanilla-lenet/seed1/metrics.json").read_text())["objective"]
    assert {term["source"]: term["weight"] for term in objective} == {"labels": 0.9, "teacher": 0.1}


def test_effects_are_of_the_runs_that_a_change_touches_alone(varied):
    effects = pd.read_csv(varied / "sensitivity/effects.csv").set_index("run")
    assert set(effects.index) == {f"vanilla-{student}" for student in STUDENTS}
    study, change = (
        pd.read_csv(folder / "results.csv").set_index("run")["test_accuracy"]
        for folder in (varied, varied / "sensitivity/alpha-weighs-teacher")
    )
    for run, effect in effects["effect"].items():
        assert effect == pytest.approx(change[run] - study[run], abs=1e-5)
    assert set(effects["n"]) == {1}


def test_a_change_of_epochs_takes_the_teacher_and_gives_trends(varied):
    own, taken = trained_and_taken(varied / "further/one-epoch", varied)
    assert taken == {"teacher"}
    assert own == {f"{method}-{student}" for method in ("scratch", "vanilla") for student in STUDENTS}
    trends = pd.read_csv(varied / "further/trends.csv")
    assert [*zip(trends["method"], trends["student"], strict=True)] == [("vanilla", student) for student in STUDENTS]
    assert set(zip(trends["along"], trends["few"], trends["many"], trends["n"], strict=True)) == {("epochs", 1, 5, 1)}


def test_a_finished_comparison_has_nothing_left_to_do(varied, one_change, snakemake):
    done = snakemake(one_change, "-n", "sensitivity", "further", *ONE_CHANGE)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_next_steps_are_planned_whole(clone, snakemake):
    files = ("presets/digits.yaml", "presets/next-steps.yaml")
    folder = clone("next-steps")
    jobs = planned(snakemake(folder, "-n", "further", "--configfile", *files))
    changes = load_config([folder / file for file in ("config.yaml", *files)]).further
    assert len(changes) == 5
    for name, change in changes.items():
        count = len(change["students"])
        found = {method: jobs[f"further-{name}-{method}"] for method in ("scratch", "vanilla", "tune", "peer")}
        assert found == {"scratch": count, "vanilla": count, "tune": 4, "peer": 1}
