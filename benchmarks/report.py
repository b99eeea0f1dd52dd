"""The tables and the figure of a folder of measurements, and docs/speed.md with its tables replaced by them.

``python -m benchmarks.report FOLDER`` writes FOLDER/speed.md, speed.png and speed.svg; ``--publish`` also copies
the measurements to benchmarks/results, the figure to docs/ and the tables into docs/speed.md.
"""

import argparse
import re
import shutil
from pathlib import Path

from benchmarks.figure import write_figure
from benchmarks.tables import tables
from benchmarks.workbench import ROOT
from kdbench.files import write_text

PAGE = ROOT / "docs" / "speed.md"
PUBLISHED = ROOT / "benchmarks" / "results"


def filled(page: str, found: dict[str, str]) -> str:
    """``page`` with what stands between each ``<!-- table NAME -->`` and ``<!-- end -->`` replaced by that table."""
    return re.sub(
        r"(<!-- table (\w+) -->\n).*?(<!-- end -->)",
        lambda place: f"{place[1]}{found[place[2]]}\n{place[3]}",
        page,
        flags=re.DOTALL,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--publish", action="store_true", help="into docs/ and benchmarks/results")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    write_figure(folder)
    page = filled(PAGE.read_text(encoding="utf-8"), tables(folder))
    write_text(folder / "speed.md", page)
    if arguments.publish:
        PUBLISHED.mkdir(exist_ok=True)
        for path in sorted(folder.glob("*.csv")):
            shutil.copyfile(path, PUBLISHED / path.name)
        shutil.copyfile(folder / "speed.png", ROOT / "docs" / "speed.png")
        write_text(PAGE, page)


if __name__ == "__main__":
    main()
