"""A batch of logits with its softened probabilities, each computed once however many losses ask for it."""

import math
from collections.abc import Mapping, Sequence
from copy import copy

import torch
from torch import Tensor


class Prediction:
    """What one network says of one batch: logits [B, classes] and, where a loss compares them, its features.

    ``layers`` holds the outputs of layers by name, [B, channels, height, width] of stages and [B, width] of the
    embedding; ``features`` those of the layers that a loss is told to compare, in its order. ``index`` int64 [B] are
    the images' places in the training set.
    """

    def __init__(self, logits: Tensor, layers: Mapping[str, Tensor] | None = None, index: Tensor | None = None) -> None:
        self.logits, self.layers, self.index = logits, layers or {}, index
        self.features: list[Tensor] = []
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

    def with_features(self, layers: Sequence[str]) -> "Prediction":
        """The same prediction, sharing what has been computed, with the features of these layers."""
        shared = copy(self)
        shared.features = [self.layers[layer] for layer in layers]
        return shared

    def detached(self) -> "Prediction":
        """The same prediction as knowledge for others: no gradient flows back through it."""
        return DetachedPrediction(self)


class DetachedPrediction(Prediction):
    def __init__(self, prediction: Prediction) -> None:
        layers = {name: features.detach() for name, features in prediction.layers.items()}
        super().__init__(prediction.logits.detach(), layers, prediction.index)
        self.original = prediction

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        return self.original.log_probabilities(temperature).detach()


class AveragePrediction(Prediction):
    """What several say together: the mean of their probabilities, however softened, and of their logits."""

    def __init__(self, members: Sequence[Prediction]) -> None:
        super().__init__(torch.stack([member.logits for member in members]).mean(0), index=members[0].index)
        self.members = members

    def log_probabilities(self, temperature: float = 1.0) -> Tensor:
        if temperature not in self._log_probabilities:
            logs = torch.stack([member.log_probabilities(temperature) for member in self.members])
            self._log_probabilities[temperature] = torch.logsumexp(logs, 0) - math.log(len(self.members))
        return self._log_probabilities[temperature]
