"""Numbers that documents quote from published studies, kept equal to the studies' files.

A document holds ``<!-- quote FILE ... -->what is quoted<!-- end -->``, FILE below the folder of published studies:

- ``digits/claims.csv id=peer-above-scratch-alexnet ours:signed``: one cell, of the row with these values; ``:signed``
  in percentage points with its sign, ``:2`` with as many decimals, ``:p`` as a p-value, without: as it is;
- ``digits/claims.csv verdict=reproduced rows``: how many rows have these values;
- ``digits/tables/table2.md table``: a Markdown file's first table; ``paragraph``: its first paragraph.
"""

import csv
import re
from pathlib import Path

from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.report.text_table import signed

MARK = re.compile(r"<!-- quote (?P<query>[^>]*?) -->(?P<quoted>.*?)<!-- end -->", re.DOTALL)

STYLES = ("", "signed", "p", "0", "1", "2", "3")


def up_to_date(document: str, studies: Path) -> str:
    """``document`` with all it quotes from the studies below ``studies`` as it is there.

    Raises KdbenchError naming the quotation where a file, row or column is missing or a row is not the only one.
    """
    return MARK.sub(
        lambda mark: f"<!-- quote {mark['query']} -->{answer(mark['query'], studies)}<!-- end -->", document
    )


def answer(query: str, studies: Path) -> str:
    file, *words = query.split()
    try:
        text = (studies / file).read_text(encoding="utf-8")
    except OSError as error:
        raise KdbenchError(f'quote "{query}": {studies / file}: {error.strerror}') from None
    return of_rows(query, text, words) if file.endswith(".csv") else f"\n{of_markdown(query, text, words)}\n"


def of_rows(query: str, text: str, words: list[str]) -> str:
    *conditions, asked = words
    wanted = dict(condition.split("=", 1) for condition in conditions)
    rows = list(csv.DictReader(text.splitlines()))
    found = [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
    if asked == "rows":
        return str(len(found))
    column, _, style = asked.partition(":")
    if len(found) != 1 or column not in found[0] or style not in STYLES:
        raise KdbenchError(f'quote "{query}": {len(found)} rows, of columns {", ".join(rows[0] if rows else [])}')
    return in_style(found[0][column], style)


def in_style(cell: str, style: str) -> str:
    if not style:
        return cell
    if style == "signed":
        return signed(float(cell))
    return f"{float(cell):.2g}" if style == "p" else f"{float(cell):.{style}f}"


def of_markdown(query: str, text: str, words: list[str]) -> str:
    parts = text.split("\n\n")
    found = {"paragraph": parts[:1], "table": [part for part in parts if part.startswith("|")][:1], "": [text.strip()]}
    if not (quoted := found.get(" ".join(words))):
        raise KdbenchError(f'quote "{query}": no such part')
    return quoted[0]


def update(documents: list[Path], studies: Path) -> None:
    for document in documents:
        write_text(document, up_to_date(document.read_text(encoding="utf-8"), studies))
