"""What one more seed of a small student costs: several trained one after another, or as one batched model.

``python -m benchmarks.seeds --out seeds.csv``. Each seed has its own weights and its own batch, as in training.
The batched model is torch.func's: parameters stacked, forward pass vectorised; on a GPU also side by side on streams.
"""

import argparse
import copy
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks import workbench
from kdbench.classroom.device import device_name, set_up_device
from kdbench.classroom.learners import build_pupil
from kdbench.data.store import PackedImages
from kdbench.files import write_with

BATCH = 64
Step = Callable[[], None]


class Seeds:
    """So many students alike but for their first weights, each with its batch [B, C, H, W] and labels [B]."""

    def __init__(self, student: str, count: int, data: PackedImages, device: torch.device) -> None:
        learner = workbench.planned(f"scratch-{student}").learners[0]
        pupils = [build_pupil(learner, data, seed=seed, precision="fp32").to(device) for seed in range(count)]
        self.networks: list[nn.Module] = [pupil.network for pupil in pupils]
        parts = [slice(BATCH * seed, BATCH * (seed + 1)) for seed in range(count)]
        self.images = [pupil.view(data.images[part].to(device)) for pupil, part in zip(pupils, parts, strict=True)]
        self.labels = [data.labels[part].to(device) for part in parts]
        self.optimizers = [torch.optim.Adam(network.parameters(), fused=True) for network in self.networks]

    def one(self, seed: int) -> None:
        self.optimizers[seed].zero_grad()
        F.cross_entropy(self.networks[seed](self.images[seed]), self.labels[seed]).backward()
        self.optimizers[seed].step()

    def one_after_another(self) -> Step:
        def step() -> None:
            for seed in range(len(self.networks)):
                self.one(seed)

        return step

    def on_streams(self) -> Step:
        streams = [torch.cuda.Stream() for _ in self.networks]

        def step() -> None:
            for seed, stream in enumerate(streams):
                with torch.cuda.stream(stream):
                    self.one(seed)

        return step

    def batched(self) -> Step:
        stacked, buffers = stack_module_state(self.networks)
        parameters = {name: value.detach().requires_grad_() for name, value in stacked.items()}
        structure = copy.deepcopy(self.networks[0]).to("meta")
        optimizer = torch.optim.Adam(parameters.values(), fused=True)
        images, labels = torch.stack(self.images), torch.cat(self.labels)
        forward = vmap(lambda weights, state, batch: functional_call(structure, (weights, state), (batch,)))

        def step() -> None:
            optimizer.zero_grad()
            logits = forward(parameters, buffers, images)
            F.cross_entropy(logits.flatten(0, 1), labels, reduction="sum").div(BATCH).backward()
            optimizer.step()

        return step


def compare(student: str, count: int, steps: int, repeats: int, threads: int) -> pd.DataFrame:
    """Seconds for ``steps`` steps of all seeds, a row a way and repeat."""
    device = set_up_device("auto", threads)
    seeds = Seeds(student, count, workbench.packed_images(10_000), device)
    ways = {"one after another": seeds.one_after_another(), "batched": seeds.batched()}
    if device.type == "cuda":
        ways["streams"] = seeds.on_streams()
    rows = []
    for repeat in range(repeats + 1):  # the first warms up
        for way, step in ways.items():
            start = time.perf_counter()
            for _ in range(steps):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            rows.append({"way": way, "repeat": repeat, "seconds": time.perf_counter() - start})
    facts = {"device": device_name(device), "student": student, "seeds": count, "steps": steps, "threads": threads}
    return pd.DataFrame([{**facts, **row} for row in rows if row["repeat"]])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    parser.add_argument("--student", default="lenet", help="one without batch normalisation")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    given = parser.parse_args(arguments)
    table = compare(given.student, given.seeds, given.steps, given.repeats, given.threads)
    write_with(given.out, lambda path: table.to_csv(path, index=False))


if __name__ == "__main__":
    main()
