"""The messages that docs/faq.md quotes are those that are printed."""

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

GAP = "…"
HEADING = re.compile(r"^### (.*?)(?: \{: #[\w-]+ \})?$", re.M)
QUOTED = re.compile(r"`([^`]+)`")
# Printed by a shell, by Python's start, by torch's compiled code or the system.
OF_OTHERS = (
    "snakemake",
    "snakemake: command not found",
    "No module named kdbench",
    "FileNotFoundError: [Errno 2] No such file or directory: 'tables'",
    "argument --executor/-e: invalid choice: 'slurm'",
    "torch.OutOfMemoryError: CUDA out of memory",
    "failed after 12 s (SIGKILL)",
    "exit status 137",
    "Killed",
)


def quoted_messages():
    headings = HEADING.findall((ROOT / "docs/faq.md").read_text())
    return [message for heading in headings for message in QUOTED.findall(heading) if message not in OF_OTHERS]


def test_messages_are_quoted():
    assert len(quoted_messages()) > 20


def template(node: ast.AST) -> str | None:
    """A text as the source writes it, with a gap where it is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
    return None


def texts_of(folder: Path) -> list[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py")))
    return [text for tree in trees for node in ast.walk(tree) if (text := template(node))]


@cache
def all_texts() -> str:
    (snakemake,) = importlib.util.find_spec("snakemake").submodule_search_locations
    folders = (ROOT / "kdbench", ROOT / "snakemake_logger_plugin_kdbench", Path(snakemake))
    texts = [text for folder in folders for text in texts_of(folder)]
    return "\n".join([*texts, (ROOT / "Makefile").read_text()])


def pattern(message: str) -> str:
    """What the source must hold: the message's own words, and any text or gap for each of its gaps."""
    return ".*?".join(re.escape(part) for part in message.split(GAP))


@pytest.mark.parametrize("message", quoted_messages())
def test_a_quoted_message_is_one_that_is_printed(message):
    assert re.search(pattern(message), all_texts()), message


def test_a_message_that_nobody_prints_would_be_noticed():
    assert not re.search(pattern("…: SHA-256 is …, the configuration says …: buy the file again"), all_texts())
