"""An epoch costs the learners' own passes: nothing is computed twice, and no step waits for the host."""

import subprocess
import sys
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kdbench.classroom import images as training_images
from kdbench.classroom.epochs import train_epoch
from kdbench.classroom.images import TrainingImages
from kdbench.classroom.learners import build_pupil
from kdbench.classroom.losses import Losses
from kdbench.classroom.mentors import Mentors
from kdbench.classroom.train import open_classroom, train
from kdbench.config import check_config
from kdbench.data.store import load_packed, write_tensors
from kdbench.overlay import merge
from kdbench.plan import Plan

CPU = torch.device("cpu")


class Operations(TorchDispatchMode):
    """Counts torch's operations by name."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.counts[operation.overloadpacket.__name__] += 1
        return operation(*args, **(kwargs or {}))


@pytest.fixture
def config(values):
    def made(students=3, **training):
        change = {
            "students": [{"name": f"s{number}", "network": {"name": "lenet"}} for number in range(students)],
            "training": {"epochs": 2, "batch_size": 16, **training},
            "peer": {"weights": [0.1, 0.8, 0.1]},
        }
        return check_config(merge(values, change))

    return made


@pytest.fixture
def joint_epoch(small_results):
    """The operations of one epoch of joint training on so many images."""

    def counted(config, count):
        run = Plan(config).run("peer", 1)
        data = load_packed(small_results / "data" / "train.safetensors")
        logits = torch.zeros(len(data.labels), len(data.classes))
        path = run.mentors[0].outputs_path(small_results)
        write_tensors(path, {"logits": logits}, {"data": data.digest})
        pupils = {learner.name: build_pupil(learner, data, seed=1, precision="fp32") for learner in run.learners}
        weights = [term.weight for term in run.objective]
        split = {"training": torch.arange(count), "validation": torch.empty(0, dtype=torch.int64)}
        mentors = Mentors(run.mentors, small_results, data, CPU)
        room = open_classroom(run, pupils, Losses(run, weights), mentors, data, split, CPU)
        train_epoch(room, 1)
        with Operations() as operations:
            train_epoch(room, 2)
        return operations.counts

    return counted


def test_the_host_waits_for_the_device_once_an_epoch_and_not_at_every_step(joint_epoch, config):
    settings = config(augmentation={"flip": True, "shift": 1})
    few, many = joint_epoch(settings, 32), joint_epoch(settings, 96)
    assert many["convolution"] == 3 * few["convolution"]
    assert many["_local_scalar_dense"] == few["_local_scalar_dense"]
    assert not any("nonzero" in name for name in many)


@pytest.mark.parametrize("students", [2, 3, 5])
def test_joint_training_computes_each_forward_pass_and_softened_prediction_once(joint_epoch, config, students):
    counts = joint_epoch(config(students), 16)
    convolutions_of_lenet = 2
    assert counts["convolution"] == convolutions_of_lenet * students
    # Of each student one as it is and one softened; of the teacher one, softened.
    assert counts["_log_softmax"] == 2 * students + 1
    # Softened probabilities: the teacher's, and each student's for its peers.
    assert counts["exp"] == students + 1


def test_a_training_job_imports_no_more_than_it_needs(small_results, config):
    """Each of these costs a job between a tenth of a second and two seconds."""
    run = Plan(config()).run("scratch-s0", 1)
    code = (
        "import sys\n"
        "from kdbench.cli import main\n"
        f"sys.argv = ['kdbench', 'train', {run.model_dump_json()!r}, '--results', {str(small_results)!r}]\n"
        "main()\n"
        "heavy = {'torchvision', 'seaborn', 'matplotlib', 'pandas', 'sklearn', 'torch._dynamo', 'sympy'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_images_too_large_for_the_device_are_streamed_with_the_same_result(small_results, config, monkeypatch):
    run = Plan(config(augmentation={"flip": True, "shift": 1})).run("scratch-s0", 1)
    train([run], small_results, 1)
    weights = run.folder(small_results) / "weights-s0.safetensors"
    resident = weights.read_bytes()
    weights.unlink()
    monkeypatch.setattr(training_images, "RESIDENT_SHARE", 0)
    train([run], small_results, 1)
    assert weights.read_bytes() == resident


def test_streamed_images_are_read_one_batch_ahead_and_never_as_a_whole(monkeypatch):
    monkeypatch.setattr(training_images, "memory", lambda device: 100)
    assert not TrainingImages(torch.zeros(50, 1, 1, 1, dtype=torch.uint8), CPU).streamed
    images = TrainingImages(torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1), CPU)
    assert images.streamed
    read = []
    monkeypatch.setattr(images, "read", lambda index: read.append(len(index)) or images.tensor[index])
    cuts = list(torch.randperm(60).split(16))
    seen = []
    for number, (index, batch) in enumerate(images.batches(cuts)):
        assert torch.equal(batch.flatten().long(), index)
        assert len(read) <= number + 2
        seen += index.tolist()
    assert sorted(seen) == list(range(60))
    assert read == [16, 16, 16, 12]
