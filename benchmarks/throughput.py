"""Images a second of training steps and of inference on this device, for the paper's students and its teacher.

A step is a job's own, with the look-up of its batch and of a teacher's logits left out; images are as the network sees
them (``side``: pixels), the teacher's enlarged as it sees them in the study.

Modes: ``eager`` is a job's; on a GPU also ``cuda graph``, the same step captured and replayed, and ``compile``, the
network under torch.compile; what fails leaves the name of its error in ``note``. ``setup_seconds``: from nothing to the
end of a first step, with capture or compilation. ``side by side``: processes that train at the same time, their images
a second added up.
"""

import argparse
import contextlib
import functools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from snakemake.utils import available_cpu_count
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import workbench
from kdbench.classroom.device import device_name, set_up_device
from kdbench.classroom.learners import Pupil, build_pupil
from kdbench.config import Training
from kdbench.data.store import PackedImages
from kdbench.files import write_with
from kdbench.run import Run

Step = Callable[[], object]
COLUMNS = ["device", "network", "side", "what", "mode", "precision", "processes", "threads", "batch", "repeat"]
COLUMNS += ["images_per_second", "setup_seconds", "note", "cores", "torch"]
MODES = ["eager", "cuda graph", "compile"]
BATCH = 64
TEACHER_BATCH_ON_CPU = 16  # a step of ResNet-50 on 64 images of 224x224 takes a processor core half a minute


@dataclass(frozen=True)
class Setting:
    """What is measured, but for the number of threads, which any step can be given."""

    learner: str
    what: str
    mode: str
    precision: str


@dataclass
class Prepared:
    """A setting's step, ready to be repeated, or None and in ``note`` why not."""

    setting: Setting
    step: Step | None
    setup_seconds: float
    note: str = ""
    steps: dict[int, int] = field(default_factory=dict)  # in a burst, by threads


@dataclass(frozen=True)
class Bench:
    """What every measurement on this device shares: images to draw batches from, and ``seconds`` a burst lasts."""

    device: torch.device
    data: PackedImages
    batch: int
    seconds: float

    def batch_for(self, learner: str) -> int:
        small = learner == "teacher" and self.device.type == "cpu"
        return min(self.batch, TEACHER_BATCH_ON_CPU) if small else self.batch

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def run_that_trains(learner: str) -> Run:
    return workbench.planned("teacher" if learner == "teacher" else f"scratch-{learner}")


@functools.cache
def network_and_side(learner: str) -> dict[str, Any]:
    planned = run_that_trains(learner).learners[0]
    return {"network": planned.network.name, "side": 32 * planned.upscale}


def row(setting: Setting, bench: Bench, **found: Any) -> dict[str, Any]:
    labels = {"what": setting.what, "mode": setting.mode, "precision": setting.precision}
    return {**network_and_side(setting.learner), **labels, "batch": bench.batch_for(setting.learner), **found}


def prepare(setting: Setting, bench: Bench) -> Prepared:
    start = time.perf_counter()
    try:
        step = build_step(setting, bench)
        step()
        bench.wait()
    except Exception as error:  # a mode that this device or torch cannot do is a finding
        return Prepared(setting, None, time.perf_counter() - start, type(error).__name__)
    return Prepared(setting, step, time.perf_counter() - start)


def build_step(setting: Setting, bench: Bench) -> Step:
    run = run_that_trains(setting.learner)
    learner = run.learners[0].model_copy(update={"weights": "none"})  # which they are costs nothing
    pupil = build_pupil(learner, bench.data, seed=run.seed, precision=setting.precision).to(bench.device)
    count = bench.batch_for(setting.learner)
    images, labels = bench.data.images[:count].to(bench.device), bench.data.labels[:count].to(bench.device)
    # Without fullgraph, what torch.compile cannot do would silently stay eager.
    network = torch.compile(pupil, fullgraph=True) if setting.mode == "compile" else pupil
    pupil.train(setting.what == "train")
    if setting.what == "train":
        step = functools.partial(train, network, make_optimizer(pupil, run.training), images, labels)
    else:
        step = functools.partial(infer, network, images)
    return captured(step) if setting.mode == "cuda graph" else step


def make_optimizer(pupil: Pupil, training: Training) -> torch.optim.Optimizer:
    """The run's optimiser, its state on the device, so that a CUDA graph can hold its step."""
    on_gpu = next(pupil.parameters()).is_cuda
    if training.optimizer == "adam":
        return torch.optim.Adam(pupil.parameters(), lr=training.learning_rate, fused=True, capturable=on_gpu)
    return torch.optim.SGD(pupil.parameters(), lr=training.learning_rate, momentum=training.momentum, fused=True)


def train(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """One optimiser step."""
    optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(network(images), labels).backward()
    optimizer.step()


@torch.no_grad()
def infer(network: nn.Module, images: Tensor) -> Tensor:
    return network(images)


def captured(step: Step) -> Step:
    """``step`` as a CUDA graph, after three steps on a side stream, as torch's notes on CUDA graphs have it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return functools.partial(replay, graph, step)


def replay(graph: torch.cuda.CUDAGraph, step: Step) -> None:
    """Replay ``graph``, which works on the tensors that ``step`` keeps alive."""
    graph.replay()


def seconds_of(step: Step, steps: int, bench: Bench) -> float:
    bench.wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    bench.wait()
    return time.perf_counter() - start


def images_per_second(ready: Prepared, threads: int, bench: Bench) -> float | None:
    """Of one burst; None, and the error's name in the note, from the first time that the step fails."""
    if ready.step is None:
        return None
    torch.set_num_threads(threads)
    try:
        if threads not in ready.steps:
            ready.steps[threads] = max(1, round(bench.seconds / seconds_of(ready.step, 1, bench)))
        steps = ready.steps[threads]
        return steps * bench.batch_for(ready.setting.learner) / seconds_of(ready.step, steps, bench)
    except Exception as error:
        ready.step, ready.note = None, type(error).__name__
        return None


def in_one_process(settings: list[Setting], threads: list[int], bench: Bench, repeats: int) -> Iterator[dict[str, Any]]:
    """Rows of one network's settings, each with every number of threads, interleaved."""
    torch.compiler.reset()  # or the eighth network compiled would be one too many
    prepared = [prepare(setting, bench) for setting in settings]
    for repeat in range(1, repeats + 1):
        for ready in prepared:
            for number in threads:
                rate = images_per_second(ready, number, bench)
                yield row(
                    ready.setting,
                    bench,
                    processes=1,
                    threads=number,
                    repeat=repeat,
                    images_per_second=rate,
                    setup_seconds=ready.setup_seconds,
                    note=ready.note,
                )


def train_when_told(connection: Connection, learner: str, bench: Bench, threads: int) -> None:
    """A process that trains: on each word for a burst, answered with its images a second."""
    set_up_device(bench.device.type, threads)
    start = time.perf_counter()
    step = build_step(Setting(learner, "train", "eager", "fp32"), bench)
    seconds_of(step, 3, bench)
    connection.send(time.perf_counter() - start)
    with contextlib.suppress(EOFError):  # whoever told it is gone
        while connection.recv():
            start, steps = time.perf_counter(), 0
            while time.perf_counter() - start < bench.seconds:
                step()
                steps += 1
            bench.wait()
            connection.send(steps * bench.batch_for(learner) / (time.perf_counter() - start))


class Team:
    """Processes that train the same student, each on ``threads`` threads, at the same time."""

    def __init__(self, learner: str, bench: Bench, processes: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.threads, self.connections, self.processes = threads, [], []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=train_when_told, args=(theirs, learner, bench, threads), daemon=True)
            process.start()
            theirs.close()
            self.connections.append(ours)
            self.processes.append(process)

    def answers(self) -> list[float]:
        """What each process has to say; raises EOFError where one has died."""
        return [connection.recv() for connection in self.connections]

    def images_per_second(self) -> float:
        for connection in self.connections:
            connection.send("train")
        return sum(self.answers())

    def dismiss(self) -> None:
        for process in self.processes:
            process.terminate()
            process.join()


def side_by_side(learner: str, sizes: list[tuple[int, int]], bench: Bench, repeats: int) -> Iterator[dict[str, Any]]:
    """Rows of a student trained by teams of (processes, threads each), interleaved; a team idles while others train."""
    with contextlib.suppress(RuntimeError):  # after a failure on the GPU it may fail too
        torch.cuda.empty_cache()  # what this process no longer uses is theirs
    teams = [Team(learner, bench, processes, threads) for processes, threads in sizes]
    setup = [seconds_to_be_ready(team) for team in teams]
    for repeat in range(1, repeats + 1):
        for team, seconds in zip(teams, setup, strict=True):
            yield row(
                Setting(learner, "train", "side by side", "fp32"),
                bench,
                processes=len(team.processes),
                threads=team.threads,
                repeat=repeat,
                images_per_second=None if seconds is None else team.images_per_second(),
                setup_seconds=seconds,
                note="EOFError" if seconds is None else "",
            )
    for team in teams:
        team.dismiss()


def seconds_to_be_ready(team: Team) -> float | None:
    """Seconds until the last process of a team had made its first steps; None where one could not and ended."""
    try:
        return max(team.answers())
    except (EOFError, OSError):
        return None


def team_sizes(device: torch.device, cores: int, together: list[int] | None) -> list[tuple[int, int]]:
    """(processes, threads each): on a CPU one process a core, and against them one process with all cores."""
    if device.type == "cuda":
        return [(processes, 1) for processes in ([1, 2, 4] if together is None else together)]
    together = [cores] if together is None else together
    return list(dict.fromkeys([*((processes, 1) for processes in together), (1, cores)]))


def main(arguments: list[str] | None = None) -> None:
    cores = available_cpu_count()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--learners", nargs="+", default=[*workbench.students(), "teacher"], help="default: all")
    parser.add_argument("--modes", nargs="+", choices=MODES, help="default: all on a GPU, eager on a CPU")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], help="default: both")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}), help="default: one and all cores")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"default: {BATCH}; on a CPU the teacher's is smaller")
    parser.add_argument("--seconds", type=float, default=0.5, help="a burst lasts, at least one step (default: 0.5)")
    parser.add_argument("--together", type=int, nargs="+", help="processes side by side (default: cores; a GPU: 1 2 4)")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    device = set_up_device(given.device, cores)
    bench = Bench(device, workbench.packed_images(given.batch), given.batch, given.seconds)
    modes = given.modes or (MODES if device.type == "cuda" else MODES[:1])
    rows: list[dict[str, Any]] = []
    for learner in given.learners:
        settings = [
            Setting(learner, what, mode, precision)
            for what in ("train", "infer")
            for mode in modes
            for precision in given.precisions
        ]
        rows += in_one_process(settings, given.threads, bench, given.repeats)
    for learner in given.learners:
        if learner != "teacher":
            rows += side_by_side(learner, team_sizes(device, cores, given.together), bench, given.repeats)
    found = pd.DataFrame(rows).assign(device=device_name(device), cores=cores, torch=str(torch.__version__))
    found = found[COLUMNS].round({"images_per_second": 2, "setup_seconds": 3})
    write_with(given.out, functools.partial(found.to_csv, index=False))


if __name__ == "__main__":
    main()
