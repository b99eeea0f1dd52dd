"""MobileNet v1 (Howard et al. 2017, table 1): depthwise separable convolutions."""

import torch
from torch import nn

# (output channels, stride) of the 13 blocks of table 1.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def normalised_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def separable_block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False),
        *normalised_relu(inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        *normalised_relu(outputs),
    )


class MobileNet(nn.Module):
    """MobileNet v1; ``form`` is the stem's stride: ``stride1`` for small images, ``stride2`` the original's.

    Input [B, C, H, W], output logits [B, classes].
    """

    def __init__(self, *, classes: int, channels: int, image_size: int, width: float, form: str) -> None:
        super().__init__()
        stem = max(1, round(32 * width))
        layers: list[nn.Module] = [
            nn.Conv2d(channels, stem, 3, stride=int(form.removeprefix("stride")), padding=1, bias=False),
            *normalised_relu(stem),
        ]
        inputs = stem
        for outputs, stride in BLOCKS:
            outputs = max(1, round(outputs * width))
            layers.append(separable_block(inputs, outputs, stride))
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images).mean((2, 3)))
