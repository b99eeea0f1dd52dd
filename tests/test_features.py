"""Features: what every network gives at its layers, and mentors' features, stored or asked for."""

import json

import pytest
import torch

from kdbench.classroom.features import write_features
from kdbench.classroom.mentors import Mentors
from kdbench.classroom.outputs import write_outputs
from kdbench.classroom.train import train
from kdbench.config import Network, check_config
from kdbench.data.store import load_packed, read_metadata, read_tensors
from kdbench.errors import KdbenchError
from kdbench.networks.build import build_network
from kdbench.networks.catalogue import NETWORKS, module_of
from kdbench.networks.features import Features
from kdbench.overlay import merge
from kdbench.plan import Plan
from kdbench.run import Mentor

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_stages_that_do_not_grow_and_an_embedding_that_its_head_turns_into_logits(name):
    width = {"width": 0.125} if "width" in NETWORKS[name].options else {}
    network = build_network(Network(name=name, **width), classes=7, channels=3, image_size=32).eval()
    stages = [f"stage{number}" for number in range(1, len(NETWORKS[name].stages) + 1)]
    features = Features(network, name, [*stages, "embedding"])
    with torch.no_grad():
        logits = network(torch.rand(2, 3, 32, 32))
    maps = [features.latest[stage] for stage in stages]
    assert all(found.dim() == 4 and len(found) == 2 for found in maps)
    assert [found.shape[2] for found in maps] == sorted((found.shape[2] for found in maps), reverse=True)
    head = network.get_submodule(module_of(name, "embedding"))
    assert torch.allclose(head(features.latest["embedding"]), logits, atol=1e-6)


@pytest.fixture
def taught(small_results, values):
    """A finished teacher with its outputs, and its run."""
    small = {"network": {"name": "resnet8", "width": 0.25}, "training": {"epochs": 1, "batch_size": 16}}
    run = Plan(check_config(merge(values, {"teacher": small}))).run("teacher", 1)
    train([run], small_results, 1)
    write_outputs(run, small_results, 1)
    return small_results, run


def heard(results, layers):
    mentor = Mentor(role="teacher", run="teacher", seed=1, learner="teacher", layers=layers)
    data = load_packed(results / "data" / "train.safetensors")
    index = torch.tensor([5, 90, 0])
    [said] = Mentors([mentor], results, data, CPU).predictions("teacher", index, data.images[index])
    return said


def test_features_too_large_to_store_are_the_same_asked_for(taught):
    results, run = taught
    layers = ["stage3", "embedding"]
    for layer in layers:
        write_features(run, layer, results, threads=1, limit=4.0)
    path = results / "runs/teacher/seed1/features-teacher-stage3.safetensors"
    assert read_metadata(path)["stored"] == "yes"
    assert read_tensors(path)["features"].shape == (96, 16, 4, 4)
    stored = heard(results, layers)
    for layer in layers:
        write_features(run, layer, results, threads=1, limit=0.0)
    assert read_metadata(path)["stored"] == "no"
    asked = heard(results, layers)
    for layer in layers:
        # Of another batch size, the last bit of a float16 may differ.
        assert torch.allclose(stored.layers[layer], asked.layers[layer], rtol=2e-3, atol=1e-3)
    assert torch.equal(stored.logits, asked.logits)


def test_features_of_other_images_are_refused(taught):
    results, run = taught
    write_features(run, "embedding", results, threads=1, limit=4.0)
    path = results / "data" / "train.safetensors"
    tensors = read_tensors(path)
    from kdbench.data.store import write_tensors

    facts = {"classes": '["a", "b", "c", "d"]', "mean": "[0.4]", "std": "[0.3]"}
    write_tensors(path, {**tensors, "images": tensors["images"].flip(3).contiguous()}, facts)
    write_outputs(run, results, 1)  # the logits are new, the features are not
    with pytest.raises(KdbenchError, match=r"features-teacher-embedding.*made from other training images"):
        heard(results, ["embedding"])


def test_what_is_learned_from_changed_images_does_not_depend_on_whether_features_are_stored(taught, values):
    results, run = taught
    changed = {
        "methods": ["similarity"],
        "students": [{"name": "lenet", "network": {"name": "lenet"}}],
        "teacher": {"network": run.learners[0].network.model_dump(), "training": run.training.model_dump()},
        "training": {"epochs": 1, "batch_size": 16, "augmentation": {"flip": True, "shift": 2}},
    }
    student = Plan(check_config(merge(values, changed))).run("similarity-lenet", 1)
    losses = []
    for limit in (4.0, 0.0):
        for layer in {layer for mentor in student.mentors for layer in mentor.layers}:
            write_features(run, layer, results, threads=1, limit=limit)
        train([student], results, 1)
        metrics = json.loads((student.folder(results) / "metrics.json").read_text())
        losses.append(metrics["learners"]["lenet"]["train_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
