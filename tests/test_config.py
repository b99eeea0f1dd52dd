"""Bad configurations: each gives one line that names the key and the remedy."""

import subprocess
import sys

import pytest

from kdbench.config import check_config
from kdbench.errors import KdbenchError
from kdbench.overlay import load_config, merge
from tests.conftest import ROOT


def refusal(values):
    with pytest.raises(KdbenchError) as refused:
        check_config(values)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("preset", [None, "digits", "cifar10-jpeg", "fashion-mnist", "my-images"])
def test_the_configurations_that_ship_are_valid(preset):
    files = [ROOT / "config.yaml"] + ([ROOT / "presets" / f"{preset}.yaml"] if preset else [])
    config = load_config(files)
    assert config.training.epochs == 5
    assert config.distillation.temperature == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sedes": [1]}, 'config.yaml: unknown key "sedes"; did you mean "seeds"?'),
        ({"training": {"epoch": 5}}, 'config.yaml: training: unknown key "epoch"; did you mean "epochs"?'),
        ({"training": {"epochs": "5"}}, "config.yaml: training.epochs: input should be a valid integer, got '5'"),
        ({"training": {"epochs": 0}}, "config.yaml: training.epochs: input should be greater than 0, got 0"),
        ({"training": {"learning_rate": -1}}, "training.learning_rate: input should be greater than 0, got -1"),
        ({"training": {"optimizer": "adm"}}, "training.optimizer: input should be 'adam' or 'sgd', got 'adm'"),
        ({"distillation": {"temperature": 0}}, "distillation.temperature: input should be greater than 0"),
        ({"vanilla": {"alpha": 1.5}}, "vanilla.alpha: input should be less than or equal to 1, got 1.5"),
        ({"data": {"source": "cifar"}}, 'data.source: unknown data source "cifar"; did you mean "cifar10"?'),
        ({"data": {"validation_fraction": 1.0}}, "data.validation_fraction: input should be less than 1"),
        ({"seeds": []}, "seeds: "),
        ({"seeds": [1, 1]}, "seeds: a seed stands twice: remove one"),
        ({"tune": {"grid": [[0.1, 0.9]]}}, "tune.grid[0]: must be three weights [alpha, beta, gamma]"),
        ({"alternate": {"phase1": [0.1, -0.8, 0.1]}}, "alternate.phase1: must be three weights"),
        ({"peer": {"weights": "weak"}}, "peer.weights: "),
        ({"teacher": {"sha256": "abc"}}, "teacher.sha256: "),
        ({"pathvars": {"results": ""}}, "pathvars: must hold the key results"),
    ],
)
def test_a_wrong_key_is_named_with_what_is_wrong(values, change, message):
    assert message in refusal(merge(values, change))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"name": "lenett"}, 'students[0].network.name: unknown network "lenett"; did you mean "lenet"?'),
        ({"name": "lenet", "form": "relu"}, 'students[0].network: unknown form of lenet "relu"'),
        ({"name": "lenet", "dropout": 0.1}, "students[0].network: lenet has no dropout: remove the key"),
        ({"name": "lenet", "width": 0.0}, "students[0].network.width: input should be greater than 0"),
    ],
)
def test_a_wrong_student_is_named(values, network, message):
    assert message in refusal({**values, "students": [{"name": "s1", "network": network}]})


def test_duplicate_students_are_refused(values):
    student = {"name": "twin", "network": {"name": "lenet"}}
    assert "students: duplicate student twin" in refusal({**values, "students": [student, student]})


@pytest.mark.parametrize("name", ["a b", "a/b", "a+b", "teacher", ""])
def test_names_that_cannot_be_part_of_a_path_are_refused(values, name):
    assert "students[0].name" in refusal({**values, "students": [{"name": name, "network": {"name": "lenet"}}]})


def with_seeds(values, **seeds):
    """The students, those named with seeds of their own."""
    return {**values, "students": [{**it, "seeds": seeds.get(it["name"])} for it in values["students"]]}


@pytest.mark.parametrize(
    ("lenet", "study", "missing"),
    [
        ([2, 3], {"seeds": [1, 2]}, "1"),
        ([5], {"seeds": [10, 2]}, "2, 10"),
        ([1, 2], {"seeds": [1], "tune": {"seeds": [7]}}, "7"),
    ],
)
def test_a_student_whose_seeds_lack_some_of_the_studys_is_named_with_them(values, lenet, study, missing):
    message = refusal(merge(with_seeds(values, alexnet=[1, 2, 7, 10], lenet=lenet), study))
    assert f"config.yaml: the seeds of the student lenet lack {missing}: " in message
    assert "alexnet" not in message


def test_a_student_may_have_more_seeds_than_the_study(values):
    config = check_config(with_seeds({**values, "seeds": [1]}, lenet=[3, 2, 1]))
    assert [student.seeds for student in config.students] == [None, [3, 2, 1], None]


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([], "students[1].seeds: list should have at least 1 item"),
        ([1, 2, 1], "students[1].seeds: a seed stands twice: remove one"),
        ([1, -2], "students[1].seeds[1]: input should be greater than or equal to 0, got -2"),
    ],
)
def test_a_students_wrong_seeds_are_named(values, seeds, message):
    assert message in refusal(with_seeds({**values, "seeds": [1]}, lenet=seeds))


def test_jobs_of_several_seeds_are_refused_where_a_student_has_seeds_of_its_own(values):
    assert "seeds_per_job must be 1" in refusal(with_seeds({**values, "seeds": [1], "seeds_per_job": 2}, lenet=[1, 2]))


@pytest.mark.parametrize("group", ["sensitivity", "further"])
@pytest.mark.parametrize("name", ["a b", "a/b", "a_b", "", ".", "..", "-n"])
def test_a_change_whose_name_cannot_be_a_folder_and_part_of_a_rules_name_is_refused(values, group, name):
    assert f'{group}: "{name}" is no name of a change' in refusal({**values, group: {name: {"seeds": [1]}}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"it": 5}, "further.it: input should be a valid dictionary"), ({20: {}}, "further[20]: input should be a valid")],
)
def test_changes_of_a_wrong_type_are_named(values, changes, message):
    assert f"config.yaml: {message}" in refusal({**values, "further": changes})


def test_a_missing_key_is_named(values):
    del values["teacher"]
    assert "config.yaml: teacher: this key is missing" in refusal(values)


def test_all_wrong_keys_are_named_at_once(values):
    message = refusal(merge(values, {"seeds": [], "device": "gpu"}))
    assert "seeds" in message and "device" in message


def test_an_overlay_replaces_lists_and_merges_mappings():
    base = {"students": [1, 2], "training": {"epochs": 5, "batch_size": 64}}
    assert merge(base, {"students": [3], "training": {"epochs": 1}}) == {
        "students": [3],
        "training": {"epochs": 1, "batch_size": 64},
    }


def kdbench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "kdbench", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_a_mistake_is_one_line_on_stderr_and_exit_status_2(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("seeds: [-1]\n")
    done = kdbench("plan", "--config", "config.yaml", "--config", str(wrong))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"kdbench: config.yaml + {wrong}: seeds[0]: input should be greater than or equal to 0, got -1"
    ]


@pytest.mark.parametrize("text", ["a: [", "- 1", "\x00"])
def test_a_file_that_is_no_yaml_mapping_is_named(tmp_path, text):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    with pytest.raises(KdbenchError, match=r"wrong\.yaml: "):
        load_config([wrong])


def test_a_preset_given_alone_lies_over_config_yaml_as_with_snakemake():
    done = kdbench("plan", "--config", "presets/digits.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Handwritten digits" in done.stdout and "peer" in done.stdout


def test_a_missing_config_file_is_named():
    done = kdbench("plan", "--config", "presets/digit.yaml")
    assert done.returncode == 2
    assert "presets/digit.yaml: cannot be read (No such file or directory)" in done.stderr


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["lenet", "Together"], '"Together" is no student name'),
        (["lenet", "LeNet"], "duplicate student LeNet, lenet"),
        (["lenet", "lenet_2"], "lenet_2 is what a copy of lenet is called"),
    ],
)
def test_names_of_students_that_would_meet_others_are_refused(values, names, said):
    students = [{"name": name, "network": {"name": "lenet"}} for name in names]
    with pytest.raises(KdbenchError, match=said):
        check_config({**values, "students": students})
