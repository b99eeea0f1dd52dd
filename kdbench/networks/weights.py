"""Load pre-trained weights: torchvision's for ImageNet, or a file checked against its SHA-256."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kdbench.data.places import data_folders
from kdbench.errors import KdbenchError
from kdbench.run import Learner

# torchvision's enumerations and members, by name: its DEFAULT becomes another with time.
IMAGENET_NETWORKS = {
    "resnet18": ("ResNet18_Weights", "IMAGENET1K_V1"),
    "resnet34": ("ResNet34_Weights", "IMAGENET1K_V1"),
    "resnet50": ("ResNet50_Weights", "IMAGENET1K_V2"),
}


def load_initial_weights(network: nn.Module, learner: Learner) -> None:
    """Fill ``network`` with the learner's initial weights, in place.

    Where only the number of classes differs, the last layer keeps its fresh weights. Raises KdbenchError where
    the weights are missing, fail their checksum, or do not fit.
    """
    if learner.weights == "none":
        return
    state = imagenet_weights(learner) if learner.weights == "imagenet" else weights_from_file(learner)
    fit_weights(network, state, learner)


def imagenet_weights(learner: Learner) -> Mapping[str, Tensor]:
    name = learner.network.name
    if name not in IMAGENET_NETWORKS:
        raise KdbenchError(
            f"{learner.name}: there are no ImageNet weights for {name}: "
            f"use {', '.join(IMAGENET_NETWORKS)}, a weights file, or weights: none"
        )
    if learner.network.form != "imagenet":
        raise KdbenchError(f"{learner.name}: ImageNet weights need network form: imagenet (the 7x7 stem)")
    from torchvision import models

    enumeration, member = IMAGENET_NETWORKS[name]
    weights = getattr(models, enumeration)[member]
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a download that fails its checksum
        raise KdbenchError(
            f"{learner.name}: the ImageNet weights {weights.url} are not in torch's cache and cannot be fetched "
            f"({error}): put the file into {torch.hub.get_dir()}/checkpoints, or give a file as teacher.weights"
        ) from None


def weights_from_file(learner: Learner) -> Mapping[str, Tensor]:
    """Tensors of a .safetensors file or of a torch file, read without unpickling arbitrary objects."""
    path = find_weights(learner)
    check_sha256(path, learner.sha256)
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        reason = str(error).split("\n")[0]
        raise KdbenchError(f"{path}: cannot be read as weights ({reason}): give a file of tensors only") from None
    return plain_state(content, path)


def find_weights(learner: Learner) -> Path:
    """The weights file as named, or below $KDBENCH_DATA or ./data."""
    asked = Path(learner.weights).expanduser()
    candidates = list(dict.fromkeys([asked, *(folder / asked for folder in data_folders())]))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise KdbenchError(
        f"{learner.name}: weights {learner.weights} not found: looked for {', '.join(map(str, candidates))}: "
        "correct the path, or set KDBENCH_DATA to the folder it lies in"
    )


def check_sha256(path: Path, expected: str | None) -> None:
    if expected is None:
        raise KdbenchError(f"{path}: give the file's SHA-256 as sha256 beside weights: {sha256_of(path)}")
    found = sha256_of(path)
    if found != expected:
        raise KdbenchError(f"{path}: SHA-256 is {found}, the configuration says {expected}: fetch the file again")


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def plain_state(content: object, path: Path) -> Mapping[str, Tensor]:
    """A plain state dict out of one nested under ``state_dict`` or with keys prefixed ``module.``."""
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise KdbenchError(f"{path}: holds no state dict (tensors by name)")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def last_layer(network: nn.Module) -> set[str]:
    """Names of the parameters of the network's last linear layer."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return {f"{linear[-1]}.weight", f"{linear[-1]}.bias"} if linear else set()


def fit_weights(network: nn.Module, state: Mapping[str, Tensor], learner: Learner) -> None:
    own, last = network.state_dict(), last_layer(network)

    def for_other_classes(name: str, value: Tensor) -> bool:
        mine = own.get(name, value)
        return name in last and value.shape != mine.shape and value.shape[1:] == mine.shape[1:]

    state = {name: value for name, value in state.items() if not for_other_classes(name, value)}
    missing = sorted(set(own) - set(state) - last)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    extra = sorted(set(state) - set(own))
    shapes = sorted(name for name in set(own) & set(state) if own[name].shape != state[name].shape)
    complaints = [
        f"{len(names)} {what} (first: {names[0]})"
        for names, what in ((missing, "missing"), (extra, "unknown"), (shapes, "of another shape"))
        if names
    ]
    if complaints:
        origin = f"of {learner.starts_from.run}" if learner.starts_from else learner.weights
        raise KdbenchError(
            f"{learner.name}: weights {origin} do not fit the network {learner.network.name}: "
            f"parameters {', '.join(complaints)}: choose the network they were made for"
        )
    network.load_state_dict(state, strict=False)
