"""Cross-entropy with the true label: S of the paper's equation 1."""

from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction | None = None) -> Tensor:
    """Mean over the batch of -log p(label), in nats; scalar."""
    return F.nll_loss(prediction.log_probabilities(), labels)
