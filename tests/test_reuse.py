"""Runs taken from another study: the very same ones alone, as links that leave the other study as it is."""

import json
import os
import shutil

import pytest

from kdbench.classroom.reuse import take_over, take_over_outputs
from kdbench.files import write_text
from kdbench.plan import Plan

IDENTITY = {"settings": "1", "code": "2", "data": "3", "split": "4", "weights": "5", "mentors": "6"}
FILES = {
    "history.csv",
    "metrics.json",
    *(f"predictions-{name}.npz" for name in ("alexnet", "lenet", "mobilenet")),
    *(f"weights-{name}.safetensors" for name in ("alexnet", "lenet", "mobilenet")),
}
OUTPUTS = {f"outputs-{name}.safetensors" for name in ("alexnet", "lenet", "mobilenet")}


@pytest.fixture
def run(config):
    return Plan(config).run("peer", 1)


@pytest.fixture
def other(tmp_path, run):
    """Another study that has carried out the run, and stored its learners' outputs."""
    folder = run.folder(tmp_path / "other")
    folder.mkdir(parents=True)
    for name in FILES | OUTPUTS:
        (folder / name).write_text(f"the other study's {name}")
    (folder / "metrics.json").write_text(json.dumps({"digests": IDENTITY | {"inputs": {"train": "3"}}}))
    return tmp_path / "other"


@pytest.fixture
def results(tmp_path):
    return tmp_path / "deeper/down/mine"


def test_the_very_same_run_is_taken_whole_as_links(run, results, other):
    assert take_over(run, results, other, IDENTITY)
    mine = {path.name: path for path in run.folder(results).iterdir()}
    assert set(mine) == FILES
    for name, path in mine.items():
        assert path.is_symlink()
        assert path.samefile(run.folder(other) / name)


@pytest.mark.parametrize("key", IDENTITY)
def test_a_run_that_differs_in_one_digest_is_not_taken(run, results, other, key):
    assert not take_over(run, results, other, IDENTITY | {key: "another"})
    assert not results.exists()


def test_links_lead_to_the_run_where_a_results_folder_stands_elsewhere(run, other, tmp_path):
    elsewhere = tmp_path / "another/disk/entirely"
    elsewhere.mkdir(parents=True)
    (tmp_path / "mine").symlink_to(elsewhere)
    assert take_over(run, tmp_path / "mine", other, IDENTITY)
    assert (run.folder(elsewhere) / "metrics.json").samefile(run.folder(other) / "metrics.json")


def test_outputs_are_not_taken_where_the_other_studys_weights_are_gone(run, results, other):
    assert take_over(run, results, other, IDENTITY)
    for path in run.folder(other).glob("weights-*"):
        path.unlink()
    for path in run.folder(other).glob("outputs-*"):
        path.unlink()
    assert not take_over_outputs(run, results, other)


@pytest.mark.parametrize("key", IDENTITY)
def test_a_run_that_does_not_say_what_it_depended_on_is_not_taken(run, results, other, key):
    digests = {name: digest for name, digest in IDENTITY.items() if name != key}
    (run.folder(other) / "metrics.json").write_text(json.dumps({"digests": digests}))
    assert not take_over(run, results, other, IDENTITY)
    assert not results.exists()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_run_that_lacks_a_file_is_not_taken(run, results, other, name):
    (run.folder(other) / name).unlink()
    assert not take_over(run, results, other, IDENTITY)
    assert not results.exists()


def test_a_run_that_the_other_study_has_at_other_seeds_only_is_not_taken(config, results, other):
    assert not take_over(Plan(config).run("peer", 2), results, other, IDENTITY)


@pytest.mark.parametrize(
    "content", [b"", b'{"digests": {"settings"', b"\xff\xfe\x00", b"{}", b"[]", b"null", b'{"digests": null}']
)
def test_a_run_with_damaged_metrics_is_not_taken(run, results, other, content):
    (run.folder(other) / "metrics.json").write_bytes(content)
    assert not take_over(run, results, other, IDENTITY)
    assert not results.exists()


def test_links_are_relative_and_survive_moving_both_studies_together(run, results, other, tmp_path):
    take_over(run, results, other, IDENTITY)
    take_over_outputs(run, results, other)
    place = tmp_path.with_name(f"{tmp_path.name}-moved")
    shutil.move(tmp_path, place)
    here = run.folder(place / results.relative_to(tmp_path))
    assert {path.name for path in here.iterdir()} == FILES | OUTPUTS
    for path in here.iterdir():
        assert not os.path.isabs(os.readlink(path))
        assert path.samefile(run.folder(place / "other") / path.name)


def test_training_a_taken_run_anew_leaves_the_other_study_as_it_is(run, results, other):
    take_over(run, results, other, IDENTITY)
    before = (run.folder(other) / "history.csv").read_text()
    write_text(run.folder(results) / "history.csv", "trained anew")
    assert (run.folder(results) / "history.csv").read_text() == "trained anew"
    assert (run.folder(other) / "history.csv").read_text() == before


def test_outputs_of_a_taken_run_are_taken_too(run, results, other):
    take_over(run, results, other, IDENTITY)
    assert take_over_outputs(run, results, other)
    for name in OUTPUTS:
        assert (run.folder(results) / name).samefile(run.folder(other) / name)


def test_outputs_that_the_other_study_has_not_stored_are_not_taken(run, results, other):
    take_over(run, results, other, IDENTITY)
    (run.folder(other) / "outputs-lenet.safetensors").unlink()
    assert not take_over_outputs(run, results, other)
    assert not OUTPUTS & {path.name for path in run.folder(results).iterdir()}


def test_outputs_of_a_run_that_was_trained_here_are_not_taken(run, results, other):
    shutil.copytree(run.folder(other), run.folder(results), ignore=shutil.ignore_patterns("outputs-*"))
    assert not take_over_outputs(run, results, other)
    assert not OUTPUTS & {path.name for path in run.folder(results).iterdir()}
