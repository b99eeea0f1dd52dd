"""A network's features on its way to the logits: the outputs of its stages, and the embedding that enters its head."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from kdbench.networks.catalogue import module_of


class Features:
    """The outputs of ``layers`` of ``network`` in its last forward pass, float32, by the layer's name.

    ``name`` is the network's in the catalogue. Stages have [B, channels, height, width], the embedding [B, width].
    """

    def __init__(self, network: nn.Module, name: str, layers: Iterable[str]) -> None:
        self.latest: dict[str, Tensor] = {}
        self.layers = tuple(layers)
        for layer in self.layers:
            module = network.get_submodule(module_of(name, layer))
            if layer == "embedding":
                module.register_forward_pre_hook(self.entering)
            else:
                module.register_forward_hook(self.leaving(layer))

    def entering(self, module: nn.Module, inputs: Any) -> None:
        self.latest["embedding"] = inputs[0].float()

    def leaving(self, layer: str) -> Any:
        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            self.latest[layer] = output.float()

        return keep
