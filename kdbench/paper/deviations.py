"""In what a study differs from the paper: as its configuration states, else as its keys show."""

from kdbench.config import Config


def deviations(config: Config) -> list[str]:
    """One sentence a deviation; those of ``study.deviations`` where there are any."""
    if config.study.deviations:
        return config.study.deviations
    data, teacher = config.data, config.teacher
    found = []
    if data.source != "cifar10":
        found.append(f"data: {data.path or data.source}, in place of CIFAR-10")
    if data.train_limit or data.test_limit:
        found.append("data: only some of the images")
    if (teacher.network.name, teacher.weights) != ("resnet50", "imagenet"):
        weights = "without pre-trained weights" if teacher.weights == "none" else f"with weights {teacher.weights}"
        found.append(f"teacher: {teacher.network.name} {weights}, in place of ResNet-50 with ImageNet weights")
    if config.training.epochs != 5:
        found.append(f"students: trained for {config.training.epochs} epochs, in place of 5")
    return found
