"""Carry out runs: train their learners, evaluate them once on the test images, write what was found."""

import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdbench.classroom.adapters import build_adapters
from kdbench.classroom.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from kdbench.classroom.device import arithmetic, set_up_device
from kdbench.classroom.epochs import Classroom, steps_per_epoch, train_epoch
from kdbench.classroom.evaluate import Evaluation, predict_logits
from kdbench.classroom.images import TrainingImages
from kdbench.classroom.learners import Pupil, build_pupil
from kdbench.classroom.losses import Losses
from kdbench.classroom.mentors import Mentors
from kdbench.classroom.optimise import make_optimizer, make_schedule
from kdbench.classroom.peer_copies import PeerCopies
from kdbench.classroom.progress import Progress
from kdbench.classroom.records import write_history, write_metrics, write_predictions
from kdbench.classroom.reported_epoch import ReportedEpochs
from kdbench.classroom.reuse import take_over
from kdbench.classroom.seeding import stream_seed
from kdbench.classroom.specialist import half_special, relabelled, special_classes
from kdbench.data.store import PackedImages, content_digest, load_packed, read_metadata, read_tensors, write_tensors
from kdbench.data.subset import random_subset
from kdbench.errors import KdbenchError
from kdbench.finished import PREDICTIONS
from kdbench.networks.build import count_flops, count_parameters
from kdbench.networks.construct import sparsity, stored_bytes
from kdbench.run import Run


def train(runs: list[Run], results: Path, threads: int, slots_per_gpu: int = 1, reuse: Path | None = None) -> None:
    """Train ``runs`` one after another. What stops them loses none that was done: their checkpoints go last.

    A run that the study ``reuse`` has carried out with the very same settings, code and inputs is taken from there.
    """
    epochs = [run.training.epochs for run in runs]
    progress = Progress(runs[0].folder(results), sum(epochs))
    try:
        for number, run in enumerate(runs):
            progress.before = sum(epochs[:number])
            train_run(run, results, set_up_device(run.device, threads, slots_per_gpu), progress, reuse)
    finally:
        progress.close()
    for run in runs:
        remove_checkpoint(run.folder(results))


def train_run(run: Run, results: Path, device: torch.device, progress: Progress, reuse: Path | None = None) -> None:
    """Train ``run`` and write its folder of ``results``; continues from a checkpoint of the same run and leaves one.

    Raises KdbenchError where inputs do not fit each other or a loss becomes not a number.
    """
    folder = run.folder(results)
    special = special_classes(run, results)
    data = load_packed(images_path(run, results))
    if special:
        data = relabelled(data, special)
    mentors = Mentors(run.mentors, results, data, device)
    weights = term_weights(run, results)
    split = read_split(run, results, data)
    identity = {
        "settings": digest_of(run.model_dump_json()),
        "code": run.code_digest(),
        "data": data.digest,
        "split": content_digest(split),
        "weights": digest_of(json.dumps(weights)),
        "mentors": digest_of(json.dumps(mentors.digests, sort_keys=True)),
        **({"classes": digest_of(json.dumps(special))} if special else {}),
        **first_weights(run, results),
    }
    if reuse and take_over(run, results, reuse, identity):
        print(f"the very same run is in {reuse}: taken from there", flush=True)
        return
    pupils = {
        learner.name: build_pupil(
            learner,
            data,
            seed=run.seed,
            precision=run.training.precision,
            variant=run.variant,
            results=results,
        ).to(device)
        for learner in run.learners
    }
    for pupil in pupils.values():
        pupil.watch(watched(run))
    precision = arithmetic(run.training.precision, device.type)
    if precision != run.training.precision:
        print(f"{run.training.precision} is asked for and this machine has none: networks compute in {precision}")
    adapters = build_adapters(run, pupils, mentors, data, device)
    room = open_classroom(run, pupils, Losses(run, weights, adapters), mentors, data, split, device)
    reported = ReportedEpochs(room)
    epoch_seconds = learn(room, reported, folder, identity, progress)
    test = load_packed(results / "data" / "test.safetensors")
    figures = examine(room, reported, folder, relabelled(test, special) if special else test)
    write_history(room.history, folder / "history.csv")
    write_metrics(
        run,
        results,
        device,
        {
            "epochs": run.training.epochs,
            "objective": [
                {**term.model_dump(), "weight": weight} for term, weight in zip(run.objective, weights, strict=True)
            ],
            **({"classes": list(data.classes[: len(special)])} if special else {}),
            "learners": figures,
            "precision": precision,
            "seconds": round(sum(epoch_seconds), 3),
            "epoch_seconds": [round(seconds, 3) for seconds in epoch_seconds],
            "digests": {**identity, "inputs": {"train": data.digest, **mentors.digests}},
        },
    )
    for name, figure in figures.items():
        print(f"{name}: {figure['test_accuracy']:.2f} % of the test images", flush=True)


def first_weights(run: Run, results: Path) -> dict[str, dict[str, str]]:
    """Which trained weights the learners start from, where they start from another run's."""
    sources = {learner.name: learner.starts_from for learner in run.learners if learner.starts_from}
    found = {name: read_metadata(source.weights_path(results))["digest"] for name, source in sources.items()}
    return {"first_weights": found} if found else {}


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def term_weights(run: Run, results: Path) -> list[float]:
    """The weight of each term of the objective: as given, or as selected for the run's criterion."""
    if run.selected_by is None:
        return [term.weight for term in run.objective if term.weight is not None]
    path = results / "runs" / "selected.json"
    if not path.exists():
        raise KdbenchError(
            f"{path}: no such file: {run.name} waits for the selected weights; run snakemake to select them"
        )
    selection = json.loads(path.read_text(encoding="utf-8"))
    return list(selection["chosen"][run.selected_by])


def read_split(run: Run, results: Path, data: PackedImages) -> dict[str, Tensor]:
    """Indices int64 of the images to train on and of those held out, which are none unless the run holds some out."""
    if run.validation:
        split = read_tensors(results / "data" / "split.safetensors")
    else:
        split = {"training": torch.arange(len(data.labels)), "validation": torch.empty(0, dtype=torch.int64)}
    if run.images.confused_by:
        split["training"] = half_special(split["training"], data.labels, run)
    if run.images.fraction < 1:
        split["training"] = fewer(split["training"], data.labels, run)
    return split


def fewer(training: Tensor, labels: Tensor, run: Run) -> Tensor:
    """Indices of a share of the training images, drawn at the run's seed; repeated to as many as before if asked."""
    chosen = training[random_subset(labels[training].numpy(), run.images.fraction, stream_seed(run.seed, "fewer"))]
    if not run.images.repeat:
        return chosen
    return chosen.repeat(-(-len(training) // len(chosen)))[: len(training)]


def images_path(run: Run, results: Path) -> Path:
    """The packed images that the run learns from: the study's, or those that another run made."""
    made_by = run.images.made_by
    return made_by.folder(results) / "images.safetensors" if made_by else results / "data" / "train.safetensors"


def watched(run: Run) -> list[str]:
    """Layers of the learners whose features its losses compare."""
    pairs = [(term.source, pair) for term in run.objective for pair in term.layers]
    own = [mine for _, (mine, _) in pairs]
    theirs = [theirs for source, (_, theirs) in pairs if source == "peers" and run.live_peers]
    return list(dict.fromkeys([*own, *theirs]))


def open_classroom(
    run: Run,
    pupils: dict[str, Pupil],
    losses: Losses,
    mentors: Mentors,
    data: PackedImages,
    split: dict[str, Tensor],
    device: torch.device,
) -> Classroom:
    training, validation = split["training"], split["validation"]
    optimizer = make_optimizer([*pupils.values(), losses.adapters], run.training)
    steps = run.training.epochs * steps_per_epoch(len(training), run.training.batch_size)
    return Classroom(
        run=run,
        pupils=pupils,
        losses=losses,
        mentors=mentors,
        optimizer=optimizer,
        schedule=make_schedule(optimizer, run.training, steps),
        images=TrainingImages(data.images, device),
        labels=data.labels.to(device),
        training=training,
        validation=validation,
        device=device,
        copies=PeerCopies(run.peer_copies, pupils).to(device) if run.peer_copies else None,
    )


def learn(
    room: Classroom, reported: ReportedEpochs, folder: Path, identity: dict[str, Any], progress: Progress
) -> list[float]:
    """Run the epochs that are still to do; returns the seconds each took, those before an interruption too."""
    run = room.run
    seconds: list[float] = []
    state = load_checkpoint(folder, identity)
    if state is not None:
        for name, pupil in room.pupils.items():
            pupil.load_state_dict(state["pupils"][name])
        room.optimizer.load_state_dict(state["optimizer"])
        room.schedule.load_state_dict(state["schedule"])
        room.losses.adapters.load_state_dict(state["adapters"])
        if room.copies:
            room.copies.load_state_dict(state["copies"])
        room.history, seconds, reported.kept = state["history"], state["seconds"], state["best"]
    for epoch in range(len(seconds) + 1, run.training.epochs + 1):
        start = time.perf_counter()
        train_epoch(room, epoch)
        seconds.append(time.perf_counter() - start)
        reported.keep(epoch)
        state = {
            "pupils": {name: pupil.state_dict() for name, pupil in room.pupils.items()},
            "optimizer": room.optimizer.state_dict(),
            "schedule": room.schedule.state_dict(),
            "adapters": room.losses.adapters.state_dict(),
            "copies": room.copies.state_dict() if room.copies else {},
            "history": room.history,
            "seconds": seconds,
            "best": reported.kept,
        }
        save_checkpoint(folder, identity, state)
        progress.tell([row for row in room.history if row["epoch"] == epoch], run.training.epochs, seconds[-1])
    reported.restore()
    return seconds


def examine(room: Classroom, reported: ReportedEpochs, folder: Path, test: PackedImages) -> dict[str, dict[str, Any]]:
    """Read the test images, once; write each learner's weights and predictions; return its final figures."""
    # As many training images as there are test images, from the whole of the set.
    fitted = room.training[torch.linspace(0, len(room.training) - 1, min(len(test.labels), len(room.training))).long()]
    fitted_labels = room.labels.cpu()[fitted]
    figures = {}
    for learner in room.run.learners:
        pupil = room.pupils[learner.name]
        network = pupil.network
        state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
        write_tensors(folder / f"weights-{learner.name}.safetensors", state, {})
        found = Evaluation(predict_logits(pupil, test.images, room.device), test.labels)
        if not math.isfinite(found.loss):
            raise KdbenchError(
                f"{room.run.name} seed {room.run.seed}: the loss of {learner.name} on the test images is {found.loss}: "
                "lower learning_rate in the configuration"
            )
        write_predictions(found, folder / PREDICTIONS.format(learner=learner.name))
        row = reported.reported(learner.name)
        side = test.images.shape[2] * learner.upscale
        figures[learner.name] = {
            "train_loss": row["train_loss"],
            "train_accuracy": row["train_accuracy"],
            "fitted_accuracy": Evaluation(
                predict_logits(pupil, room.images.tensor, room.device, fitted), fitted_labels
            ).accuracy,
            "validation_accuracy": row.get("validation_accuracy"),
            "test_accuracy": found.accuracy,
            "test_loss": found.loss,
            "parameters": count_parameters(network),
            "bytes": stored_bytes(network),
            "sparsity": sparsity(network),
            "flops": count_flops(network, channels=test.images.shape[1], image_size=side),
        }
    return figures
