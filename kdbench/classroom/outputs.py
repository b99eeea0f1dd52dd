"""Store a finished learner's outputs on the training images, for the runs it mentors."""

from pathlib import Path

from kdbench.classroom.device import set_up_device
from kdbench.classroom.mentors import store_outputs
from kdbench.classroom.train import load_finished_pupil
from kdbench.data.store import load_packed
from kdbench.plan import Run


def write_outputs(run: Run, learner: str, results: Path, threads: int) -> None:
    """Write ``outputs-<learner>.safetensors`` beside the learner's weights: logits float32 [N, classes]."""
    device = set_up_device(run.device, threads)
    data = load_packed(results / "data" / "train.safetensors")
    pupil = load_finished_pupil(run, learner, results, data).to(device)
    store_outputs(pupil, data, run.folder(results) / f"outputs-{learner}.safetensors", device)
