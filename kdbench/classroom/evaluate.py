"""What a network makes of a set of images, without training."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 500


@torch.no_grad()
def predict_logits(network: nn.Module, images: Tensor, device: torch.device) -> Tensor:
    """Logits, float32 [N, classes] on the CPU, of ``network`` in evaluation mode on uint8 images [N, C, H, W]."""
    network.eval()
    return torch.cat([network(chunk.to(device)).cpu() for chunk in images.split(CHUNK)])


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
