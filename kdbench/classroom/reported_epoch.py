"""Which epoch of a run is reported: the last, or each learner's best on held-out images (never on the test images)."""

from typing import Any

from kdbench.classroom.epochs import Classroom


class ReportedEpochs:
    """Keeps each learner's weights of its best epoch on the validation images, where that epoch is reported."""

    def __init__(self, room: Classroom) -> None:
        self.room = room
        self.kept: dict[str, dict[str, Any]] = {}

    def keep(self, epoch: int) -> None:
        if self.room.run.reported_epoch == "last":
            return
        for row in self.room.history:
            name, kept = row["learner"], self.kept.get(row["learner"])
            if row["epoch"] == epoch and (kept is None or row["validation_accuracy"] > kept["accuracy"]):
                state = {key: value.clone() for key, value in self.room.pupils[name].state_dict().items()}
                self.kept[name] = {"epoch": epoch, "accuracy": row["validation_accuracy"], "state": state}

    def restore(self) -> None:
        for name, kept in self.kept.items():
            self.room.pupils[name].load_state_dict(kept["state"])

    def reported(self, name: str) -> dict[str, Any]:
        """The learner's row of the history that the run reports."""
        epoch = self.kept[name]["epoch"] if name in self.kept else self.room.run.training.epochs
        return next(row for row in self.room.history if row["learner"] == name and row["epoch"] == epoch)
