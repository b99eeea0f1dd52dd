"""Dark knowledge with permuted predictions (DKPP): soft labels whose smaller probabilities changed places at random.

Furlanello, Lipton, Tschannen, Itti and Anandkumar 2018, section 3.2: what is left of soft labels without the
teacher's knowledge of which classes resemble each other.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Mean over the batch of KL(permuted knowledge || prediction), neither softened, in nats; scalar."""
    log_p = permuted(knowledge.log_probabilities())
    return (log_p.exp() * (log_p - prediction.log_probabilities())).sum(1).mean()


def permuted(values: Tensor) -> Tensor:
    """Rows of ``values`` [B, classes], all but the largest of each in a random order, drawn for each row."""
    largest = F.one_hot(values.argmax(1), values.shape[1]).bool()
    places = (~largest).int().argsort(dim=1, stable=True)  # the largest's, then the others' from the first to the last
    order = torch.rand_like(values).masked_fill(largest, -1).argsort(1)  # the largest's, then the others' in any order
    return torch.empty_like(values).scatter(1, places, values.gather(1, order))
