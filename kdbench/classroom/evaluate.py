"""What a network makes of a set of images, without training."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.classroom.learners import Pupil

CHUNK = {"cpu": 64, "cuda": 256}  # images at once: little enough for a processor's caches, enough to keep a GPU busy


@torch.no_grad()
def predict_logits(pupil: Pupil, images: Tensor, device: torch.device, index: Tensor | None = None) -> Tensor:
    """Logits, float32 [N, classes] on the CPU, of ``pupil`` in evaluation mode on uint8 images [N, C, H, W].

    With ``index`` int64 [M]: on those images only, [M, classes].
    """
    pupil.eval()
    size = CHUNK[device.type]
    chunks = images.split(size) if index is None else (images[part.to(images.device)] for part in index.split(size))
    return torch.cat([pupil(chunk.to(device)) for chunk in chunks]).cpu()


@dataclass(frozen=True)
class Evaluation:
    """Logits [N, classes] held against labels int64 [N]."""

    logits: Tensor
    labels: Tensor

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100 * (self.logits.argmax(1) == self.labels).double().mean().item()

    @property
    def loss(self) -> float:
        """Mean cross-entropy, in nats."""
        return F.cross_entropy(self.logits.double(), self.labels).item()

    def classes_and_confidences(self) -> tuple[Tensor, Tensor]:
        """Predicted class, int64 [N], and its probability, [N]."""
        confidence, predicted = torch.softmax(self.logits.double(), 1).max(1)
        return predicted, confidence
