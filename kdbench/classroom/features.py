"""Store one layer's outputs of a finished run's learners on the training images, for the runs that compare features."""

import shutil
from pathlib import Path

import torch
from torch import Tensor

from kdbench.classroom.device import set_up_device
from kdbench.classroom.evaluate import CHUNK
from kdbench.classroom.learners import Pupil, load_finished_pupil
from kdbench.classroom.mentors import as_stored
from kdbench.data.store import load_packed, write_tensors
from kdbench.run import Run

GB = 10**9
FREE_SHARE = 0.5  # of the disk's free space that one file may take


def write_features(run: Run, layer: str, results: Path, threads: int, limit: float, slots_per_gpu: int = 1) -> None:
    """Write ``features-<learner>-<layer>.safetensors`` beside each learner's weights: float16 [N, ...].

    Where that would take more than ``limit`` GB, or half of the free disk, the file says so instead: those who listen
    then ask the learner anew for every batch.
    """
    device = set_up_device(run.device, threads, slots_per_gpu)
    data = load_packed(results / "data" / "train.safetensors")
    for learner in run.learners:
        pupil = load_finished_pupil(run, learner, results, data).to(device).eval()
        pupil.watch([layer])
        folder = run.folder(results)
        path = folder / f"features-{learner.name}-{layer}.safetensors"
        size = len(data.images) * all_features(pupil, layer, data.images[:1], device).nbytes
        if size > min(limit * GB, FREE_SHARE * shutil.disk_usage(folder).free):
            print(f"{path}: {size / GB:.1f} GB, not stored: {learner.name} is asked for every batch", flush=True)
            write_tensors(path, {}, {"data": data.digest, "stored": "no"})
        else:
            features = {"features": all_features(pupil, layer, data.images, device)}
            write_tensors(path, features, {"data": data.digest, "stored": "yes"})


@torch.no_grad()
def all_features(pupil: Pupil, layer: str, images: Tensor, device: torch.device) -> Tensor:
    """One layer's outputs on ``images``, as they are stored: float16 [N, ...] on the CPU."""
    chunks = images.split(CHUNK[device.type])
    return torch.cat([as_stored(pupil.predict(chunk.to(device)).layers[layer]).cpu() for chunk in chunks])
