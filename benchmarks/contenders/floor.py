"""The floor: what the student's own forward pass, backward pass and Adam step cost, with nothing around them."""

import torch
from torch.nn import functional as F

from benchmarks.contenders import Epoch


class Floor:
    """As many steps, on as many images each, as the epoch has, all on one batch that is in memory already.

    The batch is what the student sees (float, channels last), the loss cross-entropy, the optimiser fused. It learns
    from the labels of one batch only, so it has no loss to compare.
    """

    def __init__(self, epoch: Epoch) -> None:
        pupil = epoch.student()
        self.network = pupil.network
        self.optimizer = torch.optim.Adam(self.network.parameters(), **epoch.adam, fused=True)
        self.sizes = {part: [len(batch) for batch in batches] for part, batches in epoch.batches.items()}
        largest = max(epoch.batches[1], key=len)
        self.images, self.labels = pupil.view(epoch.data.images[largest]), epoch.data.labels[largest]

    def train_part(self, part: int) -> None:
        for size in self.sizes[part]:
            loss = F.cross_entropy(self.network(self.images[:size]), self.labels[:size])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
