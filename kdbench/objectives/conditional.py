"""Conditional teacher-student learning: from the teacher where it is right, from the label where it is wrong.

Meng, Li, Zhao and Gong 2019, section 3.
"""

from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Mean over the batch of -sum_c t(c) log p(c), in nats; scalar.

    p is the student's distribution; t the teacher's, not softened, of an image whose label it gives the largest
    probability, and of any other image 1 for the label and 0 elsewhere.
    """
    theirs = knowledge.probabilities()
    right = theirs.argmax(1) == labels
    targets = theirs.where(right[:, None], F.one_hot(labels, theirs.shape[1]).to(theirs.dtype))
    return -(targets * prediction.log_probabilities()).sum(1).mean()
