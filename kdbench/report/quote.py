"""Numbers that documents quote from published studies, kept equal to the studies' files.

A document holds ``<!-- quote FILE ... -->what is quoted<!-- end -->``, FILE below the folder of published studies:

- ``digits/claims.csv id=peer-above-scratch-alexnet ours:signed``: one cell, of the row with these values; ``:signed``
  in percentage points with its sign, ``:2`` with as many decimals, ``:p`` as a p-value, without: as it is;
- ``digits/claims.csv verdict="not reproduced" rows``: how many rows have these values; ``p!=""``: another value;
- ``digits/figures/figure6.csv table gain paper:signed ours:signed``: a table of these columns;
- ``digits/tables/table2.md table``: a Markdown file's first table; ``paragraph``: its first paragraph.
"""

import csv
import re
import shlex
from pathlib import Path

from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.report.text_table import markdown_table, signed

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
    file, *words = shlex.split(query)
    try:
        text = (studies / file).read_text(encoding="utf-8")
    except OSError as error:
        raise KdbenchError(f'quote "{query}": {studies / file}: {error.strerror}') from None
    return of_rows(query, text, words) if file.endswith(".csv") else f"\n{of_markdown(query, text, words)}\n"


def of_rows(query: str, text: str, words: list[str]) -> str:
    unwanted = dict(word.split("!=", 1) for word in words if "!=" in word)
    wanted = dict(word.split("=", 1) for word in words if "=" in word and "!=" not in word)
    asked = [word for word in words if "=" not in word]
    rows = list(csv.DictReader(text.splitlines()))
    found = [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
    found = [row for row in found if all(row.get(name) != value for name, value in unwanted.items())]
    if asked == ["rows"]:
        return str(len(found))
    as_table = asked[:1] == ["table"]
    columns = [column.partition(":")[::2] for column in (asked[1:] if as_table else asked)]
    known = all(name in (rows or [{}])[0] and style in STYLES for name, style in columns)
    if not columns or not known or (len(found) != 1 and not as_table):
        raise KdbenchError(f'quote "{query}": {len(found)} rows, of columns {", ".join(rows[0] if rows else [])}')
    cells = [[in_style(row[name], style) for name, style in columns] for row in found]
    if not as_table:
        return " ".join(cells[0])
    align = "".join("r" if style else "l" for _, style in columns)
    return f"\n{markdown_table([name for name, _ in columns], cells, align)}\n"


def in_style(cell: str, style: str) -> str:
    if not style or not cell:
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
