"""What the classroom lets learners hear: features through adapters, copies of peers, a teacher beside, fewer images."""

import csv
import json
import shutil

import pytest
import torch

from kdbench.classroom import train as training_step
from kdbench.classroom.features import write_features
from kdbench.classroom.outputs import write_outputs
from kdbench.classroom.train import fewer, train
from kdbench.config import check_config
from kdbench.data.store import read_tensors
from kdbench.overlay import merge
from kdbench.plan import Plan
from kdbench.recipes.schema import Recipe, read_recipe
from kdbench.section import check_section
from tests.test_recipes import LABELS, LESSON, TEACHER

PEERS = {"loss": "soft_labels", "source": "peers", "weight": 1}
HINT = {"loss": "hint", "source": "teacher", "weight": 1, "layers": "last stage"}
SMALL = {
    "teacher": {"network": {"name": "resnet8", "width": 0.25}, "training": {"epochs": 1, "batch_size": 16}},
    "training": {"epochs": 2, "batch_size": 16},
    "students": [{"name": "a", "network": {"name": "lenet", "width": 0.5}}],
    "methods": ["scratch", "tried"],
}


@pytest.fixture
def carried_out(small_results, values, monkeypatch):
    """Carry out the run of a lesson after the teacher's, its outputs and its features; returns the run's folder."""

    def carry_out(name="tried-a", **changes):
        head = {"name": "tried", "title": "Tried", "source": "nobody"}
        tried = check_section(Recipe, {**head, "lessons": [{**LESSON, **changes}]}, "tried.yaml")
        known = {"tried": tried, "teacher": read_recipe("teacher"), "scratch": read_recipe("scratch")}
        monkeypatch.setattr("kdbench.plan.read_method", lambda name: known[name])
        plan = Plan(check_config(merge(values, SMALL)))
        if not (small_results / "runs/teacher").exists():
            train([plan.run("teacher", 1)], small_results, 1)
            write_outputs(plan.run("teacher", 1), small_results, 1)
            write_features(plan.run("teacher", 1), "stage3", small_results, threads=1, limit=4.0)
        run = plan.run(name, 1)
        train([run], small_results, 1)
        return run.folder(small_results)

    return carry_out


def bits(folder):
    weights = {path.name: path.read_bytes() for path in sorted(folder.glob("weights-*.safetensors"))}
    return (folder / "history.csv").read_text(), weights


HEARING = {
    "features": {"teacher": True, "objective": [LABELS, TEACHER, HINT]},
    "stale peers": {"copies": 2, "peers": {"stale": 4}, "objective": [LABELS, PEERS]},
    "averaged peers": {"copies": 2, "peers": {"averaged": 0.9}, "objective": [LABELS, PEERS]},
    "live teacher": {"teacher": "live", "objective": [LABELS, TEACHER]},
}


@pytest.mark.parametrize("hearing", HEARING)
def test_a_run_stopped_in_between_continues_to_the_same_bits(carried_out, monkeypatch, hearing):
    undisturbed = bits(folder := carried_out(**HEARING[hearing]))
    shutil.rmtree(folder)
    whole_epoch = training_step.train_epoch

    def stops(room, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        whole_epoch(room, epoch)

    monkeypatch.setattr(training_step, "train_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        carried_out(**HEARING[hearing])
    monkeypatch.setattr(training_step, "train_epoch", whole_epoch)
    assert bits(carried_out(**HEARING[hearing])) == undisturbed


def test_several_terms_of_a_source_have_a_column_each_in_the_history(carried_out):
    header = (carried_out(**HEARING["features"]) / "history.csv").read_text().splitlines()[0]
    assert header.endswith("loss_labels,loss_teacher_soft_labels,loss_teacher_hint")


def test_an_adapter_is_trained_but_no_part_of_the_student(carried_out, monkeypatch):
    rooms = []
    learn = training_step.learn

    def kept(room, *rest):
        rooms.append((room, {name: value.clone() for name, value in room.losses.adapters.state_dict().items()}))
        return learn(room, *rest)

    monkeypatch.setattr(training_step, "learn", kept)
    folder = carried_out(**HEARING["features"])
    room, before = rooms[-1]
    after = room.losses.adapters.state_dict()
    assert before.keys() == after.keys() == {"a-2-0.regressors.0.weight", "a-2-0.regressors.0.bias"}
    assert not torch.equal(before["a-2-0.regressors.0.weight"], after["a-2-0.regressors.0.weight"])
    assert all(name.startswith(("features", "classifier")) for name in read_tensors(folder / "weights-a.safetensors"))


def test_a_teacher_beside_its_student_learns_from_labels_alone(carried_out):
    with_student = carried_out(**HEARING["live teacher"])
    taught = read_tensors(with_student / "weights-teacher.safetensors")
    shutil.rmtree(with_student)
    deaf = carried_out(teacher="live", objective=[LABELS, {**TEACHER, "weight": 0}])
    for name, value in read_tensors(deaf / "weights-teacher.safetensors").items():
        assert torch.equal(value, taught[name]), name
    history = (deaf / "history.csv").read_text().splitlines()
    assert history[0].endswith("loss_labels,loss_teacher")
    assert all(line.endswith(",") == line.startswith("teacher,") for line in history[1:])


def student_of(carried_out, **lesson):
    """The weights of the first student after a run of a lesson."""
    folder = carried_out(**lesson)
    weights = read_tensors(folder / "weights-a.safetensors")
    shutil.rmtree(folder)
    return torch.cat([weights[name].flatten() for name in sorted(weights)])


def test_a_student_hears_the_teacher_beside_it(carried_out):
    heard, ignored = (
        student_of(carried_out, teacher="live", objective=[LABELS, {**TEACHER, "weight": weight}]) for weight in (1, 0)
    )
    assert not torch.equal(heard, ignored)


def test_a_student_hears_its_peers_as_they_were_when_last_copied(carried_out):
    def taught_by(peers):
        return student_of(carried_out, copies=2, peers=peers, objective=[LABELS, PEERS])

    live, never_copied = taught_by("live"), taught_by({"stale": 10**6})
    assert not torch.allclose(never_copied, live, atol=1e-4)
    # Copies are in evaluation mode, in which LeNet says the same.
    assert torch.allclose(taught_by({"stale": 1}), live, atol=1e-4)


def test_copies_are_not_heard_before_their_burn_in_is_over(carried_out):
    def history_of(burn_in):
        peers = {"stale": 1, "burn_in": burn_in}
        folder = carried_out(copies=2, peers=peers, objective=[LABELS, PEERS])
        rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
        shutil.rmtree(folder)
        return [float(row["loss_peers"]) for row in rows if row["learner"] == "a"]

    epochs = SMALL["training"]["epochs"]
    assert epochs > 1
    assert [loss > 0 for loss in history_of(0)] == [True] * epochs
    assert [loss > 0 for loss in history_of(1)] == [False] + [True] * (epochs - 1)
    deaf = student_of(carried_out, copies=2, peers={"stale": 1, "burn_in": epochs}, objective=[LABELS, PEERS])
    ignoring = student_of(carried_out, copies=2, peers={"stale": 1}, objective=[LABELS, {**PEERS, "weight": 0}])
    assert torch.equal(deaf, ignoring)


def test_a_variant_draws_other_weights_and_none_changes_nothing(carried_out):
    first = bits(folder := carried_out())
    shutil.rmtree(folder)
    assert bits(carried_out(variant="")) == first
    shutil.rmtree(folder)
    assert bits(carried_out(variant="2")) != first


def test_fewer_images_are_shown_as_often_as_make_up_the_whole_set(carried_out, values):
    labels = torch.arange(96) % 4
    run = Plan(check_config(merge(values, {"methods": ["scratch"]}))).run("scratch-lenet", 1)

    def indices(seed=1, **choice):
        images = run.images.model_copy(update={"fraction": 0.25, **choice})
        return fewer(torch.arange(96), labels, run.model_copy(update={"images": images, "seed": seed}))

    shown = indices()
    assert len(shown) == 96
    chosen, counts = shown.unique(return_counts=True)
    assert len(chosen) == 24
    assert torch.equal(counts, torch.full((24,), 4))
    assert torch.bincount(labels[chosen]).tolist() == [6, 6, 6, 6]
    assert torch.equal(indices(repeat=False).sort().values, chosen)
    assert not torch.equal(indices(seed=2).unique(), chosen)


def test_a_student_of_few_bits_says_how_many_bytes_it_takes(carried_out):
    whole = json.loads((carried_out() / "metrics.json").read_text())["learners"]["a"]
    assert whole["bytes"] == 4 * whole["parameters"]
    few = carried_out(run="few-{student}", name="few-a", construction={"weight_bits": 4, "first_and_last": True})
    figures = json.loads((few / "metrics.json").read_text())["learners"]["a"]
    assert figures["parameters"] == whole["parameters"]
    assert whole["bytes"] / 8 < figures["bytes"] < whole["bytes"] / 4
