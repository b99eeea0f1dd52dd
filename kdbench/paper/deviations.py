"""In what a study differs from the paper: as its configuration states, and as its keys show."""

from kdbench.config import Config


def deviations(config: Config) -> list[str]:
    """One sentence a deviation: those of ``study.deviations``, or else what data and teacher show.

    What is easily overlaid on a preset, and so not in its sentences, is always told: fewer images, other epochs.
    """
    data, teacher = config.data, config.teacher
    stated = config.study.deviations
    found = list(stated)
    if not stated and data.source != "cifar10":
        found.append(f"data: {data.path or data.source}, in place of CIFAR-10")
    if not stated and (teacher.network.name, teacher.weights) != ("resnet50", "imagenet"):
        weights = "without pre-trained weights" if teacher.weights == "none" else f"with weights {teacher.weights}"
        found.append(f"teacher: {teacher.network.name} {weights}, in place of ResNet-50 with ImageNet weights")
    for name, limit in (("training", data.train_limit), ("test", data.test_limit)):
        if limit:
            found.append(f"data: at most {limit:,} {name} images")
    if config.training.epochs != 5:
        found.append(f"students: trained for {config.training.epochs} epochs, in place of 5")
    return found
