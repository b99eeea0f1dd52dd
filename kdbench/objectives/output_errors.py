"""Soft labels weighted by the teacher's own error on each image: the worse it knows it, the less it is listened to.

After Kim et al. 2019, whose weight falls exponentially with the teacher's word error rate on a spoken sentence.
"""

import torch
from torch import Tensor

from kdbench.objectives.prediction import Prediction


def loss(
    prediction: Prediction,
    labels: Tensor,
    knowledge: Prediction,
    *,
    temperature: float,
    scale_by_temperature_squared: bool,
    decay: float = 1.0,
) -> Tensor:
    """Mean over the batch of exp(-decay e) KL(knowledge || prediction), softened by ``temperature``, in nats; scalar.

    e is the teacher's error on the image, 1 - its probability of the label (not softened), from 0 to 1.
    """
    errors = 1 - knowledge.probabilities().gather(1, labels[:, None]).squeeze(1)
    log_q, log_p = prediction.log_probabilities(temperature), knowledge.log_probabilities(temperature)
    divergences = (knowledge.probabilities(temperature) * (log_p - log_q)).sum(1)
    weighted = (torch.exp(-decay * errors) * divergences).mean()
    return weighted * temperature**2 if scale_by_temperature_squared else weighted
