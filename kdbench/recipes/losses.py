"""The losses that a recipe can name: the files of kdbench/objectives, which are read here, not imported: no torch."""

import ast
from functools import cache
from importlib import resources


@cache
def losses() -> dict[str, dict[str, bool]]:
    """Each loss by its file's name, with its options, and whether each must be given."""
    found = {}
    for file in resources.files("kdbench.objectives").iterdir():
        if file.name.endswith(".py"):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name == "loss":
                    options = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                    found[file.name.removesuffix(".py")] = {option.arg: default is None for option, default in options}
    return found
