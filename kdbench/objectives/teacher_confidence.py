"""Cross-entropy weighted by the teacher's confidence (CWTM), whether or not the teacher is right.

Furlanello, Lipton, Tschannen, Itti and Anandkumar 2018, section 3.2: what is left of soft labels without the
probabilities of the wrong classes.
"""

from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Sum over the batch of w_i times -log p_i(label), in nats; scalar.

    w_i is the largest of the teacher's probabilities of image i, divided by the sum of these over the batch.
    """
    confidence = knowledge.probabilities().amax(1)
    losses = F.nll_loss(prediction.log_probabilities(), labels, reduction="none")
    return (confidence / confidence.sum() * losses).sum()
