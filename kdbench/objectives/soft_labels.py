"""Soft labels: the divergence from a teacher's or peer's softened prediction.

Hinton, Vinyals and Dean 2015, section 2; TS and P of the paper's equation 1.
"""

from torch import Tensor

from kdbench.objectives.prediction import Prediction


def loss(
    prediction: Prediction,
    labels: Tensor,
    knowledge: Prediction,
    *,
    temperature: float,
    scale_by_temperature_squared: bool,
) -> Tensor:
    """Mean over the batch of KL(knowledge || prediction), both softened by ``temperature``, in nats; scalar.

    ``scale_by_temperature_squared`` multiplies it by T squared, so that its gradient keeps its size as T grows.
    """
    log_q = prediction.log_probabilities(temperature)
    log_p = knowledge.log_probabilities(temperature)
    divergence = (knowledge.probabilities(temperature) * (log_p - log_q)).sum(1).mean()
    return divergence * temperature**2 if scale_by_temperature_squared else divergence
