"""The weights that the teacher starts from."""

from pathlib import Path
from types import ModuleType

from kdbench.doctor.finding import Finding, complaint
from kdbench.errors import KdbenchError
from kdbench.run import Learner

# torch's cache holds ImageNet weights under these names, with the first digits of the file's SHA-256. torchvision knows
# them too, but takes seconds to import.
IMAGENET_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
}
IMAGENET_ADDRESS = "https://download.pytorch.org/models"


def weights(teacher: Learner, torch: ModuleType) -> Finding:
    """The weights that the teacher starts from."""
    if teacher.weights == "none":
        return Finding("ok", "weights", "none needed: the teacher starts from random ones")
    if teacher.weights == "imagenet":
        return imagenet_weights(teacher, torch)
    from kdbench.networks.weights import check_sha256, find_weights, sha256_of

    try:
        path = find_weights(teacher)
        if teacher.sha256 is None:
            found = f"{path}: nothing to check it against"
            return Finding("problem", "weights", found, f"teacher.sha256: {sha256_of(path)}, if you trust the file")
        check_sha256(path, teacher.sha256)
    except KdbenchError as error:
        return Finding("problem", "weights", *complaint(error))
    return Finding("ok", "weights", f"{path}, SHA-256 as configured")


def imagenet_weights(teacher: Learner, torch: ModuleType) -> Finding:
    from kdbench.networks.weights import sha256_of

    name = IMAGENET_FILES.get(teacher.network.name)
    if name is None or teacher.network.form != "imagenet":
        found = f"there are no ImageNet weights for {teacher.network.name}, form {teacher.network.form}"
        return Finding(
            "problem", "weights", found, "teacher.weights: none, or teacher.network: {name: resnet50, form: imagenet}"
        )
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    fetch = f"curl --create-dirs -o {path} {IMAGENET_ADDRESS}/{name}"
    if not path.is_file():
        found = f"{name} is not in {path.parent}: the teacher's first run downloads it"
        return Finding("note", "weights", found, f"without a network there: {fetch}")
    if not sha256_of(path).startswith(path.stem.partition("-")[2]):
        return Finding(
            "problem", "weights", f"{path} is damaged: not of the SHA-256 in its name", f"rm {path}; or {fetch}"
        )
    return Finding("ok", "weights", f"{path}, SHA-256 as in its name")
