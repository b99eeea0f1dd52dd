"""The epoch loop: the only one in this package, whatever the method."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from kdbench.classroom.augment import augment, draw_changes
from kdbench.classroom.evaluate import Evaluation, predict_logits
from kdbench.classroom.images import TrainingImages
from kdbench.classroom.learners import Pupil
from kdbench.classroom.losses import Losses
from kdbench.classroom.mentors import Mentors
from kdbench.classroom.peer_copies import PeerCopies
from kdbench.classroom.seeding import generator, stream_seed
from kdbench.errors import KdbenchError
from kdbench.run import Run


@dataclass
class Classroom:
    """All that an epoch works on.

    ``images`` and ``labels`` int64 [N], on the device, are the whole training set; ``training`` and ``validation``
    are the indices int64, on the CPU, of those learned from and of those held out. ``copies`` are what learners hear
    of their live peers, where it is not what those say now.
    """

    run: Run
    pupils: dict[str, Pupil]
    losses: Losses
    mentors: Mentors
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    images: TrainingImages
    labels: Tensor
    training: Tensor
    validation: Tensor
    device: torch.device
    copies: PeerCopies | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


def batches(count: int, size: int, order: torch.Generator) -> list[Tensor]:
    """Positions 0..count-1 in random order, cut into batches.

    A last batch of one image joins the batch before it, since batch normalisation cannot train on one.
    """
    cuts = list(torch.randperm(count, generator=order).split(size))
    if len(cuts) > 1 and len(cuts[-1]) == 1:
        cuts[-2:] = [torch.cat(cuts[-2:])]
    return cuts


def steps_per_epoch(count: int, size: int) -> int:
    full, rest = divmod(count, size)
    return full + (rest > 1) + (full == 0 and rest == 1)


def train_epoch(room: Classroom, epoch: int) -> None:
    """Train every learner on every training image once, and append a row a learner to the history.

    Raises KdbenchError where a loss becomes infinite or not a number.
    """
    run = room.run
    variant = [run.variant] if run.variant else []
    order = generator(run.seed, "order", epoch, *variant)
    draws = generator(run.seed, "augmentation", epoch, *variant)
    torch.manual_seed(stream_seed(run.seed, "noise", run.name, epoch))
    for pupil in room.pupils.values():
        pupil.train()
    sums = {name: Sums(room.device) for name in room.pupils}
    heard = room.copies is None or room.copies.heard(epoch)
    cuts = [room.training[positions] for positions in batches(len(room.training), run.training.batch_size, order)]
    changes = draw_changes(run.training.augmentation, [len(cut) for cut in cuts], draws, room.device)
    for (index, images), change in zip(room.images.batches(cuts), changes, strict=True):
        labels = room.labels[index]
        seen = augment(images, change)
        predictions = {name: pupil.predict(seen, index) for name, pupil in room.pupils.items()}
        losses = room.losses(
            predictions,
            labels,
            room.mentors.predictions("teacher", index, images),
            room.mentors.predictions("peer", index, images),
            room.copies.predictions(seen, index) if room.copies and heard else None,
            live_peers_heard=heard,
        )
        torch.stack([loss["total"] for loss in losses.values()]).sum().backward()
        room.optimizer.step()
        room.optimizer.zero_grad()  # here, so that no gradients take up memory in the next forward pass
        room.schedule.step()
        if room.copies:
            room.copies.follow(room.pupils)
        for name, loss in losses.items():
            sums[name].add(loss, predictions[name].logits, labels)
    for name, total in sums.items():
        means = total.means()
        if not math.isfinite(means["train_loss"]):
            raise KdbenchError(
                f"{run.name} seed {run.seed}: the loss of {name} became {means['train_loss']} in epoch {epoch} "
                f"(learning rate {run.training.learning_rate:g}): lower learning_rate in the configuration"
            )
        room.history.append({"learner": name, "epoch": epoch, **means, **validation_figures(room, name)})


class Sums:
    """Running sums over an epoch, kept on the device so that no step waits for the host."""

    def __init__(self, device: torch.device) -> None:
        self.losses: dict[str, Tensor] = {}
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self.images = 0

    def add(self, losses: dict[str, Tensor], logits: Tensor, labels: Tensor) -> None:
        for source, loss in losses.items():
            weighted = loss.detach().double() * len(labels)
            self.losses[source] = self.losses[source] + weighted if source in self.losses else weighted
        self.correct += (logits.detach().argmax(1) == labels).sum()
        self.images += len(labels)

    def means(self) -> dict[str, float]:
        """Mean loss over the epoch's images, whole and by source, and accuracy in percent, measured while learning."""
        means = {
            "train_loss": self.losses["total"].item() / self.images,
            "train_accuracy": 100 * self.correct.item() / self.images,
        }
        sources = (source for source in self.losses if source != "total")
        return means | {f"loss_{source}": self.losses[source].item() / self.images for source in sources}


def validation_figures(room: Classroom, name: str) -> dict[str, float]:
    if not len(room.validation):
        return {}
    logits = predict_logits(room.pupils[name], room.images.tensor, room.device, room.validation)
    held_out = Evaluation(logits, room.labels.cpu()[room.validation])
    return {"validation_loss": held_out.loss, "validation_accuracy": held_out.accuracy}
