"""A batch of logits with its softened probabilities, each computed once however many losses ask for it."""

import torch
from torch import Tensor


class Prediction:
    """Logits [B, classes] of one network on one batch."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self._log_probabilities: dict[float, Tensor] = {}
        self._probabilities: dict[float, Tensor] = {}

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        """log softmax(logits / temperature), [B, classes], in nats."""
        if temperature not in self._log_probabilities:
            softened = self.logits if temperature == 1 else self.logits / temperature
            self._log_probabilities[temperature] = torch.log_softmax(softened, dim=1)
        return self._log_probabilities[temperature]

    def probabilities(self, temperature: float = 1.0) -> Tensor:
        """softmax(logits / temperature), [B, classes]."""
        if temperature not in self._probabilities:
            self._probabilities[temperature] = self.log_probabilities(temperature).exp()
        return self._probabilities[temperature]

    def detached(self) -> "Prediction":
        """The same prediction as knowledge for others: no gradient flows back through it."""
        return DetachedPrediction(self)


class DetachedPrediction(Prediction):
    def __init__(self, prediction: Prediction) -> None:
        super().__init__(prediction.logits.detach())
        self.original = prediction

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        return self.original.log_probabilities(temperature).detach()
