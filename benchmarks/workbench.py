"""What the measurements share: images, a teacher's stored logits, and a classroom of the paper's own configuration."""

import os
from pathlib import Path

import torch
from torch import Tensor

from kdbench.classroom.device import set_up_device
from kdbench.classroom.epochs import Classroom
from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil, build_pupil
from kdbench.classroom.losses import Losses
from kdbench.classroom.mentors import Mentors
from kdbench.classroom.train import open_classroom
from kdbench.config import Config, Data, Network
from kdbench.data.prepare import prepare
from kdbench.data.store import PackedImages, load_packed, write_tensors
from kdbench.overlay import load_config
from kdbench.plan import Plan
from kdbench.run import Learner, Run

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks" / "cache"  # packed images and stored logits, never committed
ARCHIVE = "cifar10-jpeg.tar.xz"
SEED = 1
WEIGHTS = (0.1, 0.8, 0.1)  # of labels, teacher and peers, as the paper chose them


def paper() -> Config:
    return load_config([ROOT / "config.yaml"])


def students() -> list[str]:
    return [student.name for student in paper().students]


def planned(name: str) -> Run:
    """A run of the paper's plan, ready to train: ``vanilla-lenet``, ``peer``, ..."""
    return ready(Plan(paper()).run(name, SEED))


def ready(run: Run) -> Run:
    """``run`` with the paper's weights where it waits for selected ones."""
    if run.selected_by is None:
        return run
    objective = [term.model_copy(update={"weight": w}) for term, w in zip(run.objective, WEIGHTS, strict=True)]
    return run.model_copy(update={"selected_by": None, "objective": objective})


def real_images() -> bool:
    return (Path(os.environ.get("KDBENCH_DATA", "data")) / ARCHIVE).exists()


def packed_images(count: int) -> PackedImages:
    """``count`` training images of 32x32x3 in 10 classes: CIFAR-10's where $KDBENCH_DATA holds them, else noise.

    Packed once; beyond the 50,000 that there are, images repeat.
    """
    path = FOLDER / f"{'cifar' if real_images() else 'noise'}-{count}.safetensors"
    if not path.exists():
        write_images(path, count)
    return load_packed(path)


def write_images(path: Path, count: int) -> None:
    if real_images():
        whole = FOLDER / "cifar"
        if not (whole / "dataset.json").exists():
            prepare(Data(source="image-folder", path=ARCHIVE), whole)
        packed = load_packed(whole / "train.safetensors")
        order = torch.randperm(len(packed.labels), generator=torch.Generator().manual_seed(SEED))
        chosen = order.repeat(-(-count // len(order)))[:count]
        images, labels = packed.images[chosen], packed.labels[chosen]
    else:
        noise = torch.Generator().manual_seed(SEED)
        labels = torch.randint(0, 10, (count,), generator=noise)
        images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=noise)
    facts = {"classes": str([str(k) for k in range(10)]).replace("'", '"'), "mean": "[0.5, 0.5, 0.5]"}
    write_tensors(path, {"images": images, "labels": labels}, facts | {"std": "[0.25, 0.25, 0.25]"})


def teacher(network: str, data: PackedImages) -> Pupil:
    """A teacher in evaluation mode that costs what a trained one does.

    Untrained: its batch normalisation is set by a few images and its last layer scaled, so that its logits spread as
    a trained one's do. ``network`` is of the zoo, ``resnet18`` and ``resnet50`` in the form for 32x32 images.
    """
    learner = Learner(name="teacher", network=Network(name=network).with_form(), input_scaling="unit")
    pupil = build_pupil(learner, data, seed=SEED, precision="fp32")
    with torch.no_grad():
        for part in data.images[:256].split(64):
            pupil(part)
        pupil.eval()
        last = list(pupil.network.parameters())[-2:]
        spread = pupil(data.images[:256]).std()
        for weight in last:
            weight.mul_(5 / spread)
    return pupil


def stored_logits(network: str, data: PackedImages) -> Path:
    """A results folder that holds the logits of ``teacher(network)`` on all images, as a study's folder would."""
    results = FOLDER / f"{network}-{data.digest[:8]}"
    path = results / "runs" / "teacher" / f"seed{SEED}" / "outputs-teacher.safetensors"
    if not path.exists():
        logits = predict_logits(teacher(network, data), data.images, torch.device("cpu"))
        write_tensors(path, {"logits": logits}, {"data": data.digest})
    return results


def classroom(run: Run, data: PackedImages, results: Path, training: Tensor, threads: int) -> Classroom:
    """The classroom that ``kdbench train`` would open for ``run``, with fresh learners, on the images ``training``."""
    device = set_up_device(run.device, threads)
    mentors = Mentors(run.mentors, results, data, device)
    pupils = {
        learner.name: build_pupil(learner, data, seed=run.seed, precision=run.training.precision).to(device)
        for learner in run.learners
    }
    weights = [term.weight for term in run.objective if term.weight is not None]
    split = {"training": training, "validation": torch.empty(0, dtype=torch.int64)}
    return open_classroom(run, pupils, Losses(run, weights), mentors, data, split, device)
