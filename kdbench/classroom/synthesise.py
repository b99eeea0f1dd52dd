"""Make training images from the teacher alone, without reading one: data impressions.

Nayak, Mopuri, Shaj, Babu and Chakraborty, "Zero-Shot Knowledge Distillation in Deep Networks", 2019. How alike the
teacher holds two classes to be follows from the weights of its last layer; targets are drawn for each class from a
Dirichlet distribution of that likeness, and images optimised until the teacher answers so.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.classroom.device import set_up_device
from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil, load_source
from kdbench.classroom.records import write_metrics
from kdbench.classroom.seeding import generator, stream_seed
from kdbench.data.store import PackedImages, write_tensors
from kdbench.errors import KdbenchError
from kdbench.networks.catalogue import NETWORKS
from kdbench.recipes.lesson import Synthesis
from kdbench.run import Run

BATCH = 100
LEAST = 1e-3  # of a Dirichlet distribution's concentrations, which must be above zero


def synthesise(run: Run, results: Path, threads: int, slots_per_gpu: int = 1) -> None:
    """Write ``images.safetensors``, packed like the training images and labelled with each target's likeliest class,
    and the teacher's logits on them."""
    assert run.synthesis is not None
    device = set_up_device(run.device, threads, slots_per_gpu)
    [learner] = run.learners
    assert learner.starts_from is not None
    facts = facts_of(results)
    start = time.perf_counter()
    teacher = load_source(learner.starts_from, results, facts).to(device).eval().requires_grad_(False)
    head = teacher.network.get_submodule(NETWORKS[learner.network.name].head)
    targets = draw_targets(class_similarity(head.weight), run.synthesis, run.seed)  # type: ignore[arg-type]
    images = torch.cat(
        [
            impressions(teacher, part.to(device), run.synthesis, facts, generator(run.seed, "impressions", number))
            for number, part in enumerate(targets.split(BATCH))
        ]
    )
    folder = run.folder(results)
    # Mean and standard deviation are the study's, so that whoever learns here sees the test images alike.
    metadata = {key: json.dumps(getattr(facts, key)) for key in ("classes", "mean", "std")}
    digest = write_tensors(folder / "images.safetensors", {"images": images, "labels": targets.argmax(1)}, metadata)
    logits = predict_logits(teacher, images, device)
    write_tensors(folder / f"outputs-{learner.name}.safetensors", {"logits": logits}, {"data": digest})
    agreed = 100 * (logits.argmax(1) == targets.argmax(1)).double().mean().item()
    write_metrics(
        run,
        results,
        device,
        {
            "epochs": 0,
            "objective": [],
            "learners": {},
            "images": len(images),
            "agreement": agreed,
            "seconds": round(time.perf_counter() - start, 3),
            "epoch_seconds": [],
            "digests": {"code": run.code_digest(), "images": digest},
        },
    )
    print(f"{len(images)} images; the teacher gives {agreed:.1f} % of them the class they were made for", flush=True)


def facts_of(results: Path) -> PackedImages:
    """What a network must know of the study's images, but for the images: none are read."""
    path = results / "data" / "dataset.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    empty = torch.empty(0, facts["channels"], facts["image_size"], facts["image_size"], dtype=torch.uint8)
    return PackedImages(
        empty, torch.empty(0), tuple(facts["classes"]), tuple(facts["mean"]), tuple(facts["std"]), digest=""
    )


def class_similarity(weights: Tensor) -> Tensor:
    """Cosine of each two classes' weights [classes, width] in the last layer, [classes, classes]: equation 4."""
    unit = F.normalize(weights.detach().double().cpu(), dim=1)
    return unit @ unit.T


def draw_targets(similarity: Tensor, asked: Synthesis, seed: int) -> Tensor:
    """Probabilities float32 [images, classes]: as many of each class, of each class as many of each scale.

    A class's concentrations are its similarities, scaled to 0..1, times the scale: section 3.2.
    """
    lowest, highest = similarity.min(1, keepdim=True).values, similarity.max(1, keepdim=True).values
    concentrations = ((similarity - lowest) / (highest - lowest)).clamp_min(LEAST).numpy()
    draws = np.random.default_rng(stream_seed(seed, "targets"))
    kinds = [scale * own for scale in asked.scales for own in concentrations]
    drawn = [draws.dirichlet(kinds[number % len(kinds)]) for number in range(asked.images)]
    return torch.from_numpy(np.array(drawn)).float()


def impressions(
    teacher: Pupil, targets: Tensor, asked: Synthesis, facts: PackedImages, draws: torch.Generator
) -> Tensor:
    """Images uint8 [B, C, H, W] on the CPU that the teacher answers about as ``targets`` [B, classes]: equation 2."""
    _, channels, height, width = facts.images.shape
    pixels = torch.rand(len(targets), channels, height, width, generator=draws).to(targets.device).requires_grad_()
    optimizer = torch.optim.Adam([pixels], lr=asked.learning_rate)
    for _ in range(asked.steps):
        loss = F.cross_entropy(teacher(255 * pixels) / asked.temperature, targets, reduction="sum")
        if not torch.isfinite(loss):
            raise KdbenchError("the images' loss became infinite or not a number: lower learning_rate in the recipe")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    return (255 * pixels.detach()).round().to(torch.uint8).cpu()
