"""Which networks there are, with their forms; imports no torch, so the plan can validate names."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NetworkEntry:
    """Where a network is built and what may be chosen: the first form is the default.

    ``stages`` are the modules after which its features are compared with another network's, ``head`` its last layer,
    which the embedding enters.
    """

    module: str
    builder: str
    stages: tuple[str, ...]
    head: str
    forms: tuple[str, ...] = ("standard",)
    fixed: dict[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ("width",)
    smallest_image: int = 8


def cifar_resnet(depth: int) -> NetworkEntry:
    return NetworkEntry("cifar_resnet", "CifarResNet", ("layer1", "layer2", "layer3"), "linear", fixed={"depth": depth})


def torchvision_resnet(name: str) -> NetworkEntry:
    return NetworkEntry(
        "torchvision_resnet",
        "build_resnet",
        ("layer1", "layer2", "layer3", "layer4"),
        "fc",
        forms=("stem32", "imagenet"),
        fixed={"name": name},
        options=(),
    )


NETWORKS: dict[str, NetworkEntry] = {
    "lenet": NetworkEntry(
        "lenet",
        "LeNet",
        ("features.2", "features.5"),
        "classifier.4",
        forms=("relu-average", "relu-max", "tanh-average", "tanh-max", "relu-average-torch"),
        smallest_image=16,
    ),
    "alexnet": NetworkEntry(
        "alexnet",
        "AlexNet",
        ("features.2", "features.5", "features.12"),
        "classifier.6",
        forms=("stem3-dense1024", "stem3", "stem11", "stem11-dense1024"),
        options=("width", "dropout"),
        smallest_image=16,
    ),
    "mobilenet": NetworkEntry(
        "mobilenet",
        "MobileNet",
        ("features.3", "features.5", "features.7", "features.13", "features.15"),  # before each halving, and the last
        "classifier",
        forms=("stride1", "stride2"),
    ),
    "resnet20": cifar_resnet(20),
    "resnet32": cifar_resnet(32),
    "resnet44": cifar_resnet(44),
    "resnet56": cifar_resnet(56),
    "resnet110": cifar_resnet(110),
    "resnet8": cifar_resnet(8),
    "resnet18": torchvision_resnet("resnet18"),
    "resnet34": torchvision_resnet("resnet34"),
    "resnet50": torchvision_resnet("resnet50"),
}


def paired_layers(which: str, own: str, theirs: str) -> list[list[str]]:
    """Layers of the network ``own`` and those of ``theirs`` that they are compared with, from the first to the last.

    ``which`` is ``embedding``, ``last stage``, ``middle stage`` or ``every stage``; of networks with different
    numbers of stages the last ones are paired.
    """
    mine, others = len(NETWORKS[own].stages), len(NETWORKS[theirs].stages)
    if which == "embedding":
        return [["embedding", "embedding"]]
    if which == "last stage":
        return [[f"stage{mine}", f"stage{others}"]]
    if which == "middle stage":
        return [[f"stage{(mine + 1) // 2}", f"stage{(others + 1) // 2}"]]
    pairs = min(mine, others)
    return [[f"stage{mine - left}", f"stage{others - left}"] for left in reversed(range(pairs))]


def module_of(network: str, layer: str) -> str:
    """The path of the module whose output (of the embedding: whose input) a layer's features are."""
    entry = NETWORKS[network]
    return entry.head if layer == "embedding" else entry.stages[int(layer.removeprefix("stage")) - 1]
