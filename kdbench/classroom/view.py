"""How a network sees the stored images: scaled, enlarged and augmented on the device."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdbench.config import Augmentation
from kdbench.data.store import PackedImages
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

    def __init__(self, input_scaling: str, upscale: int, data: PackedImages) -> None:
        super().__init__()
        mean, std = scaling(input_scaling, data)
        # Folded into one multiply-add on bytes: (x / 255 - mean) / std.
        self.register_buffer("factor", (1 / (255 * torch.tensor(std))).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", (-torch.tensor(mean) / torch.tensor(std)).view(1, -1, 1, 1), persistent=False)
        self.upscale = upscale

    def forward(self, images: Tensor) -> Tensor:
        x = torch.addcmul(self.offset, images.float(), self.factor)
        if self.upscale > 1:
            x = F.interpolate(x, scale_factor=self.upscale, mode="bilinear", align_corners=False)
        return x.contiguous(memory_format=torch.channels_last)


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Flip and shift uint8 images [B, C, H, W], each by its own draw; what shifts in is black."""
    if augmentation.flip:
        flipped = torch.rand(len(images), generator=generator) < 0.5
        images = torch.where(flipped.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)
    if augmentation.shift:
        shift, (batch, _, height, width) = augmentation.shift, images.shape
        padded = F.pad(images, (shift,) * 4)
        down, right = torch.randint(0, 2 * shift + 1, (2, batch), generator=generator).to(images.device)
        rows = (down[:, None] + torch.arange(height, device=images.device))[:, :, None]
        columns = (right[:, None] + torch.arange(width, device=images.device))[:, None, :]
        image = torch.arange(batch, device=images.device)[:, None, None]
        images = padded[image, :, rows, columns].permute(0, 3, 1, 2)
    return images
