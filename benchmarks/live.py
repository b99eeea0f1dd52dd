"""One epoch of vanilla distillation: kdbench on stored logits beside loops that ask the teacher at every step.

``python -m benchmarks.live --student lenet --teacher resnet18 --out live.csv``. The contenders take turns, part by part
of the epoch, so that whatever else the machine does falls on all alike. "teacher pass" is what storing the part's
logits costs, once for all epochs, runs and students: with it the epoch from which on storing pays can be told.
"""

import argparse
import os
import time
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
from benchmarks.contenders.kdbench_epoch import KdbenchEpoch
from benchmarks.contenders.plain_loop import LiveTeacherLoop
from benchmarks.contenders.torchdistill_box import TorchdistillBox
from kdbench.classroom.evaluate import predict_logits


def compare(student: str, teacher_name: str, count: int, parts: int, threads: int, teacher_pass: bool) -> pd.DataFrame:
    """A row a contender and part of one epoch over ``count`` images; with ``teacher_pass``, one for it too.

    Raises KdbenchError where the contenders' mean losses differ.
    """
    torch.set_num_threads(threads)
    data = workbench.packed_images(count)
    run = workbench.planned(f"vanilla-{student}")
    results = workbench.stored_logits(teacher_name, data)
    teacher = workbench.teacher(teacher_name, data)
    makers: Makers = {
        # A teacher of its own, since torchdistill leaves hooks on it.
        "torchdistill": lambda epoch: TorchdistillBox(epoch, workbench.teacher(teacher_name, data).network),
        "plain loop, live teacher": lambda epoch: LiveTeacherLoop(epoch, teacher.network),
        "kdbench": lambda epoch: KdbenchEpoch(epoch, results, threads),
    }
    rehearse(makers, run, data)
    epoch = Epoch(run, data, parts)
    contenders = {name: make(epoch) for name, make in makers.items()}
    rows = []
    for part, images in epoch.images.items():
        names = in_turn(makers, part)
        taught = [{"contender": name, **measured(contenders[name], epoch, part)} for name in names]
        if teacher_pass:
            start = time.perf_counter()
            predict_logits(teacher, data.images[images], torch.device("cpu"))
            seconds = time.perf_counter() - start
            taught.append({"contender": "teacher pass", "images": len(images), "seconds": seconds, "loss": None})
        print(
            f"part {part}/{parts}: " + ", ".join(f"{row['contender']} {row['seconds']:.2f} s" for row in taught),
            flush=True,
        )
        rows += [{"student": student, "teacher": teacher_name, "part": part, **row} for row in taught]
    columns = ["student", "teacher", "contender", "part", "images", "seconds", "loss"]
    table = pd.DataFrame(rows, columns=columns).astype({"loss": "float64"}).assign(**circumstances())
    check_equal_work(table, ["student", "teacher"])
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--student", required=True, choices=workbench.students())
    parser.add_argument("--teacher", required=True, help="a network of the zoo, as resnet18")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-teacher-pass", action="store_true", help="measured with another student already")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    given = parser.parse_args(arguments)
    teacher_pass = not given.no_teacher_pass
    table = compare(given.student, given.teacher, given.images, given.parts, given.threads, teacher_pass)
    write_table(table, given.out)


if __name__ == "__main__":
    main()
