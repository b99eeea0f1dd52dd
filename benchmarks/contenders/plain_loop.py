"""The loop that a researcher writes by hand: torch's data loader, torchvision's transforms, ``loss.item()``.

The optimiser is Adam as torch makes it when asked for nothing else (neither fused nor otherwise chosen).
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from benchmarks.contenders import Epoch
from kdbench.data.store import PackedImages

WORKERS = 0


class Pictures(Dataset):
    """Images and labels as torchvision's CIFAR10 gives them: a PIL image made for each, then its transform."""

    def __init__(self, data: PackedImages) -> None:
        self.data = data.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = data.labels.tolist()
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


class NumberedPictures(Pictures):
    """With each image's index, by which to look its stored logits up."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return *super().__getitem__(index), index


class PlainLoop:
    """One data loader for the whole epoch; between parts it pauses, so its workers start in the first part alone."""

    def __init__(self, epoch: Epoch, pictures: Pictures, workers: int) -> None:
        self.epoch = epoch
        self.student = epoch.student().network
        self.optimizer = torch.optim.Adam(self.student.parameters(), **epoch.adam)
        # Its own generator, lest starting an iterator draws from the one that dropout draws from.
        self.loader = DataLoader(
            pictures, batch_sampler=epoch.all_batches(), num_workers=workers, generator=torch.Generator()
        )
        self.loaded: Iterator[list[Tensor]] = iter(())

    def teacher_logits(self, images: Tensor, *index: Tensor) -> Tensor:
        raise NotImplementedError

    def train_part(self, part: int) -> float:
        if part == 1:
            self.loaded = iter(self.loader)
        alpha, temperature = self.epoch.alpha, self.epoch.temperature
        self.epoch.seed_dropout(part)
        self.student.train()
        total = 0.0
        for images, labels, *index in islice(self.loaded, len(self.epoch.batches[part])):
            soft_labels = F.softmax(self.teacher_logits(images, *index) / temperature, dim=1)
            logits = self.student(images)
            divergence = F.kl_div(F.log_softmax(logits / temperature, dim=1), soft_labels, reduction="batchmean")
            loss = alpha * F.cross_entropy(logits, labels) + (1 - alpha) * temperature**2 * divergence
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(labels)
        return total / len(self.epoch.images[part])


class LiveTeacherLoop(PlainLoop):
    """The teacher's forward pass is paid for at every step."""

    def __init__(self, epoch: Epoch, teacher: nn.Module, workers: int = WORKERS) -> None:
        super().__init__(epoch, Pictures(epoch.data), workers)
        self.teacher = teacher.eval()

    def teacher_logits(self, images: Tensor, *index: Tensor) -> Tensor:
        with torch.no_grad():
            return self.teacher(images)


class StoredLogitsLoop(PlainLoop):
    """The teacher's logits [N, classes] were stored beforehand."""

    def __init__(self, epoch: Epoch, logits: Tensor, workers: int = WORKERS) -> None:
        super().__init__(epoch, NumberedPictures(epoch.data), workers)
        self.logits = logits

    def teacher_logits(self, images: Tensor, *index: Tensor) -> Tensor:
        return self.logits[index[0]]
