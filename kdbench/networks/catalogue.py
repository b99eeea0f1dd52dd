"""Which networks there are, with their forms; imports no torch, so the plan can validate names."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NetworkEntry:
    """Where a network is built and what may be chosen: the first form is the default."""

    module: str
    builder: str
    forms: tuple[str, ...] = ("standard",)
    fixed: dict[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ("width",)
    smallest_image: int = 8


def cifar_resnet(depth: int) -> NetworkEntry:
    return NetworkEntry("cifar_resnet", "CifarResNet", fixed={"depth": depth})


def torchvision_resnet(name: str) -> NetworkEntry:
    return NetworkEntry(
        "torchvision_resnet", "build_resnet", forms=("stem32", "imagenet"), fixed={"name": name}, options=()
    )


NETWORKS: dict[str, NetworkEntry] = {
    "lenet": NetworkEntry(
        "lenet", "LeNet", forms=("relu-average", "relu-max", "tanh-average", "tanh-max"), smallest_image=16
    ),
    "alexnet": NetworkEntry(
        "alexnet",
        "AlexNet",
        forms=("stem3-dense1024", "stem3", "stem11", "stem11-dense1024"),
        options=("width", "dropout"),
        smallest_image=16,
    ),
    "mobilenet": NetworkEntry("mobilenet", "MobileNet", forms=("stride1", "stride2")),
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
