"""Where the training images lie while learners see them: on the device or, where they would crowd it, in their file."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

RESIDENT_SHARE = 0.5  # of the memory that the device has for them


class TrainingImages:
    """Images uint8 [N, C, H, W], handed out in batches on ``device``.

    They lie on the device as one tensor where they take up at most half of its memory (a GPU's free memory, the
    machine's for the CPU, where the packed file is mapped rather than copied); then a batch is an index operation.
    Else they are streamed: each batch is read from the mapped file while the step before it computes. Both give the
    same batches.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self.device = device
        self.streamed = images.nbytes > RESIDENT_SHARE * memory(device)
        self.tensor = images if self.streamed else images.to(device)

    def batches(self, cuts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each of ``cuts``, indices int64 [B] on the CPU: the same indices and their images, on the device."""
        # One copy an epoch, since each would make the host wait for the device.
        indices = torch.cat(list(cuts)).to(self.device).split([len(cut) for cut in cuts])
        if not self.streamed:
            yield from ((index, self.tensor[index]) for index in indices)
            return
        with ThreadPoolExecutor(1) as reader:
            upcoming = reader.submit(self.read, cuts[0])
            for number, index in enumerate(indices):
                images = upcoming.result()
                if number + 1 < len(cuts):
                    upcoming = reader.submit(self.read, cuts[number + 1])
                yield index, images.to(self.device, non_blocking=True)

    def read(self, index: Tensor) -> Tensor:
        images = self.tensor[index]
        return images if self.device.type == "cpu" else images.pin_memory()


def memory(device: torch.device) -> int:
    """Bytes: what is free on a GPU, what the machine has for the CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
