"""A digest of the package code a step depends on, so that the workflow reruns what a change touches and no more.

Snakemake tracks a rule's parameters, not the code its command imports; the digest is one of those parameters.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def module_file(module: str) -> Path | None:
    """The source file of a module of this package, or None where there is no such module."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    if path.parent.name == "objectives":  # the study's own losses: kdbench/objectives/__init__.py
        candidates.append(Path("objectives", f"{path.name}.py"))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    return None


def source_files(module: str) -> list[Path]:
    """A module's source, and the files it reads that stand beside it: page.css for page.py, <paper>.yaml for paper/."""
    path = module_file(module)
    if path is None:
        raise ValueError(f"no module {module} in this package")
    beside = path.parent.glob("*.yaml") if path.parent.name == "paper" else path.parent.glob(f"{path.stem}.*")
    return sorted({path, *(file for file in beside if file.is_file())})


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Modules of this package that ``module`` imports itself, inside functions too."""
    path = module_file(module)
    if path is None:
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(name for name in names if name.startswith("kdbench.") and module_file(name))


@cache
def code_digest(*modules: str, without: tuple[str, ...] = ()) -> str:
    """SHA-256 over the sources of ``modules`` and all they import of this package, directly or not, but ``without``.

    What a step loads by name (networks, objectives) is named by the caller: a new network changes no other run.
    """
    pending, seen = list(modules), set[str]()
    while pending:
        module = pending.pop()
        if module not in seen and module not in without:
            seen.add(module)
            pending.extend(imported_modules(module))
    digest = hashlib.sha256()
    for module in sorted(seen):
        for path in source_files(module):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
