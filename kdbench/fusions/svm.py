"""A support vector machine on each member's embedding, their scores averaged: Mahbod et al. 2019."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kdbench.classroom.features import all_features
from kdbench.classroom.learners import Pupil
from kdbench.data.store import PackedImages
from kdbench.data.subset import stratified_subset


def fuse(
    members: Sequence[Pupil],
    training: PackedImages,
    images: Tensor,
    device: torch.device,
    *,
    most_images: float = 5000,
) -> Tensor:
    """Log of the mean probability that the members' machines give, float64 [N, classes].

    Each member's machines, one a class against the rest (radial basis functions, scikit-learn's defaults, on
    standardised embeddings), learn from at most ``most_images`` training images, since their time grows with the square
    of that; their scores become probabilities by a softmax over the distances to their boundaries.
    """
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    labels = training.labels.numpy()
    chosen = stratified_subset(labels, round(most_images), "most_images")
    said = []
    for member in members:
        member.eval().watch(["embedding"])
        known = all_features(member, "embedding", training.images[torch.from_numpy(chosen)], device)
        asked = all_features(member, "embedding", images, device)
        machine = make_pipeline(StandardScaler(), OneVsRestClassifier(SVC()))
        machine.fit(known.float().numpy(), labels[chosen])
        # SVC's own "ovr" scores are votes of one-against-one machines, however it is asked.
        distances = np.asarray(machine.decision_function(asked.float().numpy()))
        if distances.ndim == 1:  # of two classes, the distance to the second
            distances = np.stack([-distances, distances], axis=1)
        said.append(torch.softmax(torch.from_numpy(distances).double(), 1))
    return torch.stack(said).mean(0).log()
