"""kdbench's own epoch, as ``kdbench train`` runs it: the teacher's logits are stored, the images lie in memory."""

from pathlib import Path

from benchmarks import workbench
from benchmarks.contenders import Epoch
from kdbench.classroom.epochs import train_epoch


class KdbenchEpoch:
    """Each part is a ``train_epoch`` on the part's images; ``results`` holds the teacher's stored logits."""

    def __init__(self, epoch: Epoch, results: Path, threads: int) -> None:
        self.epoch = epoch
        self.room = workbench.classroom(epoch.run, epoch.data, results, epoch.images[1], threads)

    def train_part(self, part: int) -> float | None:
        self.room.training = self.epoch.images[part]
        train_epoch(self.room, part)
        losses = [float(row["train_loss"]) for row in self.room.history[-len(self.room.pupils) :]]
        assert all(losses), "a learner without a loss learns nothing"
        return losses[0] if len(losses) == 1 else None
