"""Carry out a run that trains nothing: finished learners of other runs answer the test images together."""

import importlib
import time
from pathlib import Path

import torch

from kdbench.classroom.device import set_up_device
from kdbench.classroom.evaluate import Evaluation
from kdbench.classroom.learners import Pupil, load_source
from kdbench.classroom.records import write_metrics, write_predictions
from kdbench.data.store import PackedImages, load_packed, read_metadata
from kdbench.finished import PREDICTIONS
from kdbench.networks.build import count_flops, count_parameters
from kdbench.networks.construct import sparsity, stored_bytes
from kdbench.run import Run


def fuse(run: Run, results: Path, threads: int, slots_per_gpu: int = 1) -> None:
    """Read the test images, once; write the predictions of all members together, and their figures.

    Parameters, bytes and FLOPs are the members' sums.
    """
    assert run.fusion is not None
    device = set_up_device(run.device, threads, slots_per_gpu)
    training = load_packed(results / "data" / "train.safetensors")
    test = load_packed(results / "data" / "test.safetensors")
    start = time.perf_counter()
    members = [load_source(member, results, training).to(device) for member in run.fusion.members]
    function = importlib.import_module(f"kdbench.fusions.{run.fusion.by}").fuse
    # As many training images as there are test images, from the whole of the set.
    chosen = torch.linspace(0, len(training.labels) - 1, min(len(test.labels), len(training.labels))).long()
    asked = torch.cat([test.images, training.images[chosen]])
    scores = function(members, training, asked, device, **run.fusion.options)
    found = Evaluation(scores[: len(test.labels)], test.labels)
    fitted = Evaluation(scores[len(test.labels) :], training.labels[chosen])
    seconds = round(time.perf_counter() - start, 3)
    folder = run.folder(results)
    for learner in run.learners:
        write_predictions(found, folder / PREDICTIONS.format(learner=learner.name))
    figures = {
        "train_loss": None,
        "train_accuracy": None,
        "fitted_accuracy": fitted.accuracy,
        "validation_accuracy": None,
        "test_accuracy": found.accuracy,
        "test_loss": found.loss,
        **sizes(members, test),
    }
    write_metrics(
        run,
        results,
        device,
        {
            "epochs": 0,
            "objective": [],
            "learners": {learner.name: figures for learner in run.learners},
            "seconds": seconds,
            "epoch_seconds": [],
            "digests": {"code": run.code_digest(), "data": training.digest, "members": weights_digests(run, results)},
        },
    )
    print(f"{len(members)} networks together: {found.accuracy:.2f} % of the test images", flush=True)


def sizes(members: list[Pupil], test: PackedImages) -> dict[str, float]:
    _, channels, side, _ = test.images.shape
    networks = [member.network for member in members]
    parameters = [count_parameters(network) for network in networks]
    return {
        "parameters": sum(parameters),
        "bytes": sum(map(stored_bytes, networks)),
        "sparsity": sum(sparsity(n) * count for n, count in zip(networks, parameters, strict=True)) / sum(parameters),
        "flops": sum(
            count_flops(member.network, channels=channels, image_size=side * member.view.upscale) for member in members
        ),
    }


def weights_digests(run: Run, results: Path) -> dict[str, str]:
    assert run.fusion is not None
    return {
        f"{member.run}/seed{member.seed}/{member.learner}": read_metadata(member.weights_path(results))["digest"]
        for member in run.fusion.members
    }
