"""What the whole study of config.yaml costs in kdbench, and what the same runs would cost in a plain loop.

Arithmetic on measured unit costs: nothing is trained here. Counted are epochs x training images x learners (runs that
tune hold some out), each at its student's measured seconds an image. Beside that, in the plain loop every run pays the
forward pass of each of its mentors on every image of every epoch; in kdbench each mentor passes over the training
images once, for all runs. Hours are of jobs one after another, each with as many threads as the unit costs were
measured with. Left out, since it is the same on both sides or small: evaluation, start-up, the report.
"""

import argparse
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import workbench
from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.files import write_with
from kdbench.plan import Plan
from kdbench.recipes.lesson import FrozenPeers
from kdbench.run import Run

PLAIN, OURS, JOINT = "plain loop, stored logits", "kdbench", "kdbench, joint"
STORED = "stored outputs"
TEACHER = "teacher"


@dataclass(frozen=True)
class UnitCosts:
    """Seconds an image, by learner: of learning in a plain loop and in kdbench, and of a mentor's forward pass.

    ``joint``: how many times the sum of its learners alone a joint run takes, its method's own cost in either.
    """

    plain: dict[str, float]
    kdbench: dict[str, float]
    forward: dict[str, float]
    joint: float = 1.0


def images_learned_from(run: Run, images: int, validation_fraction: float) -> int:
    """Images that each learner of the run sees over its epochs."""
    held_out = round(images * validation_fraction) if run.validation else 0
    return run.training.epochs * (images - held_out)


def learning_seconds(run: Run, seen: int, an_image: dict[str, float], joint: float) -> float:
    alone = seen * sum(an_image[learner.name] for learner in run.learners)
    return alone * joint if run.live_peers and len(run.learners) > 1 else alone


def stored_outputs(runs: list[Run]) -> list[tuple[str, int, str]]:
    """Run, seed and learner of every mentor."""
    return sorted({(mentor.run, mentor.seed, mentor.learner) for run in runs for mentor in run.mentors})


def run_costs(runs: list[Run], config: Config, images: int, costs: UnitCosts) -> Iterator[dict[str, Any]]:
    """A row per run, and one for each mentor whose outputs kdbench stores; seconds."""
    for run in runs:
        seen = images_learned_from(run, images, config.data.validation_fraction)
        listening = seen * sum(costs.forward[mentor.learner] for mentor in run.mentors)
        yield {
            "method": run.method,
            "runs": 1,
            "images_seen": seen * len(run.learners),
            "plain": learning_seconds(run, seen, costs.plain, costs.joint) + listening,
            "kdbench": learning_seconds(run, seen, costs.kdbench, costs.joint),
        }
    for _, _, learner in stored_outputs(runs):
        seconds = images * costs.forward[learner]
        yield {"method": STORED, "runs": 0, "images_seen": 0, "plain": 0.0, "kdbench": seconds}


def study_cost(config: Config, images: int, costs: UnitCosts) -> pd.DataFrame:
    """Hours by method, in the order of the plan, stored outputs after them and the total at the end."""
    rows = pd.DataFrame(run_costs(list(Plan(config).all_runs()), config, images, costs))
    methods = rows.groupby("method", sort=False).sum()
    methods.loc["total"] = methods.sum()
    for hours in ("plain", "kdbench"):
        methods[f"{hours}_hours"] = (methods.pop(hours) / 3600).round(4)
    return methods.astype({"runs": int, "images_seen": int}).reset_index()


def only(table: pd.DataFrame, column: str, what: str, source: str) -> float:
    """The median of a measurement; raises KdbenchError where it was not made."""
    values = table[column].dropna()
    if values.empty:
        raise KdbenchError(f"{source}: holds no {what}: measure it first")
    return float(values.median())


def learning_costs(overhead: pd.DataFrame, contender: str, students: list[str]) -> dict[str, float]:
    an_image = overhead.assign(an_image=overhead["seconds"] / overhead["images"])
    found = {}
    for student in students:
        chosen = an_image[(an_image["student"] == student) & (an_image["contender"] == contender)]
        found[student] = only(chosen, "an_image", f"{contender} of {student}", "overhead")
    return found


def joint_factor(overhead: pd.DataFrame, alone: dict[str, float]) -> float:
    """How many times the students' epochs alone the joint one takes; 1 where that was not measured."""
    joint = overhead[overhead["contender"] == JOINT]
    return float((joint["seconds"] / joint["images"]).median()) / sum(alone.values()) if len(joint) else 1.0


def unit_costs(config: Config, overhead: pd.DataFrame, throughput: pd.DataFrame) -> UnitCosts:
    """Medians of what was measured on one device with one number of threads; see ``measured_with``."""

    def seconds_an_image(network: str, what: str, precision: str) -> float:
        wanted = {"network": network, "what": what, "precision": precision}
        same = (throughput[list(wanted)] == pd.Series(wanted)).all(axis=1)
        return 1 / only(throughput[same], "images_per_second", f"{what} of {network}, {precision}", "throughput")

    teacher, precision = config.teacher.network.name, config.teacher.training.precision
    students = [student.name for student in config.students]
    fine_tuning = {TEACHER: seconds_an_image(teacher, "train", precision)}
    ours = learning_costs(overhead, OURS, students)
    return UnitCosts(
        plain=learning_costs(overhead, PLAIN, students) | fine_tuning,
        kdbench=ours | fine_tuning,
        forward={TEACHER: seconds_an_image(teacher, "infer", precision)}
        | {
            student.name: seconds_an_image(student.network.name, "infer", config.training.precision)
            for student in config.students
        },
        joint=joint_factor(overhead, ours),
    )


def measured_with(throughput: pd.DataFrame, threads: int, device: str | None) -> pd.DataFrame:
    """The ordinary steps in throughput.csv on one device; raises KdbenchError where it holds none or several."""
    chosen = throughput[(throughput["mode"] == "eager") & (throughput["threads"] == threads)]
    chosen = chosen[chosen["device"] == device] if device else chosen
    devices = sorted(chosen["device"].unique())
    if len(devices) != 1:
        raise KdbenchError(f"throughput: with {threads} thread(s) of {devices or 'no device'}: give another --device")
    return chosen


def sources(plan: Plan, where: str) -> dict[str, str]:
    """Which measured figures each method's hours come from; ``where`` throughput.csv's were measured."""
    teacher = f"{plan.config.teacher.network.name} {plan.config.teacher.training.precision}"
    passes = [f"infer {teacher}", f"infer students {plan.config.training.precision}"]
    found = {}
    for lesson in plan.lessons:
        figures = [f'overhead.csv "{PLAIN}", "{OURS}"' + (f', "{JOINT}"' if lesson.peers == "live" else "")]
        if lesson.learners == "teacher":
            figures = [f"throughput.csv ({where}) train {teacher}"]
        figures += [f"throughput.csv ({where}) {passes[0]}"] if lesson.teacher else []
        figures += [f"throughput.csv ({where}) {passes[1]}"] if isinstance(lesson.peers, FrozenPeers) else []
        found[lesson.method] = "arithmetic on measured medians: " + "; ".join(figures)
    count = len(stored_outputs(list(plan.all_runs())))
    stored = f"arithmetic on measured medians: throughput.csv ({where}) {', '.join(passes)}"
    return found | {STORED: f"{stored}; {count} passes over the training images", "total": "sum of the rows above"}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--throughput", type=Path, required=True, metavar="FILE.csv", help="of benchmarks.throughput")
    parser.add_argument(
        "--overhead", type=Path, nargs="+", required=True, metavar="FILE.csv", help="of benchmarks.overhead"
    )
    parser.add_argument("--images", type=int, default=50_000, help="for training (default: CIFAR-10's 50,000)")
    parser.add_argument("--device", help="of throughput.csv's figures, where it holds several")
    given = parser.parse_args(arguments)
    config, overhead = workbench.paper(), pd.concat(map(pd.read_csv, given.overhead))
    threads = int(overhead["threads"].iloc[0])  # both files' figures are to be of as many
    throughput = measured_with(pd.read_csv(given.throughput), threads, given.device)
    found = study_cost(config, given.images, unit_costs(config, overhead, throughput))
    texts = sources(Plan(config), f"{throughput['device'].iloc[0]}, {threads} thread(s)")
    found["from"] = found["method"].map(texts)
    write_with(given.out, functools.partial(found.to_csv, index=False))


if __name__ == "__main__":
    main()
