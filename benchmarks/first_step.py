"""``kdbench`` with a clock in it: when the first training step ended, and how much memory the process took.

``python -m benchmarks.first_step STEPS train RUN --results FOLDER ...`` does what ``kdbench train ...`` does, and ends
after STEPS steps of the first epoch, without tidying up, or at the job's own end where STEPS is 0. Its last line is
JSON: ``first_step_at``, a time as time.time() gives it, and ``peak_mb`` in MiB.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from kdbench import cli
from kdbench.classroom.epochs import Sums


def peak_bytes() -> int:
    """The most memory this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts into ru_maxrss what the process that started this one held; this line is of this program alone.
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Clock:
    """Wraps ``Sums.add``, which ends a training step once for each learner, and counts the first learner's calls."""

    def __init__(self, stop_after: int) -> None:
        self.add: Callable[..., None] = Sums.add
        self.stop_after, self.steps, self.first_step_at = stop_after, 0, 0.0
        self.first_learner: Sums | None = None

    def note(self, sums: Sums, *batch: Any) -> None:
        self.add(sums, *batch)
        self.first_learner = self.first_learner or sums
        if sums is not self.first_learner:
            return
        self.steps += 1
        if self.steps == 1:
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()
            self.first_step_at = time.time()
        if self.steps == self.stop_after:
            self.report()
            os._exit(0)

    def report(self) -> None:
        print(json.dumps({"first_step_at": self.first_step_at, "peak_mb": peak_bytes() / 2**20}), flush=True)


def main(stop_after: int, arguments: list[str]) -> int:
    clock = Clock(stop_after)
    Sums.add = lambda *call: clock.note(*call)  # type: ignore[method-assign]
    status = cli.main(arguments)
    if clock.steps < max(stop_after, 1):
        print(f"first_step: the job ended with {status} after {clock.steps} steps of its first epoch", file=sys.stderr)
        return status or 1
    clock.report()
    return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
