"""Specialists: networks that learn to tell a few classes apart which a generalist confuses; all others are one to them.

Hinton, Vinyals and Dean 2015, sections 5.2 and 5.3.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kdbench.classroom.seeding import generator
from kdbench.data.store import PackedImages, read_tensors
from kdbench.errors import KdbenchError
from kdbench.run import Run

DUSTBIN = "others"


def special_classes(run: Run, results: Path) -> list[int] | None:
    """The classes of the run's specialist, ascending; None where the run trains none."""
    choice = run.images
    if choice.confused_by is None:
        return None
    logits = read_tensors(choice.confused_by.outputs_path(results))["logits"]
    if logits.shape[1] < choice.of:
        raise KdbenchError(
            f"{run.name}: {logits.shape[1]} classes do not fall into {choice.of} groups of confusable ones: "
            "ask for fewer in the recipe's images.of, or leave the method out"
        )
    return confused_classes(logits, choice.of)[choice.specialist - 1]


def confused_classes(logits: Tensor, groups: int) -> list[list[int]]:
    """Classes that a generalist tends to predict together, as ``groups`` lists, from its logits [N, classes].

    By k-means on the columns of the covariance of its predictions: section 5.3. Of few classes k-means would make
    groups of one class, which leave nothing to tell apart: each class goes to the centre that a least sum of squared
    distances gives it where no group is larger than another by more than one class.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist
    from sklearn.cluster import KMeans

    covariance = np.cov(torch.softmax(logits.double(), 1).numpy().T)
    centres = KMeans(groups, n_init=10, random_state=0).fit(covariance).cluster_centers_
    distances = cdist(covariance, centres, "sqeuclidean")
    # Each centre has as many places as all can fill, and one more, dearer than any, for classes left over.
    full = len(covariance) // groups
    places = np.hstack([np.repeat(distances, full, axis=1), distances + distances.sum()])
    centre_of = np.append(np.repeat(np.arange(groups), full), np.arange(groups))
    found = centre_of[linear_sum_assignment(places)[1]]
    return sorted(np.flatnonzero(found == group).tolist() for group in range(groups))


def relabelled(data: PackedImages, classes: list[int]) -> PackedImages:
    """The same images, labelled by their place among ``classes``, all others as one class more, the dustbin."""
    places = torch.full((len(data.classes),), len(classes))
    places[classes] = torch.arange(len(classes))
    names = (*(data.classes[each] for each in classes), DUSTBIN)
    return replace(data, labels=places[data.labels], classes=names)


def half_special(training: Tensor, labels: Tensor, run: Run) -> Tensor:
    """Of the images ``training``, all that are special and as many others, drawn at the run's seed: section 5.2.

    ``labels`` are those of ``relabelled``, whose largest is the dustbin.
    """
    special = training[labels[training] != labels.max()]
    others = training[labels[training] == labels.max()]
    drawn = torch.randperm(len(others), generator=generator(run.seed, "others", run.name))[: len(special)]
    return torch.cat([special, others[drawn]]).sort().values
