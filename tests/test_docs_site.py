"""The documentation as a site, and what its pages say of the workflow."""

import importlib.util
import re
import subprocess
import sys

import pytest

from kdbench.overlay import load_config
from kdbench.recipes.schema import read_recipe
from tests.conftest import ROOT

PAPER = (ROOT / "docs/paper.md").read_text()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    if importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed: make docs, or pip install 'kdbench[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_holds_every_page_and_no_link_is_broken(site):
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not (site / page).is_file()] == []


def test_the_sites_pages_load_nothing_from_elsewhere(site):
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>")
    found = {path.name: loads.findall(path.read_text()) for path in site.rglob("*.html")}
    assert {name: tags for name, tags in found.items() if tags} == {}


def test_the_commands_of_the_first_page_are_accepted(clone, snakemake):
    folder = clone("commands")
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/index.md").read_text(), re.M | re.S)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("snakemake")]
    assert len(commands) > 2
    for command in commands:
        arguments = re.findall(r"[^\s=]+='[^']*'|\S+", command)[1:]
        snakemake(folder, *(argument.replace("'", "") for argument in arguments), "--dry-run")


def table_rows(heading):
    """The cells of the table below a heading of paper.md, but its head."""
    section = PAPER.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_every_rule_and_recipe_of_the_paper_has_its_place_on_the_page():
    rules = [word for row in table_rows("Section by section") for word in re.findall(r"`([\w-]+)`", row[2])]
    lessons = [
        lesson
        for name in ["teacher", *load_config([ROOT / "config.yaml"]).methods]
        for lesson in read_recipe(name).lessons
    ]
    written = [
        name
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for name in re.findall(r"rule (\w+):", path.read_text())
    ]
    outputs = ["teacher-outputs", "alternate-outputs"]
    assert set(rules) == {
        *written,
        *outputs,
        *(lesson.method for lesson in lessons),
        "write_selection",
        "compare_further",
    }


def test_what_the_paper_leaves_unsaid_is_on_the_page_with_the_configurations_values():
    text = (ROOT / "config.yaml").read_text()
    config = load_config([ROOT / "config.yaml"])
    rows = table_rows("What the paper leaves unsaid")
    keys = [row[0].strip("`") for row in rows]
    assert [key.split(".")[-1] for key in keys] == re.findall(r"^ *(\w+):.*# \(unsaid\)", text, re.M)
    for key, row in zip(keys, rows, strict=True):
        value = config
        for part in key.split("."):
            value = getattr(value, part)
        written = f"{value:g}" if isinstance(value, float) else str(value).lower()
        assert row[1].strip("`") == written, key
    changes = [name for row in rows for name in re.findall(r"`([^`]+)`", row[3])]
    assert set(changes) <= set(config.sensitivity)
    assert all(f"`{name}`" in PAPER for name in config.sensitivity)
