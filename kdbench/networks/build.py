"""Build a network from its configuration."""

import importlib

import torch
from torch import nn

from kdbench.config import Network
from kdbench.errors import KdbenchError
from kdbench.networks.catalogue import NETWORKS


def build_network(network: Network, *, classes: int, channels: int, image_size: int) -> nn.Module:
    """Build ``network`` for images [B, channels, image_size, image_size] and ``classes`` logits.

    Weights are drawn from torch's global random state. Raises KdbenchError where the images are too small.
    """
    entry = NETWORKS[network.name]
    if image_size < entry.smallest_image:
        raise KdbenchError(
            f"{network.name}: needs images of at least {entry.smallest_image}x{entry.smallest_image}, "
            f"got {image_size}x{image_size}: raise data.image_size"
        )
    chosen: dict[str, object] = {option: getattr(network, option) for option in entry.options}
    if len(entry.forms) > 1:
        chosen["form"] = network.form or entry.forms[0]
    builder = getattr(importlib.import_module(f"kdbench.networks.{entry.module}"), entry.builder)
    return builder(classes=classes, channels=channels, image_size=image_size, **entry.fixed, **chosen)


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def count_flops(network: nn.Module, *, channels: int, image_size: int) -> int:
    """Floating-point operations of one image's forward pass in convolutions and dense layers, a multiply-add as two.

    The same number as torch's own counter gives, without the seconds it takes to import.
    """
    counted: list[int] = []

    def count(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        weight: torch.Tensor = module.weight  # type: ignore[assignment]
        counted.append(2 * output.numel() * weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    training = network.training
    parameter = next(network.parameters())
    image = torch.zeros(1, channels, image_size, image_size, device=parameter.device, dtype=parameter.dtype)
    network.eval()(image)
    network.train(training)
    for hook in hooks:
        hook.remove()
    return sum(counted)
