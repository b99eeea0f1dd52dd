"""The figures as the page shows them: data URIs and captions; and what a study's variations found, with its figure."""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from PIL import Image

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.variations import GROUPS

LARGEST_SVG = 200_000  # bytes; of a larger figure the PNG is shown, so that the page stays small
COLOURS = 24
UNQUOTED = " =:/,;()'"  # in a data URI within a quoted attribute
PHOTOGRAPHS = (4, 5)  # figures that show images, which no colour scheme may change
HEADINGS = {
    "gains": "What each method gains",
    "sensitivity": "What the paper leaves unsaid",
    "further": "More students, more epochs",
}


@dataclass(frozen=True)
class Picture:
    """A data URI, and the picture's natural width in CSS pixels."""

    source: str
    width: float


@dataclass(frozen=True)
class Figure:
    """One figure of the paper, or the study's own."""

    number: int
    caption: str
    picture: Picture
    photographs: bool
    files: list[str]


@dataclass(frozen=True)
class Findings:
    """What the variations of a study say together: a paragraph, a figure, and the files behind them."""

    group: str
    heading: str
    text: str
    caption: str
    picture: Picture
    files: list[str]


def figures(config: Config, results: Path) -> list[Figure]:
    found = []
    for place, caption in captions(config).items():
        stem = f"figures/figure{place}"
        files = [f"{stem}.{kind}" for kind in ("csv", "svg", "png")] + (["results.csv"] if place == 3 else [])
        found.append(Figure(place, caption, picture(results / f"{stem}.svg", "figures"), place in PHOTOGRAPHS, files))
    return found


def picture(svg: Path, target: str) -> Picture:
    """The figure, or its PNG where it is large; raises KdbenchError naming the ``target`` that draws it."""
    try:
        content = compact(svg.read_text(encoding="utf-8"))
        points = re.search(r"<svg[^>]*\bwidth='([\d.]+)pt'", content)
        width = float(points[1]) * 96 / 72 if points else 672.0
        if len(content) > LARGEST_SVG:
            png = base64.b64encode(few_colours(svg.with_suffix(".png"))).decode()
            return Picture(f"data:image/png;base64,{png}", width)
    except FileNotFoundError as error:
        raise KdbenchError(f"{error.filename}: no such file: run `snakemake {target}`") from None
    # Safe as it is: quoted already, but for what may stand in an attribute within double quotes.
    return Picture(Markup(f"data:image/svg+xml,{quote(content, safe=UNQUOTED).replace('://', '%3A//')}"), width)  # noqa: S704


def few_colours(png: Path) -> bytes:
    """A PNG of as many colours as a drawing needs, a quarter of its size."""
    buffer = io.BytesIO()
    with Image.open(png) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def compact(svg: str) -> str:
    """An SVG without indentation, comments, names of its parts and digits that no screen shows."""

    def shorter(number: re.Match[str]) -> str:
        return f"{float(number[0]):.{1 if abs(float(number[0])) >= 10 else 3}f}".rstrip("0").rstrip(".")

    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    body = re.sub(r"(?<![\w.#])-?\d+\.\d{2,}(?![\w.])", shorter, body).replace('"', "'")
    body = re.sub(r"<g id='[^']*'", "<g", body).replace("DejaVuSans-", "D")  # names that only people read
    return re.sub(r"(?<=>) (?=<)|(?<=\d) (?=[LQMCz])|(?<=[LQMC]) (?=[\d-])", "", re.sub(r"\s+", " ", body))


def captions(config: Config) -> dict[int, str]:
    first = config.students[0].name
    second = config.students[1].name if len(config.students) > 1 else "a second student"
    return {
        1: "The architecture and the ingredients of one student's loss, as this study is configured.",
        2: "Training loss over epochs, a panel a student. Each method minimises an objective of its own, so the "
        "heights of different methods do not compare.",
        3: "Training accuracy over epochs, a panel a student, measured while learning; the open markers beside the "
        "last epoch are test accuracies.",
        4: f"Test images that {first} gets wrong from scratch, its teacher right, and {first} right by vanilla "
        "distillation.",
        5: f"Test images that {first} from scratch and the teacher get wrong, {second} right as its peer, and {first} "
        "right by Teacher-Student-Peer learning.",
        6: "Not in the paper: each gain it reports, this study's with its 95 % interval over seeds, and what single "
        "runs of the two methods differ by through chance alone.",
    }


COMPARED = {
    "gains": "Each method's gain over training from scratch, in percentage points of test accuracy, with its 95 % "
    "interval over seeds; the dashed line is vanilla distillation.",
    "sensitivity": "What one choice that the paper leaves unsaid changes, made the other way: a dot a cell of Table 2, "
    "with its 95 % interval over seeds; coloured where significant.",
    "further": "Gain over scratch against the number of peers and of epochs, with 95 % intervals over seeds.",
}


def findings(results: Path) -> list[Findings]:
    """Of the comparison of all methods, and of each group of variations that has been compared with the study."""
    found = []
    for group in ("gains", *GROUPS):
        folder = results / group
        text = folder / f"{group}.md"
        if text.exists():
            files = [
                *sorted(path.name for path in folder.glob("*.csv")),
                *sorted(path.name for path in folder.glob("*.md")),
                *sorted(path.name for path in folder.glob("*.svg")),
            ]
            found.append(
                Findings(
                    group=group,
                    heading=HEADINGS[group],
                    text=" ".join(text.read_text(encoding="utf-8").split("\n\n", 1)[0].split()),
                    caption=COMPARED[group],
                    picture=picture(folder / f"{group}.svg", group),
                    files=[f"{group}/{name}" for name in files],
                )
            )
    return found
