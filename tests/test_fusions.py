"""Finished networks that answer together, each way against a computation of its own."""

import json

import numpy as np
import pytest
import torch
from sklearn.svm import SVC
from torch import nn

from kdbench.classroom.fuse import fuse
from kdbench.classroom.learners import load_source
from kdbench.classroom.train import train
from kdbench.config import check_config
from kdbench.data.store import PackedImages, load_packed
from kdbench.data.subset import stratified_subset
from kdbench.fusions import average, svm, vote
from kdbench.objectives.prediction import Prediction
from kdbench.overlay import merge
from kdbench.plan import Plan

CPU = torch.device("cpu")


class Answers(nn.Module):
    """A finished network that has these logits, and these embeddings, for the images numbered 0, 1, ..."""

    def __init__(self, logits, embeddings=None):
        super().__init__()
        self.logits = torch.tensor(np.asarray(logits), dtype=torch.float32)
        self.embeddings = None if embeddings is None else torch.tensor(embeddings, dtype=torch.float32)
        self.watched = []

    def forward(self, images):
        return self.logits[images[:, 0, 0, 0].long()]

    def watch(self, layers):
        self.watched = layers

    def predict(self, images):
        numbers = images[:, 0, 0, 0].long()
        return Prediction(self.logits[numbers], {layer: self.embeddings[numbers] for layer in self.watched})


def numbered(count, labels=None, classes=3):
    """Images that show their number, packed with ``labels``."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1)
    labels = torch.zeros(count, dtype=torch.int64) if labels is None else torch.tensor(labels)
    names = tuple(map(str, range(classes)))
    return PackedImages(images, labels, names, mean=(0.5,), std=(0.5,), digest="")


def softmax64(logits):
    exponentials = np.exp(np.asarray(logits, dtype=np.float64))
    return exponentials / exponentials.sum(1, keepdims=True)


def test_average_is_the_log_of_the_mean_probability():
    logits = np.random.default_rng(0).normal(0, 3, (3, 20, 4)).astype(np.float32)
    packed = numbered(20, classes=4)
    found = average.fuse([Answers(each) for each in logits], packed, packed.images, CPU)
    expected = np.log(np.mean([softmax64(each) for each in logits], axis=0))
    assert found.numpy() == pytest.approx(expected, rel=1e-9)


def logits_of(*probabilities):
    return np.log(np.asarray(probabilities, dtype=np.float64))


def decided(*members):
    packed = numbered(len(members[0]))
    scores = vote.fuse([Answers(logits_of(*member)) for member in members], packed, packed.images, CPU)
    assert scores.exp().sum(1).numpy() == pytest.approx(np.ones(len(packed.images)))
    return scores


def test_the_class_with_most_votes_wins_however_sure_the_others_are():
    scores = decided([[0.4, 0.3, 0.3]], [[0.4, 0.3, 0.3]], [[0.005, 0.99, 0.005]])
    assert scores.argmax(1).tolist() == [0]
    assert scores.exp()[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0], abs=1e-3)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_surer_member_decides_a_tie(order):
    members = [[[0.6, 0.3, 0.1]], [[0.1, 0.8, 0.1]]]
    assert decided(*(members[place] for place in order)).argmax(1).tolist() == [1]
    members = [[[0.9, 0.05, 0.05]], [[0.1, 0.8, 0.1]]]
    assert decided(*(members[place] for place in order)).argmax(1).tolist() == [0]


def standardised(values, by):
    return (values - by.mean(0)) / by.std(0)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("most", [1000, 30])
def test_svm_is_a_machine_for_each_class_against_the_rest_on_each_members_standardised_embedding(classes, most):
    rng = np.random.default_rng(classes)
    labels = np.arange(120) % classes
    # Halves are exact in the files' float16.
    embeddings = [np.round(2 * rng.normal(3 * labels[:, None], 4, (120, width))) / 2 for width in (5, 3)]
    packed, asked = numbered(120, labels, classes), numbered(120).images[60:]
    members = [Answers(np.zeros((120, classes)), each) for each in embeddings]
    found = svm.fuse(members, packed, asked, CPU, most_images=most).numpy()

    known = stratified_subset(labels, most, "")
    assert len(known) == min(most, 120)
    probabilities = []
    for each in embeddings:
        distances = []
        for one in range(classes):
            machine = SVC(C=1.0, kernel="rbf", gamma=1 / each.shape[1])
            machine.fit(standardised(each[known], each[known]), labels[known] == one)
            distances.append(machine.decision_function(standardised(each[60:], each[known])))
        probabilities.append(softmax64(np.stack(distances, 1)))
    assert found == pytest.approx(np.log(np.mean(probabilities, axis=0)), abs=3e-3)  # libsvm stops at 1e-3
    assert np.mean(found.argmax(1) == labels[60:]) > 1 / classes


@pytest.fixture
def fused(small_results, values):
    """A run that fuses two students trained from scratch, when it is done."""
    students = [{"name": name, "network": {"name": "lenet", "width": width}} for name, width in (("a", 0.5), ("b", 1))]
    changes = {
        "students": students,
        "training": {"epochs": 3, "batch_size": 16},
        "methods": ["scratch", "deep-features"],
    }
    plan = Plan(check_config(merge(values, changes)))
    for name in ("deep-features-a", "deep-features-b"):
        train([plan.run(name, 1)], small_results, 1)

    def fuse_them(by):
        run = plan.run("deep-features", 1)
        run = run.model_copy(update={"fusion": run.fusion.model_copy(update={"by": by})})
        fuse(run, small_results, 1)
        return run

    return fuse_them


@pytest.mark.parametrize("by", ["average", "vote", "svm"])
def test_networks_together_leave_predictions_and_figures_as_a_trained_one_does(fused, small_results, by):
    run = fused(by)
    folder = run.folder(small_results)
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "predictions-together.npz"]
    figures = json.loads((folder / "metrics.json").read_text())["learners"]["together"]
    correct = np.load(folder / "predictions-together.npz")["correct"]
    assert figures["test_accuracy"] == pytest.approx(100 * correct.mean())
    training = load_packed(small_results / "data" / "train.safetensors")
    members = [load_source(member, small_results, training) for member in run.fusion.members]
    fusion = {"average": average, "vote": vote, "svm": svm}[by]
    scores = fusion.fuse(members, training, training.images, CPU, **run.fusion.options)
    # As many of the 96 as there are test images, at even distances.
    chosen = np.floor(np.arange(32) * 95 / 31).astype(int)
    right = scores.argmax(1) == training.labels
    assert figures["fitted_accuracy"] == pytest.approx(100 * right[chosen].double().mean().item())
    single = [
        json.loads((small_results / f"runs/deep-features-{name}/seed1/metrics.json").read_text())["learners"][name]
        for name in "ab"
    ]
    for figure in ("parameters", "bytes", "flops"):
        assert figures[figure] == sum(each[figure] for each in single)
