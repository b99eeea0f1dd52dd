"""The trained parts of losses that have some: made from the shapes of the features they compare."""

import importlib

import torch
from torch import nn

from kdbench.classroom.learners import Pupil
from kdbench.classroom.losses import TEACHER, adapter_name
from kdbench.classroom.mentors import Mentors
from kdbench.classroom.seeding import stream_seed
from kdbench.data.store import PackedImages
from kdbench.objectives.prediction import Prediction
from kdbench.run import Run

ROLES = {"teacher": "teacher", "peers": "peer"}


def build_adapters(
    run: Run, pupils: dict[str, Pupil], mentors: Mentors, data: PackedImages, device: torch.device
) -> nn.ModuleDict:
    """One for each learner, each term whose loss has an ``Adapter``, and each it listens to there."""
    adapters = nn.ModuleDict()
    for place, term in enumerate(run.objective):
        kind = getattr(importlib.import_module(f"kdbench.objectives.{term.loss}"), "Adapter", None)
        if kind is None:
            continue
        index = torch.arange(2, device=device)
        images = data.images[:2].to(device)
        said = {name: glimpse(pupil, images) for name, pupil in pupils.items()}
        finished = mentors.predictions(ROLES[term.source], index, images)
        for name in pupils:
            live = [said[other] for other in pupils if other != name] if run.live_peers else []
            live = live if term.source == "peers" else [said[TEACHER]] if run.live_teacher else []
            for number, source in enumerate([*live, *finished]):
                torch.manual_seed(stream_seed(run.seed, "adapter", name, place, number))
                adapters[adapter_name(name, place, number)] = kind(
                    student=shapes(said[name], [own for own, _ in term.layers]),
                    knowledge=shapes(source, [theirs for _, theirs in term.layers]),
                    images=len(data.images),
                    classes=len(data.classes),
                    **term.options_of("Adapter"),
                )
    return adapters.to(device)


@torch.no_grad()
def glimpse(pupil: Pupil, images: torch.Tensor) -> Prediction:
    return pupil.eval().predict(images)


def shapes(prediction: Prediction, layers: list[str]) -> list[tuple[int, ...]]:
    """Of the features of ``layers``, without the batch; of no layers, those of the logits."""
    features = prediction.with_features(layers).features if layers else [prediction.logits]
    return [tuple(feature.shape[1:]) for feature in features]
