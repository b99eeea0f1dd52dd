"""How a network sees the stored images: through its view, scaled and enlarged on the device."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdbench.data.store import PackedImages
from kdbench.data.views import view_images
from kdbench.errors import KdbenchError

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def scaling(name: str, data: PackedImages) -> tuple[list[float], list[float]]:
    """Mean and standard deviation, per channel in 0..1 units, that an ``input_scaling`` subtracts and divides by."""
    channels = data.images.shape[1]
    if name == "unit":
        return [0.0] * channels, [1.0] * channels
    if name == "symmetric":
        return [0.5] * channels, [0.5] * channels
    if name == "standardised":
        return list(data.mean), list(data.std)
    if channels != 3:
        raise KdbenchError(f"input_scaling: imagenet needs 3 channels, got {channels}: set data.channels to 3")
    return IMAGENET


class View(nn.Module):
    """Turns stored images, uint8 [B, C, H, W], into a network's input, float [B, C, uH, uW], channels last."""

    factor: Tensor
    offset: Tensor

    def __init__(self, input_scaling: str, upscale: int, data: PackedImages, view: str = "image") -> None:
        super().__init__()
        mean, std = scaling(input_scaling, data)
        # Folded into one multiply-add on bytes: (x / 255 - mean) / std.
        self.register_buffer("factor", (1 / (255 * torch.tensor(std))).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", (-torch.tensor(mean) / torch.tensor(std)).view(1, -1, 1, 1), persistent=False)
        self.upscale, self.view = upscale, view

    def forward(self, images: Tensor) -> Tensor:
        if self.view != "image":
            images = view_images(images, self.view)
        x = images.to(torch.float32, memory_format=torch.channels_last)  # one pass for both
        x = torch.addcmul(self.offset, x, self.factor)
        if self.upscale > 1:
            x = F.interpolate(x, scale_factor=self.upscale, mode="bilinear", align_corners=False)
        return x
