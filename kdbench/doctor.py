"""``kdbench doctor``: what a study needs and what is here, a line each, with the way out where something is wanting.

Downloads nothing, trains nothing, leaves nothing behind.
"""

import os
import shutil
import sys
import tempfile
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from filecmp import cmp
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement

import kdbench
from kdbench.config import Config
from kdbench.data.archives import is_archive
from kdbench.data.catalogue import SOURCES
from kdbench.data.places import data_folders, found_in, named_path
from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.run import Learner
from kdbench.running import check_place
from kdbench.wording import counted
from kdbench.workflow import PARTS, workflow_folder

State = Literal["ok", "note", "problem"]
COLOURS = {"ok": "32", "note": "33", "problem": "31"}
MIB, GIB = 2**20, 2**30

# torch's cache holds ImageNet weights under these names, with the first digits of the file's SHA-256. torchvision knows
# them too, but takes seconds to import.
IMAGENET_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
}
IMAGENET_ADDRESS = "https://download.pytorch.org/models"
SLURM_EXECUTOR = "snakemake-executor-plugin-slurm"
SLURM_COMMANDS = ("sbatch", "squeue", "scancel", "sinfo")
MEMORY_PER_JOB = 1500 * MIB  # what profiles/default reckons with
# A study of the digits takes 30 MB, one of the paper some gigabytes: weights, stored outputs, checkpoints.
LEAST_SPACE, AMPLE_SPACE = 100 * MIB, 5 * GIB


@dataclass(frozen=True)
class Finding:
    """One line. A problem prevents a run; ``remedy`` is a command or a key of the configuration."""

    state: State
    about: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state:8} {self.about:14} {self.found}{f' -> {self.remedy}' if self.remedy else ''}"


def examine(config: Config | KdbenchError, results: Path | None) -> int:
    """Print a line a finding and a last one that sums up; gives 1 where something prevents a run, else 0."""
    found = []
    for finding in findings(config, results):
        print(shown(finding), flush=True)
        found.append(finding)
    count = Counter(finding.state for finding in found)
    print(verdict(count["problem"], count["note"]))
    return int(count["problem"] > 0)


def shown(finding: Finding) -> str:
    """The finding as one line; on a terminal coloured, and wrapped below its third column."""
    line = str(finding)
    if not sys.stdout.isatty():
        return line
    indent = " " * len(f"{'':8} {'':14} ")
    width = max(shutil.get_terminal_size().columns, 60)
    line = textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    if "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return line
    return line.replace(finding.state, f"\x1b[{COLOURS[finding.state]}m{finding.state}\x1b[0m", 1)


def verdict(problems: int, notes: int) -> str:
    noted = f"; {counted(notes, 'note')}" if notes else ""
    if problems:
        return f"{counted(problems, 'problem')} to solve before a study can run{noted}."
    return f"A study can run here{noted}."


def findings(config: Config | KdbenchError, results: Path | None) -> Iterator[Finding]:
    """All of them, in the order in which they are best solved."""
    yield Finding("ok", "Python", f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")
    yield packages()
    torch = imported_torch()
    yield (
        torch
        if isinstance(torch, Finding)
        else Finding("ok", "torch", f"{version('torch')}, with torchvision {version('torchvision')}")
    )
    study = None if isinstance(config, KdbenchError) else config
    if isinstance(torch, ModuleType):
        yield gpu(torch, study.device if study else "auto")
    yield snakemake()
    yield slurm()
    yield machine()
    yield workflow(Path())
    plan = planned(config)
    yield plan if isinstance(plan, Finding) else configuration(plan)
    if isinstance(plan, Plan):
        yield data(plan.config)
    yield data_sets()
    if isinstance(plan, Plan) and isinstance(torch, ModuleType):
        yield weights(plan.learner("teacher", plan.runs["teacher"]), torch)
    place = results or (study.results if study else Path("results"))
    yield permission(place)
    yield space(place)


# --- programs --------------------------------------------------------------------------------------------------------


def requirements() -> dict[str, Requirement]:
    """What this package says it needs, without extras; nothing where it was not installed, but only found."""
    try:
        lines = requires("kdbench") or []
    except PackageNotFoundError:
        return {}
    needed = [Requirement(line) for line in lines]
    return {one.name: one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}


def unmet(needed: Requirement) -> str | None:
    """Say what is wrong with the installed version of a package, or None."""
    try:
        installed = version(needed.name)
    except PackageNotFoundError:
        return f"{needed.name} is not installed"
    if needed.specifier.contains(installed, prereleases=True):
        return None
    return f"{needed.name} {installed} is installed, {needed.name}{needed.specifier} is needed"


def packages() -> Finding:
    needed = requirements()
    if not needed:
        remedy = "pip install --editable . in the repository"
        return Finding("note", "packages", "kdbench is not installed, so what it needs is not checked", remedy)
    wrong = [complaint for one in needed.values() if (complaint := unmet(one))]
    if wrong:
        asked = " ".join(f"'{one.name}{one.specifier}'" for one in needed.values() if unmet(one))
        return Finding("problem", "packages", "; ".join(wrong), f"pip install {asked}")
    return Finding("ok", "packages", f"all {len(needed)} that kdbench {kdbench.__version__} needs")


def imported_torch() -> ModuleType | Finding:
    """torch, where it can be imported and is what torchvision was made for."""
    together = "pip install --force-reinstall torch torchvision"
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library of its own that does not load
        return Finding("problem", "torch", f"cannot be imported ({' '.join(str(error).split())})", together)
    try:
        asked = requires("torchvision") or []
    except PackageNotFoundError:
        return Finding("problem", "torch", "torchvision is not installed", "pip install torchvision")
    for line in asked:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        if needed.name == "torch" and needed.marker is None and (wrong := unmet(needed)):
            return Finding("problem", "torch", f"torchvision {version('torchvision')} does not fit: {wrong}", together)
    return torch


def gpu(torch: ModuleType, device: str) -> Finding:
    """What torch sees, and what that means for a study whose ``device`` is this."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if available:
        cards = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        seen = Counter(f"{card.name}, {card.total_memory / GIB:.0f} GiB" for card in cards)
        found = "; ".join(f"{count} x {card}" if count > 1 else card for card, count in seen.items())
        if device == "cpu":
            return Finding("ok", "GPU", f"{found}; not used, as the configuration says device: cpu")
        several = f"snakemake --resources gpu={len(cards)} uses all" if len(cards) > 1 else ""
        return Finding("ok", "GPU", f"{found}{f'; {several}' if several else ''}")
    reason = " ".join(str(said[0].message).split()) if said else ""
    if device == "cpu" and not reason:
        return Finding("ok", "GPU", "none, and none asked for: the configuration says device: cpu")
    found = "none that torch sees" + (f" ({reason})" if reason else "")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        remedy = "unset CUDA_VISIBLE_DEVICES"
    elif torch.version.cuda is None and shutil.which("nvidia-smi"):
        remedy = "install a torch built for CUDA: https://pytorch.org/get-started/locally"
    else:
        remedy = "a machine with one, or a cluster (profiles/slurm); presets/digits.yaml needs none"
    if device == "cuda":
        return Finding(
            "problem", "GPU", f"{found}, and the configuration says device: cuda", f"device: auto; or {remedy}"
        )
    return Finding("note", "GPU", f"{found}: runs here train on the CPU, too slow for the paper's ResNet-50", remedy)


def snakemake() -> Finding:
    needed = requirements().get("snakemake", Requirement("snakemake"))
    if wrong := unmet(needed):
        return Finding("problem", "Snakemake", wrong, f"pip install '{needed.name}{needed.specifier}'")
    if find_spec("snakemake_logger_plugin_kdbench") is None:
        return Finding("problem", "Snakemake", "kdbench's display for it is missing", "pip install kdbench again")
    return Finding("ok", "Snakemake", f"{version('snakemake')}, with kdbench's display")


def slurm() -> Finding:
    """Slurm's commands and Snakemake's executor for it: both or none."""
    present = [command for command in SLURM_COMMANDS if shutil.which(command)]
    executor = find_spec("snakemake_executor_plugin_slurm") is not None
    if not present and not executor:
        return Finding("ok", "Slurm", "none: studies run on this machine")
    if not present:
        found = f"no {SLURM_COMMANDS[0]}, but Snakemake's executor for it: every snakemake waits ten seconds"
        return Finding("note", "Slurm", found, f"pip uninstall {SLURM_EXECUTOR}, where there is no Slurm")
    if not executor:
        found = f"{', '.join(present)}, but not Snakemake's executor for it: studies run on this machine"
        return Finding("note", "Slurm", found, "make slurm, or pip install 'kdbench[slurm]'")
    found = f"{', '.join(present)}, and {SLURM_EXECUTOR} {version(SLURM_EXECUTOR)}"
    if missing := set(SLURM_COMMANDS) - set(present):
        return Finding("note", "Slurm", f"{found}, but not {', '.join(sorted(missing))}", "install slurm-client")
    return Finding("ok", "Slurm", f"{found}: snakemake --workflow-profile profiles/slurm")


def machine() -> Finding:
    """Cores and memory; profiles/default starts as many jobs as there are cores."""
    cores, memory = available_cores(), memory_bytes()
    found = f"{counted(cores, 'core')}, {memory / GIB:.1f} GiB of memory"
    if cores * MEMORY_PER_JOB > memory:
        found += f": less than {cores} jobs at once may need"
        return Finding("note", "machine", found, f"snakemake --resources mem_mb={int(memory * 0.9 / MIB)}")
    return Finding("ok", "machine", found)


def available_cores() -> int:
    """Cores that this process may use, as Snakemake's ``cores: all`` counts them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's memory, or the container's where that has less."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(memory, int(Path(limit).read_text()))
        except (OSError, ValueError):  # ValueError: "max"
            continue
    return memory


# --- the study -------------------------------------------------------------------------------------------------------


def workflow(folder: Path) -> Finding:
    """Whether ``folder`` holds the workflow, and that of this kdbench."""
    missing = [part for part in PARTS if not (folder / part).exists()]
    if missing:
        found = f"{folder.absolute()} holds no {', '.join(missing)}"
        state: State = "problem" if set(missing) & {"Snakefile", "config.yaml", "workflow"} else "note"
        return Finding(state, "workflow", found, "cd to where they are, or kdbench init my-study && cd my-study")
    own = workflow_folder()
    rules = [own / "Snakefile", *sorted((own / "workflow").rglob("*.smk"))]
    other = [str(file.relative_to(own)) for file in rules if differ(file, folder / file.relative_to(own))]
    if other:
        found = f"not that of kdbench {kdbench.__version__}, changed or of another version: {', '.join(other)}"
        return Finding("note", "workflow", found, "to compare: kdbench init another-folder")
    return Finding("ok", "workflow", f"that of kdbench {kdbench.__version__}, in {folder.absolute()}")


def differ(one: Path, other: Path) -> bool:
    return not other.is_file() or not cmp(one, other, shallow=False)


def planned(config: Config | KdbenchError) -> Plan | Finding:
    if isinstance(config, KdbenchError):
        return Finding("problem", "configuration", *complaint(config))
    try:
        return Plan(config)
    except KdbenchError as error:
        return Finding("problem", "configuration", *complaint(error))


def complaint(error: KdbenchError) -> tuple[str, str]:
    """What is wrong, and the remedy that ends a message."""
    found, separator, remedy = str(error).rpartition(": ")
    return (found, remedy) if separator else (str(error), "")


def configuration(plan: Plan) -> Finding:
    runs = sum(len(run.seeds) for run in plan.runs.values())
    title = " ".join(plan.config.study.title.split())
    return Finding("ok", "configuration", f"{title}: {counted(runs, 'run')} into {plan.config.results}")


def looked_in() -> str:
    *variable, downloads = data_folders()
    return " and ".join([*(f"$KDBENCH_DATA ({folder})" for folder in variable), f"./{downloads}"])


def data(config: Config) -> Finding:
    """The images of the study."""
    source, path = config.data.source, config.data.path
    if source == "digits":
        return Finding("ok", "data", "digits, which scikit-learn carries")
    if (config.results / "data" / "dataset.json").is_file():
        return Finding("ok", "data", f"{source}, packed in {config.results}/data")
    if source == "image-folder" and path is None:
        return Finding("problem", "data", "image-folder lacks its path", "data.path: a folder or archive of images")
    try:
        place = source_place(source, path)
    except KdbenchError as error:
        return Finding("problem", "data", *complaint(error))
    if place is not None:
        return Finding("ok", "data", f"{source}: {place}")
    looked, folder = (looked_in(), "./data") if path is None else (path, path)
    found = f"{source} is not in {looked}: the first step downloads it into {folder}"
    return Finding("note", "data", found, f"without a network, put {SOURCES[source].archives[-1]} there")


def source_place(source: str, path: str | None) -> Path | None:
    """The folder or archive that holds the images, as the first step finds it; None where it would download them."""
    if path is None:
        return next((place for folder in data_folders() if (place := found_in(folder, source))), None)
    place = named_path(path)
    return place if source == "image-folder" or place.is_file() else found_in(place, source)


def data_sets() -> Finding:
    """Everything that studies could be run on."""
    found = ["digits (in scikit-learn)"]
    for name in SOURCES:
        found += [f"{name} ({place})" for folder in data_folders() if (place := found_in(folder, name))]
    found += [f"image-folder ({place})" for folder in data_folders() for place in image_folders(folder)]
    text = f"{', '.join(found)}; looked in {looked_in()}"
    first = data_folders()[0]
    if len(data_folders()) > 1 and not first.is_dir():
        return Finding("note", "data sets", f"{text}, of which the first is no folder", "export KDBENCH_DATA=FOLDER")
    return Finding("ok", "data sets", text)


def image_folders(folder: Path) -> list[Path]:
    """What data.path may name below ``folder``: folders with train and test in them, and archives of other names."""
    known = {name for source in SOURCES.values() for name in source.archives}
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    archives = [entry for entry in entries if is_archive(entry) and entry.name not in known]
    return [entry for entry in entries if (entry / "train").is_dir() and (entry / "test").is_dir()] + archives


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


# --- where results go ------------------------------------------------------------------------------------------------


def existing(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def permission(results: Path) -> Finding:
    """Whether results can be written, and Snakemake's own notes, which it keeps in the working directory."""
    elsewhere = "pathvars.results: a folder that you may write to"
    try:
        check_place(results)
    except KdbenchError as error:
        return Finding("problem", "results", complaint(error)[0], elsewhere)
    for folder, remedy in ((existing(results), elsewhere), (Path(), "cd to a folder that you may write to")):
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            found = f"{folder.absolute()} cannot be written to ({error.strerror})"
            return Finding("problem", "results", found, remedy)
    new = "" if results.is_dir() else ", which is made"
    return Finding("ok", "results", f"{results}{new}, can be written")


def space(results: Path) -> Finding:
    """Free space where results go."""
    free = free_bytes(existing(results))
    found = f"{free / GIB:.1f} GiB free for {results}"
    remedy = "free some, or pathvars.results: a folder on another disk"
    if free < LEAST_SPACE:
        return Finding("problem", "disk", f"{found}: no study fits", remedy)
    if free < AMPLE_SPACE:
        return Finding("note", "disk", f"{found}: little for more than the digits study", remedy)
    return Finding("ok", "disk", found)


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
