"""Build the networks of a run, with the views they see images through."""

import torch
from torch import Tensor, nn

from kdbench.classroom.seeding import stream_seed
from kdbench.classroom.view import View
from kdbench.data.store import PackedImages
from kdbench.networks.build import build_network
from kdbench.networks.weights import load_initial_weights
from kdbench.plan import Learner


class Pupil(nn.Module):
    """A network and its view: uint8 images [B, C, H, W] to float32 logits [B, classes]."""

    def __init__(self, view: View, network: nn.Module, precision: str) -> None:
        super().__init__()
        self.view, self.network, self.precision = view, network, precision

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits = self.network(self.view(images))
        return logits.float()


def build_pupil(learner: Learner, data: PackedImages, *, seed: int, precision: str) -> Pupil:
    """The learner's network, its first weights drawn from ``seed`` and the learner's name, or loaded."""
    channels, height = data.images.shape[1], data.images.shape[2]
    torch.manual_seed(stream_seed(seed, "weights", learner.name))
    network = build_network(
        learner.network, classes=len(data.classes), channels=channels, image_size=height * learner.upscale
    )
    load_initial_weights(network, learner)
    network = network.to(memory_format=torch.channels_last)
    return Pupil(View(learner.input_scaling, learner.upscale, data), network, precision)
