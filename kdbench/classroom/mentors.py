"""Mentors' stored outputs: read once, looked up by image index, so no run pays a mentor's forward pass."""

from pathlib import Path

import torch
from torch import Tensor

from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil, load_source
from kdbench.data.store import PackedImages, read_metadata, read_tensors, write_tensors
from kdbench.errors import KdbenchError
from kdbench.objectives.prediction import Prediction
from kdbench.run import Mentor

Layers = dict[str, Tensor] | Pupil  # stored features float16 [N, ...] by layer, or who is asked for them


class Mentors:
    """Logits of a run's mentors on all training images, by role; each [N, classes] on the device.

    The features of a mentor that a loss compares are looked up too, in a file that stays mapped; where they would be
    too large for one, the mentor is asked anew for each batch.
    """

    def __init__(self, mentors: list[Mentor], results: Path, data: PackedImages, device: torch.device) -> None:
        self.device = device
        self.logits: dict[str, list[Tensor]] = {"teacher": [], "peer": []}
        self.layers: dict[str, list[Layers]] = {"teacher": [], "peer": []}
        self.digests: dict[str, str] = {}
        for mentor in mentors:
            path = mentor.outputs_path(results)
            self.digests[f"{mentor.run}/seed{mentor.seed}/{mentor.learner}"] = checked(path, data)["digest"]
            self.logits[mentor.role].append(read_tensors(path)["logits"].to(device))
            self.layers[mentor.role].append(layers_of(mentor, results, data, device))

    def predictions(self, role: str, index: Tensor, images: Tensor | None = None) -> list[Prediction]:
        """Predictions of the mentors of ``role`` on the training images ``index`` [B], ``images`` before any change."""
        return [
            Prediction(logits[index], self.looked_up(layers, index, images), index)
            for logits, layers in zip(self.logits[role], self.layers[role], strict=True)
        ]

    @torch.no_grad()
    def looked_up(self, layers: Layers, index: Tensor, images: Tensor | None) -> dict[str, Tensor]:
        if isinstance(layers, Pupil):
            assert images is not None
            return {name: as_stored(found).float() for name, found in layers.predict(images).layers.items()}
        if not layers:
            return {}
        rows = index.cpu()
        return {name: stored[rows].to(self.device).float() for name, stored in layers.items()}


def checked(path: Path, data: PackedImages) -> dict[str, str]:
    """The metadata of a mentor's stored knowledge; raises KdbenchError where it is of other images."""
    metadata = read_metadata(path)
    if metadata.get("data") != data.digest:
        raise KdbenchError(f"{path}: made from other training images: delete it and run again")
    return metadata


def layers_of(mentor: Mentor, results: Path, data: PackedImages, device: torch.device) -> Layers:
    """The stored features of a mentor's layers, or the mentor itself where one of them is not stored."""
    files = {layer: mentor.features_path(results, layer) for layer in mentor.layers}
    if all(checked(path, data)["stored"] == "yes" for path in files.values()):
        return {layer: read_tensors(path, verify=False)["features"] for layer, path in files.items()}
    pupil = load_source(mentor, results, data).to(device).eval()
    pupil.watch(mentor.layers)
    return pupil


def as_stored(features: Tensor) -> Tensor:
    """Features as their files hold them, so that a mentor asked anew says the same."""
    return features.half()


def store_outputs(pupil: Pupil, data: PackedImages, path: Path, device: torch.device) -> None:
    """Write a finished learner's logits, float32 [N, classes], on all training images."""
    logits = predict_logits(pupil, data.images, device)
    write_tensors(path, {"logits": logits}, {"data": data.digest})
