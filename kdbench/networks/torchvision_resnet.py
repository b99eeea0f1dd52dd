"""torchvision's ResNet-18, -34 and -50 (He et al. 2015), with the ImageNet stem or one for small images."""

from torch import nn


def build_resnet(*, classes: int, channels: int, image_size: int, form: str, name: str) -> nn.Module:
    """Build torchvision's ``name`` with a new last layer of ``classes`` outputs.

    ``form``: ``imagenet`` keeps the 7x7 stride-2 stem and pooling (images of 224x224, see the teacher's
    ``upscale``); ``stem32`` replaces them by one 3x3 convolution of stride 1, for images of about 32x32.
    Maps images [B, C, H, W] to logits [B, classes].
    """
    # torchvision costs half a second to import: only the teachers that need it pay for it.
    from torchvision import models

    network: nn.Module = getattr(models, name)(weights=None, num_classes=classes)
    if form == "stem32":
        network.conv1 = nn.Conv2d(channels, 64, 3, stride=1, padding=1, bias=False)
        network.maxpool = nn.Identity()
    elif channels != 3:
        network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    return network
