"""torchdistill 1.1.5, by its own API: ``pip install torchdistill==1.1.5``.

The criterion is that of its samples for knowledge distillation on CIFAR-10 (configs/sample/cifar10/kd); batches,
optimiser, temperature and alpha are the paper's, and images are loaded in the main process, which is faster than two
workers where the cores are two. Looped as its example does (examples/torchvision/image_classification.py), without the
logging. torchdistill leaves the teacher in training mode and its example does not put it into evaluation mode
either, so its batch normalisation would follow the student's batches: we call ``teacher.eval()``.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.utils.data import Sampler, SequentialSampler
from torchdistill.core.distillation import get_distillation_box
from torchdistill.datasets.registry import register_batch_sampler

from benchmarks.contenders import Epoch
from benchmarks.contenders.plain_loop import WORKERS, Pictures


@register_batch_sampler
class GivenBatches(Sampler):
    """Batches decided beforehand, in torchdistill's form of a batch sampler, which is made from a sampler."""

    def __init__(self, sampler: Sampler, batches: list[list[int]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def train_config(epoch: Epoch, workers: int) -> dict[str, Any]:
    """The ``train`` section of torchdistill's YAML: alpha weighs the labels, 1 - alpha the teacher, times T squared."""
    distillation = {
        "student_module_path": ".",
        "student_module_io": "output",
        "teacher_module_path": ".",
        "teacher_module_io": "output",
        "temperature": epoch.temperature,
        "alpha": epoch.alpha,
        "reduction": "batchmean",
    }
    return {
        "num_epochs": 1,
        "train_data_loader": {
            "dataset_id": "train",
            "sampler": {"class_or_func": SequentialSampler},
            "batch_sampler": {"key": "GivenBatches", "kwargs": {"batches": epoch.all_batches()}},
            # Its own generator, lest starting an iterator draws from the one that dropout draws from.
            "kwargs": {"num_workers": workers, "generator": torch.Generator()},
        },
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only", "requires_grad": True},
        "optimizer": {"key": "Adam", "kwargs": epoch.adam},
        "criterion": {
            "key": "WeightedSumLoss",
            "kwargs": {"sub_terms": {"kd": {"criterion": {"key": "KDLoss", "kwargs": distillation}, "weight": 1.0}}},
        },
    }


class TorchdistillBox:
    """One distillation box for the whole epoch; between parts its data loader pauses."""

    def __init__(self, epoch: Epoch, teacher: nn.Module, workers: int = WORKERS) -> None:
        self.epoch, self.device = epoch, torch.device("cpu")
        self.box = get_distillation_box(
            teacher,
            epoch.student().network,
            {"train": Pictures(epoch.data)},
            train_config(epoch, workers),
            self.device,
            device_ids=None,
            distributed=False,
            lr_factor=1,
        )
        self.loaded: Iterator[Any] = iter(())

    def train_part(self, part: int) -> float:
        box = self.box
        if part == 1:
            box.pre_epoch_process(epoch=1)
            box.teacher_model.eval()
            self.loaded = iter(box.train_data_loader)
        self.epoch.seed_dropout(part)
        total = 0.0
        for sample_batch, targets, supp_dict in islice(self.loaded, len(self.epoch.batches[part])):
            sample_batch, targets = sample_batch.to(self.device), targets.to(self.device)
            loss = box.forward_process(sample_batch, targets, supp_dict)
            box.post_forward_process(loss=loss)
            total += loss.item() * len(targets)
            if torch.isnan(loss) or torch.isinf(loss):
                raise ValueError(f"The training loop was broken due to loss = {loss}")
        return total / len(self.epoch.images[part])
