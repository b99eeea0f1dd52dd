"""`kdbench doctor`: each thing that a study may lack is made here, and must be named with the way out."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from kdbench.classroom import device
from kdbench.cli import main
from kdbench.config import Network, check_config
from kdbench.doctor import data, machine, programs, results, study, weights
from kdbench.doctor.finding import Finding, complaint, shown
from kdbench.errors import KdbenchError
from kdbench.networks.weights import IMAGENET_NETWORKS
from kdbench.overlay import merge
from kdbench.run import Learner
from kdbench.workflow import PARTS, copy_workflow
from tests.conftest import ROOT


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, without data of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KDBENCH_DATA", raising=False)
    return tmp_path


@pytest.fixture
def provide(here, monkeypatch):
    """The only folder in which commands are looked for."""
    folder = here / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(*names):
        for name in names:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)

    return add


def with_data(values, **data):
    return check_config(merge(values, {"data": data}))


def learner(weights, sha256=None, network="resnet8", form=None):
    chosen = Network(name=network, form=form)
    return Learner(name="teacher", network=chosen, input_scaling="unit", weights=str(weights), sha256=sha256)


def installed(monkeypatch, **versions):
    """Have these versions installed; None: not at all."""
    real = programs.version

    def version(name):
        found = versions.get(name.replace("-", "_"), real)
        if found is None:
            raise PackageNotFoundError(name)
        return real(name) if found is real else found

    monkeypatch.setattr(programs, "version", version)


# --- as a whole ------------------------------------------------------------------------------------------------------


def test_a_study_that_can_run_ends_with_0_and_has_a_line_of_each_kind(here, capsys):
    copy_workflow(here / "study")
    os.chdir(here / "study")
    began = time.process_time()
    assert main(["doctor", "--config", "presets/digits.yaml"]) == 0
    assert time.process_time() - began < 5
    *lines, last = capsys.readouterr().out.splitlines()
    assert last.startswith("A study can run here")
    abouts = [line[9:23].strip() for line in lines]
    assert abouts == (
        ["Python", "packages", "torch", "GPU", "Snakemake", "Slurm", "machine", "workflow"]
        + ["configuration", "data", "data sets", "weights", "results", "disk"]
    )
    assert {line[:8].strip() for line in lines} <= {"ok", "note"}
    assert "\x1b" not in "".join(lines)
    assert sorted(path.name for path in Path().iterdir()) == sorted(PARTS), "it leaves nothing behind"


def test_what_prevents_a_run_ends_with_1_and_the_other_lines_are_still_there(here, capsys):
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "problem  workflow" in out and "-> cd to where they are, or kdbench init" in out
    assert "problem  configuration  config.yaml: cannot be read" in out
    assert "disk" in out and "Python" in out
    assert out.splitlines()[-1].startswith("2 problems to solve before a study can run")


def test_a_wrong_key_is_a_problem_with_its_remedy(here, capsys):
    copy_workflow(here / "study")
    os.chdir(here / "study")
    Path("wrong.yaml").write_text("students: [{name: lenet, network: {name: lenett}}]")
    Path("few.yaml").write_text("students: [{name: lenet, network: {name: lenet}}]")
    assert main(["doctor", "--config", "wrong.yaml"]) == 1
    assert 'unknown network "lenett"; did you mean "lenet"?' in capsys.readouterr().out
    assert main(["doctor", "--config", "few.yaml"]) == 1
    assert "got 1: add a student or remove" in capsys.readouterr().out


def test_a_results_folder_with_other_data_is_a_problem(here, config):
    place = config.results / "data" / "dataset.json"
    place.parent.mkdir(parents=True)
    place.write_text('{"source": "fashion-mnist"}')
    found = data.data(config)
    assert (found.state, found.remedy) == ("problem", "pathvars.results: another folder")
    assert str(config.results) in found.found
    place.write_text(json.dumps({"source": config.data.source}))
    assert data.data(config).state == "ok"


def test_a_terminal_gets_colours_unless_it_asks_for_none(monkeypatch):
    finding = Finding("note", "GPU", "none " * 30, "a machine with one")
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    first, *others = shown(finding).splitlines()
    assert first.startswith("\x1b[33mnote\x1b[0m     GPU")
    assert others and all(line.startswith(" " * 24) and len(line) <= 80 for line in others)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(finding)


# --- programs --------------------------------------------------------------------------------------------------------


def test_packages_that_are_missing_or_too_old_are_named_with_the_command_that_installs_them(monkeypatch):
    assert programs.packages().state == "ok"
    installed(monkeypatch, jinja2="2.0", safetensors=None)
    found = programs.packages()
    assert found.state == "problem"
    assert "jinja2 2.0 is installed, jinja2>=3.1 is needed; safetensors is not installed" in found.found
    assert found.remedy == "pip install 'jinja2>=3.1' 'safetensors>=0.4.3'"


def test_a_torchvision_made_for_another_torch_is_a_problem(monkeypatch):
    assert programs.imported_torch() is torch
    monkeypatch.setattr(programs, "requires", lambda name: ["numpy", "torch==2.6.0", "scipy; extra == 'scipy'"])
    installed(monkeypatch, torch="2.6.0+cu124", torchvision="0.21.0")
    assert programs.imported_torch() is torch
    installed(monkeypatch, torch="2.7.0+cu126", torchvision="0.21.0")
    found = programs.imported_torch()
    assert (found.state, found.remedy) == ("problem", "pip install --force-reinstall torch torchvision")
    assert "torchvision 0.21.0 does not fit: torch 2.7.0+cu126 is installed, torch==2.6.0 is needed" in found.found


def a_torch(*cards, cuda="12.4"):
    """A torch that sees these GPUs, each a name and its memory in GiB."""
    properties = [SimpleNamespace(name=name, total_memory=memory * 2**30) for name, memory in cards]
    seen = SimpleNamespace(
        is_available=lambda: bool(cards), device_count=lambda: len(cards), get_device_properties=properties.__getitem__
    )
    return SimpleNamespace(cuda=seen, version=SimpleNamespace(cuda=cuda))


def test_gpus_are_named_with_their_memory():
    found = machine.gpu(a_torch(("A100", 80), ("A100", 80)), "auto")
    assert (found.state, found.found) == ("ok", "2 x A100, 80 GiB; snakemake --resources gpu=2 uses all")
    assert "not used" in machine.gpu(a_torch(("A100", 80)), "cpu").found


def test_no_gpu_is_a_problem_only_where_one_is_asked_for(provide, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [machine.gpu(a_torch(), device).state for device in ("cpu", "auto", "cuda")] == ["ok", "note", "problem"]
    assert "train on the CPU" in machine.gpu(a_torch(), "auto").found
    provide("nvidia-smi")
    assert "a torch built for CUDA" in machine.gpu(a_torch(cuda=None), "auto").remedy
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machine.gpu(a_torch(), "cuda").remedy == "device: auto; or unset CUDA_VISIBLE_DEVICES"


def test_a_snakemake_that_is_too_old_is_a_problem(monkeypatch):
    assert programs.snakemake().state == "ok"
    installed(monkeypatch, snakemake="8.0.0")
    assert programs.snakemake().state == "problem"
    assert programs.snakemake().remedy.startswith("pip install 'snakemake")


@pytest.mark.parametrize(
    ("commands", "executor", "state", "remedy"),
    [
        ((), False, "ok", ""),
        (programs.SLURM_COMMANDS, False, "note", "make slurm, or pip install 'kdbench[slurm]'"),
        ((), True, "note", "pip uninstall snakemake-executor-plugin-slurm, where there is no Slurm"),
        (programs.SLURM_COMMANDS, True, "ok", ""),
        (("sbatch", "squeue"), True, "note", "install slurm-client"),
    ],
)
def test_slurm_needs_its_commands_and_the_executor(provide, monkeypatch, commands, executor, state, remedy):
    provide(*commands)
    monkeypatch.setattr(programs, "find_spec", lambda name: executor or None)
    installed(monkeypatch, snakemake_executor_plugin_slurm="2.8.0")
    found = programs.slurm()
    assert (found.state, found.remedy) == (state, remedy)


def test_more_cores_than_memory_has_room_for_jobs_is_a_note(monkeypatch):
    monkeypatch.setattr(machine, "available_cores", lambda: 16)
    monkeypatch.setattr(machine, "memory_bytes", lambda: 8 * 2**30)
    found = machine.machine()
    assert (found.state, found.remedy) == ("note", "snakemake --resources mem_mb=7372")
    monkeypatch.setattr(machine, "memory_bytes", lambda: 64 * 2**30)
    assert machine.machine().found == "16 cores, 64.0 GiB of memory"


@pytest.mark.parametrize(
    ("teacher", "students", "there", "found"),
    [
        ("fp32", "fp32", False, []),
        ("bf16", "fp32", True, ["ok       bf16           for the teacher"]),
        ("bf16", "bf16", False, ["note     bf16           asked for the teacher and students, and this processor has"]),
    ],
)
def test_bf16_that_is_asked_for_and_is_not_there_is_noted(values, monkeypatch, teacher, students, there, found):
    monkeypatch.setattr(device, "has_bf16", lambda kind: there and kind == "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    precisions = {"training": {"precision": students}, "teacher": {"training": {"precision": teacher}}}

    def noted(device):
        config = check_config(merge(values, precisions | {"device": device}))
        return [str(finding) for finding in machine.bf16(config, torch)]

    lines = noted("cpu")
    assert len(lines) == len(found) and all(map(str.startswith, lines, found))
    lines = noted("auto")
    assert ["GPU has none: computed in fp32" in line for line in lines] == [True] * len(found)


# --- the study -------------------------------------------------------------------------------------------------------


def test_a_workflow_of_another_version_is_noted_by_its_files(here):
    copy_workflow(here / "study")
    assert study.workflow(here / "study").state == "ok"
    (here / "study/workflow/rules/data.smk").write_text("")
    found = study.workflow(here / "study")
    assert (found.state, found.found.split(": ")[1]) == ("note", "workflow/rules/data.smk")


def test_data_that_are_downloaded_are_a_note_and_a_named_path_that_is_not_there_a_problem(here, values):
    found = data.data(with_data(values, source="cifar10"))
    assert found.state == "note" and "cifar10 is not in ./data: the first step downloads it" in found.found
    assert found.remedy == "without a network, put cifar-10-python.tar.gz there"
    found = data.data(with_data(values, source="image-folder", path="photos.tar.gz"))
    assert found.state == "problem" and "looked for photos.tar.gz and data/photos.tar.gz" in found.found
    assert "KDBENCH_DATA" in found.remedy
    assert data.data(with_data(values, source="image-folder")).remedy.startswith("data.path:")
    assert data.data(with_data(values, source="digits")).state == "ok"


def test_data_are_found_where_a_study_finds_them(here, values, monkeypatch):
    place = here / "elsewhere"
    (place / "FashionMNIST/raw").mkdir(parents=True)
    (place / "photos/train").mkdir(parents=True)
    (place / "photos/test").mkdir()
    for archive in ("cifar10.tar.xz", "letters.tar.gz"):
        (place / archive).touch()
    monkeypatch.setenv("KDBENCH_DATA", str(place))
    assert data.data(with_data(values, source="fashion-mnist")).found == f"fashion-mnist: {place}"
    assert data.data(with_data(values, source="image-folder", path="letters.tar.gz")).state == "ok"
    found = data.data_sets()
    assert found.state == "ok"
    for data_set in (
        "digits (in scikit-learn)",
        f"cifar10 ({place}/cifar10.tar.xz)",
        f"fashion-mnist ({place})",
        f"image-folder ({place}/photos), image-folder ({place}/letters.tar.gz)",
        f"looked in $KDBENCH_DATA ({place}) and ./data",
    ):
        assert data_set in found.found
    assert "mnist" not in found.found.replace("fashion-mnist", "")
    monkeypatch.setenv("KDBENCH_DATA", str(here / "nowhere"))
    assert data.data_sets().state == "note"


def test_weights_are_checked_against_their_digest(here):
    file = here / "resnet8.pth"
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert weights.weights(learner("none"), torch).state == "ok"
    assert weights.weights(learner(file, digest), torch).state == "ok"
    wrong = weights.weights(learner(file, "0" * 64), torch)
    assert (wrong.state, wrong.remedy) == ("problem", "fetch the file again") and digest in wrong.found
    unchecked = weights.weights(learner(file), torch)
    assert unchecked.state == "problem" and f"teacher.sha256: {digest}" in unchecked.remedy
    missing = weights.weights(learner("other.pth", digest), torch)
    assert missing.state == "problem" and "looked for other.pth, data/other.pth" in missing.found


def test_imagenet_weights_are_looked_for_in_torchs_cache_under_torchvisions_names(here, monkeypatch):
    from torchvision import models

    for network, (enumeration, member) in IMAGENET_NETWORKS.items():
        address = getattr(models, enumeration)[member].url
        assert address == f"{weights.IMAGENET_ADDRESS}/{weights.IMAGENET_FILES[network]}"
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(here / "hub"))
    teacher = learner("imagenet", network="resnet50", form="imagenet")
    missing = weights.weights(teacher, torch)
    path = here / "hub/checkpoints/resnet50-11ad3fa6.pth"
    assert missing.state == "note" and f"curl --create-dirs -o {path} https://" in missing.remedy
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut off")
    damaged = weights.weights(teacher, torch)
    assert damaged.state == "problem" and damaged.remedy.startswith(f"rm {path}")
    monkeypatch.setitem(weights.IMAGENET_FILES, "resnet50", f"of-{hashlib.sha256(b'cut off').hexdigest()[:8]}.pth")
    path.rename(path.parent / weights.IMAGENET_FILES["resnet50"])
    assert weights.weights(teacher, torch).state == "ok"
    assert weights.weights(learner("imagenet", network="lenet"), torch).state == "problem"


# --- where results go ------------------------------------------------------------------------------------------------


def test_a_disk_without_room_is_a_problem_and_one_with_little_a_note(here, monkeypatch):
    for free, state in ((10 * 2**20, "problem"), (2**30, "note"), (2**40, "ok")):
        monkeypatch.setattr(results, "free_bytes", lambda folder, free=free: free)
        found = results.space(Path("results/digits"))
        assert found.state == state
        assert ("pathvars.results" in found.remedy) == (state != "ok")


def test_a_results_folder_that_cannot_be_written_to_is_a_problem(here):
    closed = here / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(closed, os.W_OK):  # root may write anywhere but here
        closed = Path("/proc")
    found = results.permission(closed / "results")
    assert (found.state, found.remedy) == ("problem", "pathvars.results: a folder that you may write to")
    (here / "file").touch()
    assert "a file stands where a folder should" in results.permission(here / "file/results").found
    assert results.permission(Path("results")).found == "results, which is made, can be written"
    assert not Path("results").exists()


def test_an_error_without_a_remedy_is_all_that_is_said():
    assert complaint(KdbenchError("no more")) == ("no more", "")


def test_the_repositorys_own_workflow_is_found():
    assert study.workflow(ROOT).state == "ok"


@pytest.mark.parametrize(("first_line", "state"), [("import torch", "ok"), ("import nosuch", "problem")])
def test_losses_of_ones_own_that_cannot_be_imported_are_found_before_a_run(tmp_path, first_line, state):
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives/mine.py").write_text(f"{first_line}\n\n\ndef loss(prediction, labels, knowledge): ...\n")
    program = (
        "from pathlib import Path; from kdbench.doctor.study import own_losses; print(own_losses(Path('objectives')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.split()[0] == state
    assert ("objectives/mine.py: ModuleNotFoundError: No module named 'nosuch'" in done.stdout) == (state == "problem")
