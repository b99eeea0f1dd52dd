"""Images made from the teacher alone: what they are made for, that the teacher agrees, and that none was read."""

import json

import numpy as np
import pytest
import torch

from kdbench.classroom.learners import load_source
from kdbench.classroom.outputs import write_outputs
from kdbench.classroom.synthesise import class_similarity, draw_targets, facts_of, impressions, synthesise
from kdbench.classroom.train import train
from kdbench.config import check_config
from kdbench.data.store import load_packed, read_metadata, read_tensors
from kdbench.errors import KdbenchError
from kdbench.overlay import merge
from kdbench.plan import Plan
from kdbench.recipes.lesson import Synthesis

SMALL = {
    "teacher": {"network": {"name": "resnet8", "width": 0.5}, "training": {"epochs": 4, "batch_size": 16}},
    "students": [{"name": "a", "network": {"name": "lenet", "width": 0.5}}],
    "methods": ["zero-shot"],
}
ASKED = Synthesis(images=24, steps=40, learning_rate=0.05, temperature=5.0, scales=[1.0, 0.1])


@pytest.fixture
def plan(values):
    return Plan(check_config(merge(values, SMALL)))


@pytest.fixture
def taught(small_results, plan):
    """A results folder with a finished teacher whose training and test images are gone."""
    train([plan.run("teacher", 1)], small_results, 1)
    facts = {"classes": list("abcd"), "channels": 1, "image_size": 16, "mean": [0.4], "std": [0.3]}
    (small_results / "data" / "dataset.json").write_text(json.dumps(facts))
    for split in ("train", "test"):
        (small_results / "data" / f"{split}.safetensors").rename(small_results / f"{split}.away")
    return small_results


def made(plan, results, asked=ASKED):
    run = plan.run("impressions", 1).model_copy(update={"synthesis": asked})
    synthesise(run, results, 1)
    return run.folder(results)


def test_the_similarity_of_classes_is_the_cosine_of_their_weights():
    found = class_similarity(torch.tensor([[3.0, 4.0], [8.0, 6.0], [-3.0, -4.0]]))
    assert found.numpy() == pytest.approx(np.array([[1, 0.96, -1], [0.96, 1, -0.96], [-1, -0.96, 1]]), abs=1e-7)


SIMILARITY = torch.tensor([[1.0, 0.5, -0.5], [0.5, 1.0, 0.0], [-0.5, 0.0, 1.0]], dtype=torch.float64)


def asked_for(images, scales):
    return ASKED.model_copy(update={"images": images, "scales": scales})


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_targets_sum_to_one_and_their_mean_is_as_the_classes_similarities(scale):
    targets = draw_targets(SIMILARITY, asked_for(6000, [scale]), seed=1).double().numpy()
    assert targets.sum(1) == pytest.approx(np.ones(6000), abs=1e-6)
    # Similarities from the least to the greatest of a class become 0 to 1.
    concentrations = np.array([[1, 2 / 3, 0], [0.5, 1, 0], [0, 1 / 3, 1]])
    for own, drawn in zip(concentrations, (targets[number::3] for number in range(3)), strict=True):
        assert drawn.mean(0) == pytest.approx(own / own.sum(), abs=0.03)


def test_a_smaller_scale_draws_surer_targets():
    targets = draw_targets(SIMILARITY, asked_for(3000, [1.0, 0.1]), seed=1)
    scale = torch.arange(3000) // 3 % 2  # classes in turn, at one scale after the other
    assert targets[scale == 1].max(1).values.mean() > targets[scale == 0].max(1).values.mean() + 0.1


def test_other_seeds_draw_other_targets():
    first = draw_targets(SIMILARITY, ASKED, seed=1)
    assert torch.equal(draw_targets(SIMILARITY, ASKED, seed=1), first)
    assert not torch.equal(draw_targets(SIMILARITY, ASKED, seed=2), first)


def test_images_are_made_without_the_studys_and_packed_as_they_are(taught, plan):
    folder = made(plan, taught)
    packed = load_packed(folder / "images.safetensors")
    assert packed.images.shape == (24, 1, 16, 16)
    assert packed.images.dtype == torch.uint8
    assert packed.classes == tuple("abcd")
    assert (packed.mean, packed.std) == ((0.4,), (0.3,))
    assert set(packed.labels.tolist()) <= set(range(4))
    outputs = folder / "outputs-teacher.safetensors"
    assert read_metadata(outputs)["data"] == packed.digest
    teacher = load_source(plan.run("impressions", 1).learners[0].starts_from, taught, packed).eval()
    with torch.no_grad():
        expected = teacher(packed.images)
    assert read_tensors(outputs)["logits"].numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_images_repeated_are_the_same_bits(taught, plan):
    first = (made(plan, taught) / "images.safetensors").read_bytes()
    assert (made(plan, taught) / "images.safetensors").read_bytes() == first


def test_the_teacher_agrees_more_with_images_the_longer_they_are_made(taught, plan):
    facts = facts_of(taught)
    source = plan.run("impressions", 1).learners[0].starts_from
    teacher = load_source(source, taught, facts).eval().requires_grad_(False)
    targets = torch.eye(4).repeat(8, 1)

    def probability(steps):
        draws = torch.Generator().manual_seed(0)
        images = impressions(teacher, targets, ASKED.model_copy(update={"steps": steps}), facts, draws)
        softened = torch.softmax(teacher(images) / ASKED.temperature, 1)
        return (softened * targets).sum(1).mean().item()

    few, more, most = (probability(steps) for steps in (1, 10, 60))
    assert few + 0.01 < more < most


def test_a_student_learns_from_the_images_alone(taught, plan):
    made(plan, taught)
    (taught / "test.away").rename(taught / "data/test.safetensors")
    run = plan.run("zero-shot-a", 1)
    train([run.model_copy(update={"training": run.training.model_copy(update={"epochs": 1})})], taught, 1)
    metrics = json.loads((run.folder(taught) / "metrics.json").read_text())
    assert metrics["settings"]["images"]["made_by"]["run"] == "impressions"
    assert not (taught / "data/train.safetensors").exists()


def test_outputs_on_the_studys_images_are_not_taken_for_those_on_the_made_ones(taught, plan):
    made(plan, taught)
    for split in ("train", "test"):
        (taught / f"{split}.away").rename(taught / "data" / f"{split}.safetensors")
    teacher = plan.run("teacher", 1)
    write_outputs(teacher, taught, 1)
    run = plan.run("zero-shot-a", 1)
    wrong = run.mentors[0].model_copy(update={"run": "teacher"})
    with pytest.raises(KdbenchError, match="made from other training images"):
        train([run.model_copy(update={"mentors": [wrong]})], taught, 1)
