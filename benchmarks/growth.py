"""How an epoch grows: with training images, with students that learn jointly, and with seeds done one after another."""

import argparse
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks import workbench
from kdbench.classroom.epochs import Classroom, train_epoch
from kdbench.config import Network, Student
from kdbench.data.store import PackedImages
from kdbench.files import write_with
from kdbench.plan import Plan
from kdbench.run import Run

TEACHER = "resnet8"  # whose logits are stored matters to no student's cost


@dataclass(frozen=True)
class Workplace:
    """What every classroom is opened with: images, a results folder with the teacher's logits on them, CPU threads."""

    data: PackedImages
    results: Path
    threads: int

    def classroom(self, run: Run, images: int) -> Classroom:
        return workbench.classroom(run, self.data, self.results, torch.arange(images), self.threads)


@dataclass(frozen=True)
class Work:
    """Something to time: ``do`` is given the repeat's number, from 1; ``images`` is those each learner learns from."""

    what: str
    value: int
    images: int
    do: Callable[[int], None]


def joint_run(students: int) -> Run:
    """``peer`` with this many LeNets in place of the paper's students."""
    lenets = [Student(name=f"s{number}", network=Network(name="lenet")) for number in range(1, students + 1)]
    return workbench.ready(Plan(workbench.paper().model_copy(update={"students": lenets})).run("peer", workbench.SEED))


def seeds_in_turn(workplace: Workplace, runs: list[Run], images: int) -> None:
    for run in runs:
        train_epoch(workplace.classroom(run, images), 1)


def works(workplace: Workplace, images: list[int], students: list[int], seeds: list[int], few: int) -> Iterator[Work]:
    """Where images are not what grows there are ``few``; one classroom goes on from repeat to repeat."""
    vanilla = workbench.planned("vanilla-lenet")
    for count in images:
        room = workplace.classroom(vanilla, count)
        yield Work("images", count, count, functools.partial(train_epoch, room))
    for count in students:
        room = workplace.classroom(joint_run(count), few)
        yield Work("joint students", count, few, functools.partial(train_epoch, room))
    plan = Plan(workbench.paper())
    for count in seeds:
        runs = [plan.run("vanilla-lenet", seed) for seed in range(1, count + 1)]
        yield Work("seeds in turn", count, few, lambda repeat, runs=runs: seeds_in_turn(workplace, runs, few))


def measure(planned: list[Work], repeats: int) -> pd.DataFrame:
    """A row per piece of work and repeat, interleaved."""
    rows: list[dict[str, Any]] = []
    for repeat in range(1, repeats + 1):
        for work in planned:
            start = time.perf_counter()
            work.do(repeat)
            seconds = round(time.perf_counter() - start, 4)
            print(f"repeat {repeat}/{repeats}: {work.value} {work.what}: {seconds:.2f} s", flush=True)
            rows.append(
                {"what": work.what, "value": work.value, "repeat": repeat, "images": work.images, "seconds": seconds}
            )
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 25_000, 50_000, 100_000])
    parser.add_argument("--students", type=int, nargs="+", default=[3, 6, 12])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--few", type=int, default=10_000, help="images where students or seeds grow (default: 10,000)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of the process (default: 1, as in config.yaml)")
    given = parser.parse_args(arguments)
    data = workbench.packed_images(max(*given.images, given.few))
    workplace = Workplace(data, workbench.stored_logits(TEACHER, data), given.threads)
    seeds_in_turn(workplace, [workbench.planned("vanilla-lenet")], min(1280, given.few))  # warms up what is loaded late
    planned = list(works(workplace, given.images, given.students, given.seeds, given.few))
    found = measure(planned, given.repeats).assign(threads=given.threads, torch=str(torch.__version__))
    write_with(given.out, functools.partial(found.to_csv, index=False))


if __name__ == "__main__":
    main()
