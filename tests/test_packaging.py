"""What is published: built, installed without the repository, and run; and the copy of the workflow that it holds."""

import os
import re
import site
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kdbench.cli import main
from kdbench.workflow import PARTS, workflow_folder
from tests.conftest import DIGITS, ROOT
from tests.test_workflow import planned


def of_the_workflow(folder: Path) -> dict[str, bytes]:
    """The files of the workflow below a folder, with their contents."""
    places = [folder / part for part in PARTS]
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if "__pycache__" not in file.parts}


def test_init_copies_the_workflow_and_says_how_to_go_on(tmp_path, capsys):
    folder = tmp_path / "new" / "study"
    assert main(["init", str(folder)]) == 0
    assert of_the_workflow(folder) == of_the_workflow(workflow_folder())
    assert sorted(path.name for path in folder.iterdir()) == sorted(PARTS)
    assert f"cd {folder} && snakemake --configfile presets/digits.yaml" in capsys.readouterr().out


def test_init_leaves_what_is_there(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "config.yaml").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "holds config.yaml already: name another folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "notes.txt"]
    assert main(["init", str(tmp_path / "notes.txt")]) == 2
    (tmp_path / "config.yaml").unlink()
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_copy_of_the_workflow_plans_the_study(tmp_path, snakemake):
    assert main(["init", str(tmp_path / "study")]) == 0
    assert planned(snakemake(tmp_path / "study", "-n", *DIGITS))["alternate-to"] == 3


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that is built from what the sdist holds."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")

    def build(target: str, source: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
        return next(folder.glob("*.tar.gz" if target == "sdist" else "*.whl"))

    sdist = build("sdist", ROOT)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    unpacked = next((folder / "unpacked").iterdir())
    return sdist, unpacked, build("wheel", unpacked)


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Runs a command of a fresh virtual environment that holds the wheel, and sees the packages of this one."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = folder / "bin"
    # As a wheel in the same place as this environment's own kdbench, it comes first.
    here = next(folder.glob("lib/python*/site-packages"))
    visible = [*site.getsitepackages(), *(path for path in sys.path if path.endswith("site-packages"))]
    (here / "outer.pth").write_text("\n".join(dict.fromkeys(visible)))
    unwanted = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"}
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}

    def run(cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
        command = (str(programs / command[0]), *command[1:])
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
        return done

    run(folder, "python", "-m", "pip", "install", "--no-deps", "--no-index", "--force-reinstall", str(built[2]))
    return run


@pytest.mark.slow
def test_the_sdist_holds_the_workflow_the_recipes_and_the_tests(built):
    _, unpacked, _ = built
    assert of_the_workflow(unpacked) == of_the_workflow(ROOT)
    for folder in ("kdbench/recipes", "kdbench/paper", "kdbench/report", "tests"):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert not [file for file in files if file.suffix != ".pyc" and not (unpacked / file).is_file()]


@pytest.mark.slow
def test_whoever_installs_the_wheel_can_run_a_study(installed, tmp_path):
    where = installed(tmp_path, "python", "-c", "import kdbench; print(kdbench.__file__)").stdout
    assert str(ROOT) not in where and "site-packages" in where
    assert re.search(r"scratch +", installed(tmp_path, "kdbench", "methods").stdout)
    installed(tmp_path, "kdbench", "init", "study")
    assert of_the_workflow(tmp_path / "study") == of_the_workflow(ROOT)
    study = tmp_path / "study"
    dry = planned(installed(study, "python", "-m", "snakemake", "-n", *DIGITS))
    assert dry["alternate-to"] == 3 and dry["write_page"] == 1
    packed = "results/digits/data/dataset.json"
    installed(study, "python", "-m", "snakemake", packed, *DIGITS)
    assert (study / packed).is_file()
    assert "A study can run here" in installed(study, "kdbench", "doctor", "--config", "presets/digits.yaml").stdout
