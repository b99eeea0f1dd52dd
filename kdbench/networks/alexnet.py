"""AlexNet (Krizhevsky et al. 2012) with the first layers narrowed to 3x3 for small images."""

import torch
from torch import nn


class AlexNet(nn.Module):
    """Five convolutions with three poolings, then three dense layers.

    ``form``: ``stem3`` opens with a 3x3 convolution of stride 2, ``stem11`` with the original's 11x11 of stride 4;
    with ``-dense1024`` the two dense layers have 1024 instead of the original's 4096 units. ``dropout`` stands before
    both, as in the original.
    Input [B, C, H, W], output logits [B, classes].
    """

    def __init__(
        self, *, classes: int, channels: int, image_size: int, width: float, form: str, dropout: float
    ) -> None:
        super().__init__()
        stem, _, dense_form = form.partition("-")
        dense = max(1, round((1024 if dense_form else 4096) * width))
        c1, c2, c3, c4, c5 = (max(1, round(n * width)) for n in (64, 192, 384, 256, 256))
        small = stem == "stem3"
        self.features = nn.Sequential(
            nn.Conv2d(channels, c1, 3, stride=2, padding=1) if small else nn.Conv2d(channels, c1, 11, 4, padding=5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(c1, c2, 3, padding=1) if small else nn.Conv2d(c1, c2, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(c2, c3, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c3, c4, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c4, c5, 3, padding=1),
            nn.ReLU(inplace=True),
            # The larger stride has already made the images as small.
            nn.MaxPool2d(2) if small else nn.Identity(),
        )
        # At 32x32 the features already are 2x2; other sizes are averaged to that.
        self.pool = nn.Identity() if image_size == 32 else nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(c5 * 4, dense),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(dense, dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.pool(self.features(images)).flatten(1))
