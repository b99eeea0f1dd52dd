"""What an epoch on stored logits costs beyond the student's own steps: kdbench and a plain loop beside the floor.

``python -m benchmarks.overhead --out overhead.csv``. In every round each contender trains a fresh student through one
epoch, one student after another. With ``--joint`` the floors alone, then all students together by kdbench, as peers.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from benchmarks import workbench
from benchmarks.contenders import (
    Epoch,
    Makers,
    check_equal_work,
    circumstances,
    in_turn,
    measured,
    rehearse,
    write_table,
)
from benchmarks.contenders.floor import Floor
from benchmarks.contenders.kdbench_epoch import KdbenchEpoch
from benchmarks.contenders.plain_loop import StoredLogitsLoop
from kdbench.data.store import PackedImages, read_tensors
from kdbench.run import Run

TEACHER = "resnet18"


def contenders(data: PackedImages, threads: int) -> Makers:
    results = workbench.stored_logits(TEACHER, data)

    def plain_loop(epoch: Epoch) -> StoredLogitsLoop:
        return StoredLogitsLoop(epoch, read_tensors(epoch.run.mentors[0].outputs_path(results))["logits"])

    return {
        "floor": Floor,
        "kdbench": lambda epoch: KdbenchEpoch(epoch, results, threads),
        "plain loop, stored logits": plain_loop,
    }


def lessons(students: Sequence[str], joint: bool, data: PackedImages, threads: int) -> list[tuple[str, Run, Makers]]:
    """Who learns in which run by which contenders: each student alone; with ``joint``, all of the paper's together."""
    makers = contenders(data, threads)
    alone = [(student, workbench.planned(f"vanilla-{student}")) for student in students]
    if not joint:
        return [(student, run, makers) for student, run in alone]
    peers = workbench.planned("peer")
    together = ("+".join(learner.name for learner in peers.learners), peers, {"kdbench, joint": makers["kdbench"]})
    return [*((student, run, {"floor": Floor}) for student, run in alone), together]


def compare(students: Sequence[str], joint: bool, count: int, repeats: int, threads: int) -> pd.DataFrame:
    """A row a contender, student and round, each an epoch over ``count`` images, in the order measured.

    Raises KdbenchError where the contenders' mean losses differ.
    """
    torch.set_num_threads(threads)
    data = workbench.packed_images(count)
    taught = lessons(students, joint, data, threads)
    for _, run, makers in taught:
        rehearse(makers, run, data)
    table = pd.DataFrame()
    for repeat in range(1, repeats + 1):
        rows = []
        for student, run, makers in taught:
            for name in in_turn(makers, repeat):
                epoch = Epoch(run, data)
                found = measured(makers[name](epoch), epoch, 1)
                rows.append({"student": student, "contender": name, "repeat": repeat, **found})
                print(f"round {repeat}/{repeats}: {student}, {name}: {rows[-1]['seconds']:.2f} s", flush=True)
        one_round = pd.DataFrame(rows).astype({"loss": "float64"})
        if not joint:
            check_equal_work(one_round, ["student", "repeat"])
        table = pd.concat([table, one_round])
    return table.assign(**circumstances())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--students", nargs="+", choices=workbench.students(), default=workbench.students())
    parser.add_argument("--joint", action="store_true", help="the floors and all students together, instead")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    given = parser.parse_args(arguments)
    table = compare(given.students, given.joint, given.images, given.repeats, given.threads)
    write_table(table, given.out)


if __name__ == "__main__":
    main()
