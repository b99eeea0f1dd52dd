"""Store the outputs of a finished run's learners on the training images, for the runs they mentor."""

from pathlib import Path

from kdbench.classroom.device import set_up_device
from kdbench.classroom.learners import load_finished_pupil
from kdbench.classroom.mentors import store_outputs
from kdbench.data.store import load_packed
from kdbench.run import Run


def write_outputs(run: Run, results: Path, threads: int, slots_per_gpu: int = 1) -> None:
    """Write ``outputs-<learner>.safetensors`` beside each learner's weights: logits float32 [N, classes]."""
    device = set_up_device(run.device, threads, slots_per_gpu)
    data = load_packed(results / "data" / "train.safetensors")
    for learner in run.learners:
        pupil = load_finished_pupil(run, learner, results, data).to(device)
        store_outputs(pupil, data, run.folder(results) / f"outputs-{learner.name}.safetensors", device)
