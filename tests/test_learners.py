"""A run's networks as they are before the first epoch: their first weights, and what they compute in."""

import hashlib

import pytest
import torch

from kdbench.classroom import device
from kdbench.classroom.learners import build_pupil
from kdbench.classroom.train import train
from kdbench.config import check_config
from kdbench.data.store import load_packed, write_tensors
from kdbench.finished import read_metrics
from kdbench.overlay import merge
from kdbench.plan import Plan
from kdbench.run import Source
from tests.test_classroom import before_the_first_epoch


@pytest.fixture
def learner(config):
    return Plan(config).run("teacher", 1).learners[0]


@pytest.fixture
def first_weights(small_results):
    """The weights of a learner that is built, by name."""
    data = load_packed(small_results / "data" / "train.safetensors")

    def build(learner, seed=5, **given):
        return build_pupil(learner, data, seed=seed, precision="fp32", **given).network.state_dict()

    return build


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_learner_that_starts_from_another_run_has_the_weights_trained_there(learner, first_weights, small_results):
    trained = first_weights(learner, seed=9)
    source = Source(run="teacher", seed=1, learner="teacher")
    write_tensors(source.weights_path(small_results), trained)
    started = learner.model_copy(update={"name": "a", "starts_from": source})
    assert same(first_weights(started, results=small_results), trained)


def test_a_learner_with_a_weights_file_starts_from_its_weights(learner, first_weights, tmp_path):
    trained = first_weights(learner, seed=9)
    path = tmp_path / "trained.safetensors"
    write_tensors(path, trained)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert same(first_weights(learner.model_copy(update={"weights": str(path), "sha256": sha256})), trained)


def test_first_weights_are_drawn_anew_for_each_seed_name_and_variant(learner, first_weights):
    drawn = first_weights(learner)
    assert same(first_weights(learner), drawn)
    assert not same(first_weights(learner, seed=6), drawn)
    assert not same(first_weights(learner.model_copy(update={"name": "other"})), drawn)
    assert not same(first_weights(learner, variant="2"), drawn)


@pytest.mark.parametrize(
    ("precision", "there", "dtype"),
    [("fp32", True, torch.float32), ("bf16", True, torch.bfloat16), ("bf16", False, torch.float32)],
)
def test_networks_compute_in_the_precision_of_their_run_and_keep_weights_and_logits_in_fp32(
    small_results, values, monkeypatch, precision, there, dtype
):
    monkeypatch.setattr(device, "has_bf16", lambda _: there)
    found = {"layers": set(), "weights": set(), "logits": set()}

    def keep(layer, _, output):
        if torch.is_grad_enabled():
            found["layers"].add(output.dtype)
            found["weights"].add(layer.weight.dtype)

    def watch(room):
        [pupil] = room.pupils.values()
        for layer in (pupil.network.features[0], pupil.network.classifier[0]):
            layer.register_forward_hook(keep)
        pupil.register_forward_hook(lambda _, __, logits: found["logits"].add(logits.dtype))

    before_the_first_epoch(monkeypatch, watch)
    training = {"epochs": 1, "precision": precision}
    run = Plan(check_config(merge(values, {"training": training}))).run("scratch-lenet", 1)
    train([run], small_results, 1)
    assert found == {"layers": {dtype}, "weights": {torch.float32}, "logits": {torch.float32}}
    assert read_metrics(run.folder(small_results))["precision"] == ("bf16" if dtype == torch.bfloat16 else "fp32")


def test_a_processor_has_bf16_as_onednn_says_and_a_gpu_from_ampere_on(monkeypatch):
    has_bf16 = device.has_bf16.__wrapped__  # not remembered
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    for there in (True, False):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda there=there: there)
        assert has_bf16("cpu") is there
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda there=there: (8, 0) if there else (7, 5))
        assert has_bf16("cuda") is there
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert has_bf16("cpu") is False
