"""What becomes of a student's network before it is trained: weights of few bits, activations of few bits, pruning.

The survey's student construction (figure 6). The changes are parametrisations and hooks, so that the network's own code
knows nothing of them, and its weights' file holds them. PyTorch's own tools do not serve here:
torch.ao's quantisation is deprecated and has no ternary weights, and what torch.nn.utils.prune has pruned cannot be
parametrised.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kdbench.recipes.lesson import Construction

FLOAT_BITS = 32
BYTE = 8
RANGE_RATE = 0.01  # what a batch counts in the moving average of activations' range
LEAST_STEP = 1e-12  # between two levels, where all values are zero


def construct(network: nn.Module, construction: Construction) -> None:
    """Change ``network`` in place, as ``construction`` says; its weights are those that it has now."""
    layers = weighted_layers(network)
    if construction.pruned is not None:
        prune(layers, construction.pruned)
    for layer in layers if construction.first_and_last else layers[1:-1]:
        if construction.weight_bits is not None:
            bits = construction.weight_bits
            few = TernaryWeights() if bits == "ternary" else UniformWeights(bits)
            parametrize.register_parametrization(layer, "weight", few)
        if construction.activation_bits is not None:
            layer.levels = UniformActivations(construction.activation_bits)
            layer.register_forward_pre_hook(quantise_input)


def weighted_layers(network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


@torch.no_grad()
def prune(layers: Sequence[Any], share: float) -> None:
    """Set the ``share`` of all these layers' weights that are closest to zero to zero, for good."""
    sizes = torch.cat([layer.weight.abs().flatten() for layer in layers])
    kept = torch.ones_like(sizes, dtype=torch.bool)
    kept[sizes.argsort(stable=True)[: round(share * len(sizes))]] = False
    for layer, mask in zip(layers, kept.split([layer.weight.numel() for layer in layers]), strict=True):
        parametrize.register_parametrization(layer, "weight", PrunedWeights(mask.view_as(layer.weight).clone()))


class PrunedWeights(nn.Module):
    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def straight_through(values: Tensor, quantised: Tensor) -> Tensor:
    """``quantised``, with the gradient of ``values``: Bengio, Leonard and Courville 2013."""
    return quantised.detach() + (values - values.detach())  # in this order exactly the levels


class TernaryWeights(nn.Module):
    """Weights -a, 0 or a, one a for each output channel: Li, Zhang and Liu 2016, equations 5 and 6."""

    bits = 2
    channel_bits = FLOAT_BITS

    def forward(self, weight: Tensor) -> Tensor:
        rest = tuple(range(1, weight.dim()))
        size = weight.detach().abs()
        kept = (size > 0.7 * size.mean(dim=rest, keepdim=True)).to(weight.dtype)
        level = (size * kept).sum(dim=rest, keepdim=True) / kept.sum(dim=rest, keepdim=True).clamp_min(1)
        return straight_through(weight, weight.sign() * kept * level)


class UniformWeights(nn.Module):
    """2^bits levels evenly spaced between the smallest and the largest weight of each output channel; zero is one."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.channel_bits = FLOAT_BITS + bits  # the levels' distance, and which of them is zero

    def forward(self, weight: Tensor) -> Tensor:
        rest = tuple(range(1, weight.dim()))
        return at_levels(weight, weight.detach().amin(rest, True), weight.detach().amax(rest, True), self.bits)


class UniformActivations(nn.Module):
    """2^bits levels evenly spaced between the smallest and the largest value, averaged over the batches learned from.

    Test images do not move them. What lies beyond has no gradient. Before the first batch values are left alone.
    """

    batches: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, values: Tensor) -> Tensor:
        if self.training:
            self.batches += 1
            rate = (1 / self.batches).clamp_min(RANGE_RATE)
            low, high = values.detach().float().aminmax()
            self.low.lerp_(low, rate)
            self.high.lerp_(high, rate)
        # Clones, since later batches change what this one's gradient needs.
        low, high = self.low.clamp(max=0), self.high.clamp(min=0)
        return torch.where(self.batches > 0, at_levels(values.clamp(low, high), low, high, self.bits), values)


def at_levels(values: Tensor, low: Tensor, high: Tensor, bits: int) -> Tensor:
    """``values`` at the nearest of 2^bits levels as far apart as is even from ``low`` to ``high``; zero is a level."""
    low, high, most = low.clamp(max=0), high.clamp(min=0), 2**bits - 1
    step = ((high - low) / most).clamp_min(LEAST_STEP)
    zero = (-low / step).round()
    return straight_through(values, (((values / step).round() + zero).clamp(0, most) - zero) * step)


def quantise_input(layer: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
    return (layer.levels(inputs[0]),)


def changes(layer: Any, *kinds: type[nn.Module]) -> list[Any]:
    """What of these kinds was done to a layer's weights."""
    done = layer.parametrizations["weight"] if parametrize.is_parametrized(layer, "weight") else []
    return [change for change in done if isinstance(change, kinds)]


@torch.no_grad()
def stored_bytes(network: nn.Module) -> int:
    """Bytes that the weights take up at the bits they have, with each channel's levels; no buffers, as batch averages.

    Of pruned layers the zeros are not stored, but a bit for each weight that says whether it is there.
    """
    bits = 0
    layers = weighted_layers(network)
    for layer in layers:
        stored, wide = layer.weight.numel(), FLOAT_BITS
        for pruned in changes(layer, PrunedWeights):
            bits += stored
            stored = int(pruned.mask.sum())
        for few in changes(layer, TernaryWeights, UniformWeights):
            bits += len(layer.weight) * few.channel_bits
            wide = few.bits
        bits += stored * wide + (0 if layer.bias is None else layer.bias.numel() * FLOAT_BITS)
    counted = {*map(id, layers)}
    others = [
        parameter.numel()
        for module in network.modules()
        if id(module) not in counted and not isinstance(module, parametrize.ParametrizationList)
        for parameter in module.parameters(recurse=False)
    ]
    return (bits + sum(others) * FLOAT_BITS) // BYTE


@torch.no_grad()
def sparsity(network: nn.Module) -> float:
    """Percent of the convolutions' and dense layers' weights that are zero."""
    weights = [layer.weight for layer in weighted_layers(network)]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return 100 * zeros / max(1, sum(weight.numel() for weight in weights))
