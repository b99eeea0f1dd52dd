"""Build the networks of a run, with the views they see images through."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from kdbench.classroom.device import arithmetic
from kdbench.classroom.seeding import stream_seed
from kdbench.classroom.specialist import relabelled, special_classes
from kdbench.classroom.view import View
from kdbench.data.store import PackedImages, read_tensors
from kdbench.finished import read_metrics
from kdbench.networks.build import build_network
from kdbench.networks.construct import construct
from kdbench.networks.features import Features
from kdbench.networks.weights import fit_weights, load_initial_weights
from kdbench.objectives.prediction import Prediction
from kdbench.run import Learner, Run, Source


class Pupil(nn.Module):
    """A network and its view: uint8 images [B, C, H, W] to float32 logits [B, classes].

    ``name`` is the network's in the catalogue; ``classes`` are those that a specialist tells apart, ascending, the
    last logit being that of all others.
    """

    def __init__(
        self, view: View, network: nn.Module, precision: str, name: str, classes: list[int] | None = None
    ) -> None:
        super().__init__()
        self.classes = classes
        self.view, self.network, self.precision, self.name = view, network, precision, name
        self.features: Features | None = None

    def forward(self, images: Tensor) -> Tensor:
        precision = arithmetic(self.precision, images.device.type)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = self.network(self.view(images))
        return logits.float()

    def watch(self, layers: Iterable[str]) -> None:
        """Keep the outputs of ``layers`` from now on, for ``predict``."""
        self.features = Features(self.network, self.name, layers)

    def predict(self, images: Tensor, index: Tensor | None = None) -> Prediction:
        """Logits and the watched layers' outputs; ``index`` are the images' places in the training set."""
        logits = self(images)
        return Prediction(logits, dict(self.features.latest) if self.features else None, index)


def build_pupil(
    learner: Learner, data: PackedImages, *, seed: int, precision: str, variant: str = "", results: Path | None = None
) -> Pupil:
    """The learner's network, its first weights drawn from ``seed``, the learner's name and ``variant``, or loaded.

    ``results`` is the study's folder, which holds the weights of a learner that starts from another run's.
    """
    channels, height = data.images.shape[1], data.images.shape[2]
    torch.manual_seed(stream_seed(seed, "weights", learner.name, *([variant] if variant else [])))
    network = build_network(
        learner.network, classes=len(data.classes), channels=channels, image_size=height * learner.upscale
    )
    load_initial_weights(network, learner)
    if learner.starts_from and results:
        fit_weights(network, read_tensors(learner.starts_from.weights_path(results)), learner)
    if learner.construction:
        construct(network, learner.construction)
    network = network.to(memory_format=torch.channels_last)
    view = View(learner.input_scaling, learner.upscale, data, learner.view)
    return Pupil(view, network, precision, learner.network.name)


def load_finished_pupil(run: Run, learner: Learner, results: Path, data: PackedImages) -> Pupil:
    """A learner of a finished run, with its trained weights."""
    fresh = learner.model_copy(update={"weights": "none", "starts_from": None})
    classes = special_classes(run, results)
    taught = relabelled(data, classes) if classes else data
    pupil = build_pupil(fresh, taught, seed=run.seed, precision=run.training.precision)
    pupil.classes = classes
    pupil.network.load_state_dict(read_tensors(run.folder(results) / f"weights-{learner.name}.safetensors"))
    return pupil


def load_source(source: Source, results: Path, data: PackedImages) -> Pupil:
    """A finished learner of another run, built as that run's metrics.json says."""
    metrics = read_metrics(source.folder(results))
    run = Run.model_validate_json(json.dumps(metrics["settings"]))
    learner = next(learner for learner in run.learners if learner.name == source.learner)
    return load_finished_pupil(run, learner, results, data)
