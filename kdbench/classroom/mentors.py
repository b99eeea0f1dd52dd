"""Mentors' stored outputs: read once, looked up by image index, so no run pays a mentor's forward pass."""

from pathlib import Path

import torch
from torch import Tensor

from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil
from kdbench.data.store import PackedImages, read_metadata, read_tensors, write_tensors
from kdbench.errors import KdbenchError
from kdbench.objectives.prediction import Prediction
from kdbench.plan import Mentor


class Mentors:
    """Logits of a run's mentors on all training images, by role; each [N, classes] on the device."""

    def __init__(self, mentors: list[Mentor], results: Path, data: PackedImages, device: torch.device) -> None:
        self.logits: dict[str, list[Tensor]] = {"teacher": [], "peer": []}
        self.digests: dict[str, str] = {}
        for mentor in mentors:
            path = mentor.outputs_path(results)
            metadata = read_metadata(path)
            if metadata.get("data") != data.digest:
                raise KdbenchError(f"{path}: made from other training images: delete it and run again")
            self.digests[f"{mentor.run}/seed{mentor.seed}/{mentor.learner}"] = metadata["digest"]
            self.logits[mentor.role].append(read_tensors(path)["logits"].to(device))

    def predictions(self, role: str, index: Tensor) -> list[Prediction]:
        """Predictions of the mentors of ``role`` on the training images ``index`` [B]."""
        return [Prediction(logits[index]) for logits in self.logits[role]]


def store_outputs(pupil: Pupil, data: PackedImages, path: Path, device: torch.device) -> None:
    """Write a finished learner's logits, float32 [N, classes], on all training images."""
    logits = predict_logits(pupil, data.images, device)
    write_tensors(path, {"logits": logits}, {"data": data.digest})
