"""How far a training job has come: lines for its log, and a small file that the live display reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdbench.files import write_json

NAME = "progress.json"


@dataclass
class Progress:
    """``folder``: of the job's first run; ``epochs``: of all its runs; ``before``: of those that are done."""

    folder: Path
    epochs: int
    before: int = 0

    def tell(self, rows: list[dict[str, Any]], epochs: int, seconds: float) -> None:
        """Report the epoch whose history ``rows`` are, one a learner, of a run of ``epochs``."""
        epoch = rows[0]["epoch"]
        learned = ", ".join(f"{row['learner']} {row['train_accuracy']:.2f} %" for row in rows)
        print(f"epoch {epoch}/{epochs}: {learned} ({seconds:.1f} s)", flush=True)
        accuracy = sum(row["train_accuracy"] for row in rows) / len(rows)
        done = self.before + epoch
        write_json(self.folder / NAME, {"epoch": done, "epochs": self.epochs, "train_accuracy": accuracy})

    def close(self) -> None:
        (self.folder / NAME).unlink(missing_ok=True)
