"""The losses and fusions that a recipe can name: files that are read here, not imported: no torch."""

import ast
from functools import cache
from pathlib import Path
from typing import Literal

from kdbench.errors import KdbenchError
from kdbench.recipes.beside import files_by_name

PACKAGE = Path(__file__).parents[1]
CLASSROOMS = {"adapter"}  # what the classroom gives a loss beside its options
ADAPTERS = {"student", "knowledge", "images", "classes"}  # and an adapter


def objective_folders() -> list[Path]:
    """Where losses are looked for: the package's, then those of the folder that the study is run in."""
    return [PACKAGE / "objectives", *(folder for folder in [Path("objectives")] if folder.is_dir())]


@cache
def losses() -> dict[str, dict[str, bool]]:
    """Each loss by its file's name, with its options (its adapter's too), and whether each must be given."""
    found = {}
    for name, file in objective_files().items():
        options = options_of(file, "loss", CLASSROOMS)
        if options is not None:
            found[name] = options | (options_of(file, "Adapter", ADAPTERS) or {})
    return found


@cache
def taken_by(loss: str, part: Literal["loss", "Adapter"]) -> frozenset[str]:
    """The options that the loss itself takes, or its adapter."""
    without = CLASSROOMS if part == "loss" else ADAPTERS
    return frozenset(options_of(objective_files()[loss], part, without) or {})


def objective_files() -> dict[str, Path]:
    return files_by_name(objective_folders(), "*.py")


@cache
def fusions() -> dict[str, dict[str, bool]]:
    """Each fusion by its file's name, with its options, and whether each must be given."""
    files = sorted((PACKAGE / "fusions").glob("*.py"))
    return {file.stem: options for file in files if (options := options_of(file, "fuse", set())) is not None}


def options_of(file: Path, name: str, without: set[str]) -> dict[str, bool] | None:
    """Keyword-only arguments of a file's function or of its class's __init__; None where it has no such name."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise KdbenchError(f"{file.parent.name}/{file.name}: line {error.lineno}: {error.msg}: correct it") from None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            node = next(item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__")
        elif not (isinstance(node, ast.FunctionDef) and node.name == name):
            continue
        given = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        return {option.arg: default is None for option, default in given if option.arg not in without}
    return None
