"""LeNet-5 (LeCun et al. 1998, figure 2) for images of any size from 16x16 up."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": partial(nn.ReLU, inplace=True), "tanh": nn.Tanh}
POOLINGS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


class LeNet(nn.Module):
    """Two 5x5 convolutions with 2x2 pooling, then three dense layers (6-16-120-84 channels at width 1).

    ``form`` is ``<activation>-<pooling>``: ``tanh-average`` is the original's. Weights start as in Keras, whose example
    the paper adapted: Glorot uniform, biases zero; ``<activation>-<pooling>-torch`` leaves them as torch starts them.
    Input [B, C, H, W], output logits [B, classes].
    """

    def __init__(self, *, classes: int, channels: int, image_size: int, width: float, form: str) -> None:
        super().__init__()
        activation, pooling, *first_weights = form.split("-")
        act, pool = ACTIVATIONS[activation], POOLINGS[pooling]
        c1, c2, d1, d2 = (max(1, round(n * width)) for n in (6, 16, 120, 84))
        side = ((image_size - 4) // 2 - 4) // 2
        self.features = nn.Sequential(nn.Conv2d(channels, c1, 5), act(), pool(2), nn.Conv2d(c1, c2, 5), act(), pool(2))
        self.classifier = nn.Sequential(
            nn.Linear(c2 * side * side, d1), act(), nn.Linear(d1, d2), act(), nn.Linear(d2, classes)
        )
        if first_weights != ["torch"]:
            self.apply(start_as_keras)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images).flatten(1))


def start_as_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
