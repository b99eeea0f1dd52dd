"""The epoch benchmark's contenders, one a file; here what they share: the epoch, the clock, the check of equal work.

A contender is made outside the clock, with a fresh student, and then trains it through one epoch, part by part, so that
contenders can take turns. All start from the same weights, take the same batches in the same order and draw the same
dropout masks, so those that distil end with the same mean loss; where they do not, they did not do the same work.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch

from benchmarks import workbench
from kdbench.classroom.epochs import batches
from kdbench.classroom.learners import Pupil, build_pupil
from kdbench.classroom.seeding import generator, stream_seed
from kdbench.data.store import PackedImages
from kdbench.errors import KdbenchError
from kdbench.files import write_with
from kdbench.run import Run

TOLERANCE = 1e-3
# How far the mean losses of two contenders' epochs may lie apart, in the loss's own unit, for students that multiply
# differences in the last bit. Unfused Adam, F.kl_div and pixels divided by 255 in place of kdbench's equivalents change
# the mean loss over 10,000 images by 0.0001 for LeNet, by up to 0.03 for AlexNet and MobileNet, and single steps by up
# to 0.5. What TOLERANCE would find with such students, the rehearsal finds.
DRIFT = {"alexnet": 0.1, "mobilenet": 0.1}


class Contender(Protocol):
    def train_part(self, part: int) -> float | None:
        """Train through one part of the epoch; parts are numbered from 1 and come in order.

        Gives the mean over the part's images of the loss that was minimised; None where it has none to compare.
        """


class Epoch:
    """One epoch of ``run`` over the first ``count`` images of ``data`` (None: all), cut into disjoint parts.

    ``images`` and ``batches`` hold indices int64, by part: of all its images, and of each batch in kdbench's order.
    """

    def __init__(self, run: Run, data: PackedImages, parts: int = 1, count: int | None = None) -> None:
        self.run = run.model_copy(update={"device": "cpu"})
        self.data = data
        pieces = torch.arange(len(data.labels))[:count].tensor_split(parts)
        self.images = dict(enumerate(pieces, start=1))
        self.batches = {
            part: [images[positions] for positions in batches(len(images), run.training.batch_size, order)]
            for part, images in self.images.items()
            for order in [generator(run.seed, "order", part)]
        }

    def all_batches(self) -> list[list[int]]:
        """The batches of all parts in order, as a data loader's batch sampler gives them."""
        return [batch.tolist() for part in self.batches.values() for batch in part]

    def student(self) -> Pupil:
        """With the first weights that ``kdbench train`` gives it; channels last, which suits the rivals too."""
        learner, precision = self.run.learners[0], self.run.training.precision
        return build_pupil(learner, self.data, seed=self.run.seed, precision=precision).train()

    def seed_dropout(self, part: int) -> None:
        """Set torch's global generator as kdbench does at the start of an epoch, so that dropout draws its masks."""
        torch.manual_seed(stream_seed(self.run.seed, "noise", self.run.name, part))

    @property
    def adam(self) -> dict[str, Any]:
        return {"lr": self.run.training.learning_rate, "weight_decay": self.run.training.weight_decay}

    @property
    def alpha(self) -> float:
        """The weight of the labels' loss; 1 - alpha is the teacher's."""
        return next(term.weight for term in self.run.objective if term.source == "labels" and term.weight is not None)

    @property
    def temperature(self) -> float:
        return next(float(term.options["temperature"]) for term in self.run.objective if term.source == "teacher")


Makers = Mapping[str, Callable[[Epoch], Contender]]


def in_turn(makers: Makers, turn: int) -> list[str]:
    """The contenders' names, another one first at every turn, since the first may find the machine cooler or colder."""
    names = list(makers)
    first = (turn - 1) % len(names)
    return names[first:] + names[:first]


def rehearse(makers: Makers, run: Run, data: PackedImages) -> None:
    """Let every contender train on a few images before anything is measured, at a learning rate next to nothing.

    So what torch does only once is done: imports, kernels chosen, threads started. And as the weights hardly move, no
    rounding error grows: here the losses of every student agree. Raises KdbenchError where they do not.
    """
    slow = run.model_copy(update={"training": run.training.model_copy(update={"learning_rate": 1e-6})})
    epoch = Epoch(slow, data, parts=2, count=256)
    rows = []
    for name, make in makers.items():
        contender = make(epoch)
        rows += [{"contender": name, **measured(contender, epoch, part)} for part in epoch.images]
    check_equal_work(pd.DataFrame(rows).assign(student=run.learners[0].name), ["student"], drift={})


def measured(contender: Contender, epoch: Epoch, part: int) -> dict[str, Any]:
    """One part trained: its images, the wall-clock seconds it took and the mean loss over it.

    Raises KdbenchError where the loss is infinite or not a number, as an empty cell would say that there is none.
    """
    start = time.perf_counter()
    loss = contender.train_part(part)
    seconds = time.perf_counter() - start
    if loss is not None and not math.isfinite(loss):
        raise KdbenchError(f"{type(contender).__name__}: the loss became {loss}")
    return {"images": len(epoch.images[part]), "seconds": seconds, "loss": loss}


def circumstances() -> dict[str, Any]:
    """What every row of a table says about where it was measured."""
    data = "real" if workbench.real_images() else "noise"
    return {"threads": torch.get_num_threads(), "torch": str(torch.__version__), "data": data}


def check_equal_work(table: pd.DataFrame, epoch: Sequence[str], drift: Mapping[str, float] = DRIFT) -> None:
    """Raise KdbenchError unless every contender that has a loss has kdbench's mean loss in every epoch.

    ``epoch`` names the columns that tell one epoch from another, ``student`` first; the rows of one are its parts.
    ``drift`` is the tolerance of the students that have one of their own.
    """
    table = table.dropna(subset="loss")
    for (student, *rest), rows in table.groupby(list(epoch)):
        total = (rows["loss"] * rows["images"]).groupby(rows["contender"]).sum()
        means = total / rows["images"].groupby(rows["contender"]).sum()
        unequal = means[~((means - means["kdbench"]).abs() <= drift.get(student, TOLERANCE))]
        if len(unequal):
            where = ", ".join([student, *map(str, rest)])
            found = ", ".join(f"{mean:.6f} of {name}" for name, mean in unequal.items())
            raise KdbenchError(f"{where}: unequal work: mean loss {found}, but {means['kdbench']:.6f} of kdbench")


def write_table(table: pd.DataFrame, path: Path) -> None:
    write_with(path, lambda temporary: table.to_csv(temporary, index=False))
