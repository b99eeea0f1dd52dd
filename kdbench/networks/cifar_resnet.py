"""The CIFAR ResNets (He et al. 2015, section 4.2): 6n+2 layers, shortcuts without parameters (option A)."""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        if self.stride != 1 or self.added:
            # Option A: subsample, and pad the new channels with zeros on both sides.
            before = self.added // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))
        return F.relu(out + x, inplace=True)


class CifarResNet(nn.Module):
    """ResNet of ``depth`` 6n+2 with 16, 32 and 64 channels at width 1.

    Parameter names are those of the public CIFAR ResNets (conv1, bn1, layer1-3, linear), so their weights load.
    Input [B, C, H, W], output logits [B, classes].
    """

    def __init__(self, *, classes: int, channels: int, image_size: int, width: float, depth: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        c1, c2, c3 = (max(1, round(n * width)) for n in (16, 32, 64))
        self.conv1 = nn.Conv2d(channels, c1, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.layer1 = self.stage(c1, c1, blocks, stride=1)
        self.layer2 = self.stage(c1, c2, blocks, stride=2)
        self.layer3 = self.stage(c2, c3, blocks, stride=2)
        self.linear = nn.Linear(c3, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    @staticmethod
    def stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
        first = Block(inputs, outputs, stride)
        return nn.Sequential(first, *[Block(outputs, outputs, 1) for _ in range(blocks - 1)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(images)), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))
