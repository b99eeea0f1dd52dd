"""Figure 1: the architecture, and the ingredients of one student's loss as this study is configured."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from kdbench.config import Config, Network
from kdbench.networks.catalogue import NETWORKS
from kdbench.plan import Run
from kdbench.report.lettering import fit, plain, text_width, wrap
from kdbench.report.objective import Ingredient, drawn_run, ingredients, read_selection
from kdbench.report.style import GREY, PAGE, POINTS, SMALL, TEXT, new_figure, study_note, words_figure

INK = "#222222"
SOURCE_COLORS = {"labels": "#5a5a5a", "teacher": "#0072B2", "peers": "#B44A00"}
TINTS = {"labels": "#f0f0f0", "teacher": "#e3eff7", "peers": "#fbe9df"}

# Everything below is in inches, the origin at the lower left of the figure.
IMAGE = (0.12, 0.72)  # left edge and side
TRUNK = 1.06  # where the line that carries the image to every network rises
SOURCES = (1.32, 3.2)  # left and right edge of the boxes of what a student listens to
STUDENT = (5.42, 6.88)  # left and right edge of the student
ROW, BOX = 0.62, 0.46  # distance of two sources, height of a box
GROUP = 0.24  # room above the peers for their heading
TOP = 0.34  # room above the first row for the image's way to the student
LEADING = 0.165  # distance of two lines of small text


def draw_architecture(config: Config, results: Path) -> Figure:
    """The loss of one student of the run that ``drawn_run`` names: who it listens to, with what weight, and the formula."""
    run = drawn_run(config)
    if run is None:
        return words_figure("This study trains no student, so there is no loss to draw.", study_note(config))
    terms = ingredients(config, run, results)
    peers = [learner.name for learner in run.learners[1:]] if run.live_peers else []
    rows = source_rows(terms, peers)
    explained = explanations(config, run, terms, peers, results)
    diagram = TOP + ROW * len(rows) + (GROUP + 0.1 if peers else 0.1)
    height = diagram + 0.62 + LEADING * len(explained)
    figure, share = new_figure(PAGE, height, study_note(config))
    axes = figure.add_axes((0, share, 1, 1 - share))
    axes.set(xlim=(0, PAGE), ylim=(0, height))
    axes.axis("off")
    draw_rows(axes, config, run, terms, rows, height - TOP - ROW / 2)
    draw_formula(axes, run, terms, peers, height - diagram - 0.16)
    for number, line in enumerate(reversed(explained)):
        axes.text(0.12, 0.06 + LEADING * number, line, size=SMALL, color=INK, va="baseline")
    return figure


def source_rows(terms: list[Ingredient], peers: list[str]) -> list[tuple[Ingredient, str]]:
    """What the student listens to, from above: teacher, each peer, labels; a term of no member takes no row."""
    order = {"teacher": 0, "peers": 1, "labels": 2}
    rows = []
    for term in sorted(terms, key=lambda term: order[term.term.source]):
        members = peers if term.term.source == "peers" else [term.term.source]
        rows += [(term, member) for member in members]
    return rows


def draw_rows(
    axes: Axes, config: Config, run: Run, terms: list[Ingredient], rows: list[tuple[Ingredient, str]], first: float
) -> None:
    """The image, a row a source with its arrow to the student, and the student; ``first`` is the first row's height."""
    heights, y = [], first
    for place, (term, _) in enumerate(rows):
        if place and term.term.source == "peers" != rows[place - 1][0].term.source:
            y -= GROUP
        heights.append(y)
        y -= ROW
    top, bottom = heights[0] + BOX / 2, heights[-1] - BOX / 2
    draw_image(axes, (top + bottom) / 2)
    channel = top + 0.14
    axes.plot([TRUNK, TRUNK], [min(heights[-1], (top + bottom) / 2), channel], color=INK, lw=0.8, solid_capstyle="butt")
    axes.plot([IMAGE[0] + IMAGE[1] + 0.03, TRUNK], [(top + bottom) / 2] * 2, color=INK, lw=0.8)
    middle = sum(STUDENT) / 2
    axes.plot([TRUNK, middle], [channel, channel], color=INK, lw=0.8)
    arrow(axes, (middle, channel + 0.005), (middle, top), INK)
    draw_peer_group(axes, run, [(term, height) for (term, _), height in zip(rows, heights, strict=True)])
    numbers = {student.name: number for number, student in enumerate(config.students, start=1)}
    for (term, member), height in zip(rows, heights, strict=True):
        source = term.term.source
        arrow(axes, (TRUNK, height), (SOURCES[0], height), INK)
        draw_source(axes, config, source, member, numbers, height)
        draw_term(axes, run, term, numbers.get(member), height)
    student = run.learners[0]
    box(axes, STUDENT, (bottom, top), "white", INK, 1.6)
    width = (STUDENT[1] - STUDENT[0] - 0.16) * POINTS
    lines = [
        (plain(f"S{numbers[student.name]}  {student.name}"), TEXT, "bold", INK),
        (plain(network_text(student.network)), SMALL, "normal", GREY),
        ("the student of this loss", SMALL, "normal", GREY),
    ]
    text_block(axes, middle, (top + bottom) / 2, lines, width)


def draw_image(axes: Axes, y: float) -> None:
    """A training image, standing for all: a mosaic of muted colours."""
    left, side = IMAGE
    shades = np.random.default_rng(5).uniform(0.35, 0.95, (6, 6, 3))
    muted = 0.6 * shades.mean(axis=2, keepdims=True) + 0.4 * shades
    cell = side / 6
    for (row, column), _ in np.ndenumerate(muted[..., 0]):
        color = tuple(muted[row, column])
        axes.add_patch(rectangle(left + column * cell, y - side / 2 + row * cell, cell, color))
    axes.text(left + side / 2, y - side / 2 - 0.08, "training image\nand its label", size=SMALL, ha="center", va="top")


def rectangle(left: float, bottom: float, side: float, color: tuple[float, ...]) -> FancyBboxPatch:
    return FancyBboxPatch((left, bottom), side, side, boxstyle="square,pad=0", facecolor=color, edgecolor="white", lw=0.4)


def draw_peer_group(axes: Axes, run: Run, rows: list[tuple[Ingredient, float]]) -> None:
    heights = [height for term, height in rows if term.term.source == "peers"]
    if not heights:
        return
    term = next(term for term, _ in rows if term.term.source == "peers")
    color = SOURCE_COLORS["peers"]
    low, high = min(heights) - BOX / 2 - 0.06, max(heights) + BOX / 2 + GROUP - 0.02
    frame = FancyBboxPatch(
        (SOURCES[0] - 0.07, low),
        SOURCES[1] - SOURCES[0] + 0.14,
        high - low,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="none",
        edgecolor=color,
        lw=0.8,
        linestyle=(0, (3, 2)),
    )
    axes.add_patch(frame)
    heading = "Peers, learning in the same run"
    if len(heights) > 1:
        heading = f"Peers, in the same run; {term.term.combine} of their losses"
    heading, size = fit(heading, (SOURCES[1] - SOURCES[0]) * POINTS, SMALL)
    axes.text(sum(SOURCES) / 2, high - 0.05, heading, size=size, color=color, ha="center", va="top")


def draw_source(axes: Axes, config: Config, source: str, member: str, numbers: dict[str, int], y: float) -> None:
    """The box of the teacher, a peer or the label."""
    box(axes, SOURCES, (y - BOX / 2, y + BOX / 2), TINTS[source], SOURCE_COLORS[source], 1.0)
    if source == "teacher":
        teacher = config.teacher
        name, about = f"Teacher  {teacher.network.name}", "outputs computed once and stored"
        if teacher.upscale > 1:
            about = f"image enlarged {teacher.upscale}×; outputs stored"
    elif source == "peers":
        network = next(student.network for student in config.students if student.name == member)
        name, about = f"S{numbers[member]}  {member}", network_text(network)
    else:
        name, about = "Label", "the true class"
    lines = [(plain(name), TEXT, "bold", SOURCE_COLORS[source]), (plain(about), SMALL, "normal", INK)]
    text_block(axes, sum(SOURCES) / 2, y, lines, (SOURCES[1] - SOURCES[0] - 0.12) * POINTS)


def draw_term(axes: Axes, run: Run, term: Ingredient, number: int | None, y: float) -> None:
    """The arrow from a source to the student, its term and weight above it and its loss below."""
    source = term.term.source
    color = SOURCE_COLORS[source]
    both_ways = source == "peers" and not run.detach_peers
    arrow(axes, (SOURCES[1], y), (STUDENT[0], y), color, width=1.3, both_ways=both_ways)
    left, right = SOURCES[1] + (0.14 if source == "peers" else 0.07), STUDENT[0] - 0.1
    middle, width = (left + right) / 2, (right - left) * POINTS
    weight = f",  ${term.symbol}$ = {term.weight_text}" if term.symbol else ""
    above, size = fit(f"${term.symbol}\\,{loss_symbol(term, number)}${weight}", width, TEXT)
    axes.text(middle, y + 0.05, above, size=size, color=color, ha="center", va="bottom")
    below, size = fit(loss_text(term, run), width, SMALL)
    axes.text(middle, y - 0.05, below, size=size, color=INK, ha="center", va="top")


def loss_symbol(term: Ingredient, number: int | None = None) -> str:
    """S, TS and P of the paper's equation 1, a peer with its student's number; a formula without dollars."""
    return {"labels": "S", "teacher": r"\mathit{TS}", "peers": f"P_{{{number}}}"}[term.term.source]


def loss_text(term: Ingredient, run: Run) -> str:
    text = term.loss
    if term.temperature is not None:
        text += f", T = {term.temperature:g}" + (", × T²" if term.scaled else "")
    if term.term.source == "peers" and run.detach_peers:
        text += ", detached"
    return text


def network_text(network: Network) -> str:
    """Its network, with the form and width that are not given by the name."""
    forms = NETWORKS[network.name].forms
    parts = [network.form or forms[0]] if len(forms) > 1 else []
    if network.width != 1:
        parts.append(f"width {network.width:g}")
    return f"{network.name}, {', '.join(parts)}" if parts else network.name


def draw_formula(axes: Axes, run: Run, terms: list[Ingredient], peers: list[str], y: float) -> None:
    """The loss in symbols, and beneath it with the numbers; each term in its source's colour."""
    count = len(peers) + 1
    several = {"sum": "", "mean": f"\\frac{{1}}{{{len(peers)}}}"}
    symbols: list[tuple[str, str]] = [("$L_{S1}\\;=\\;$", INK)]
    numbers: list[tuple[str, str]] = [("$\\phantom{L_{S1}}\\;=\\;$", INK)]
    shown = [term for term in terms if term.term.source != "peers" or peers]
    for place, term in enumerate(shown):
        color = SOURCE_COLORS[term.term.source]
        plus = "$\\;+\\;$" if place else ""
        if term.term.source == "peers":
            members = " + ".join(loss_symbol(term, number) for number in range(2, count + 1))
            factor = several[term.term.combine] if len(peers) > 1 else ""
            value = f"({members})" if len(peers) > 1 else members
            value = f"{factor}\\,{value}"
        else:
            value = loss_symbol(term)
        weight = "?" if term.weight is None else f"{term.weight:g}"
        for segments, coefficient in ((symbols, term.symbol), (numbers, weight)):
            segments += [(plus, INK), (f"${coefficient}\\,{value}$", color)]
    for segments, height in ((symbols, y), (numbers, y - 0.27)):
        draw_segments(axes, [segment for segment in segments if segment[0]], height)


def draw_segments(axes: Axes, segments: list[tuple[str, str]], y: float) -> None:
    """Pieces of one line, each in its colour, from the left margin; smaller where they would not fit the page."""
    size = TEXT + 2
    room = (PAGE - 0.3) * POINTS
    widths = [text_width(text.replace("\\phantom{L_{S1}}", "L_{S1}"), size) for text, _ in segments]
    shrink = min(1, room / sum(widths))
    x = 0.16
    for (text, color), width in zip(segments, widths, strict=True):
        if "phantom" in text:
            offset = text_width("$L_{S1}$", size) * shrink / POINTS
            axes.text(x + offset, y, "$\\;=\\;$", size=size * shrink, color=color, va="baseline")
        else:
            axes.text(x, y, text, size=size * shrink, color=color, va="baseline")
        x += width * shrink / POINTS


def explanations(config: Config, run: Run, terms: list[Ingredient], peers: list[str], results: Path) -> list[str]:
    """What the symbols mean and where the weights come from, as lines that fit the page."""
    sentences = []
    for term in terms:
        source = term.term.source
        softened = ""
        if term.temperature is not None:
            squared = f" and multiplied by T² = {term.temperature**2:g}" if term.scaled else ", not multiplied by T²"
            softened = f", both softened by T = {term.temperature:g}{squared}"
        if source == "labels":
            sentences.append(f"S: {term.loss} with the label.")
        elif source == "teacher":
            sentences.append(f"TS: {term.loss} from the teacher's stored prediction{softened}.")
        elif peers:
            gradient = "no gradient flows" if run.detach_peers else "the gradient also flows"
            sentences.append(f"P: {term.loss} from a peer's prediction{softened}; {gradient} back through that prediction.")
    if run.selected_by is not None:
        student = read_selection(results).get("students", {}).get(run.selected_by)
        named = f" ({student})" if student else ""
        sentences.append(
            f"The weights are those of Table 1 with the highest validation accuracy of the student {run.selected_by} "
            f"from scratch{named}."
        )
    if peers:
        others = " and ".join(f"S{number}" for number in range(2, len(peers) + 2)) if len(peers) < 3 else "other students"
        sentences.append(f"The losses of {'the ' if len(peers) >= 3 else ''}{others} are defined likewise.")
    return [line for line in wrap(plain(" ".join(sentences)), (PAGE - 0.3) * POINTS, SMALL)]


def box(
    axes: Axes, x: tuple[float, float], y: tuple[float, float], face: str, edge: str, line_width: float
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x[0], y[0]),
            x[1] - x[0],
            y[1] - y[0],
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=face,
            edgecolor=edge,
            lw=line_width,
        )
    )


def arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    width: float = 0.8,
    both_ways: bool = False,
) -> None:
    style = "<|-|>" if both_ways else "-|>"
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=7, color=color, lw=width, shrinkA=0, shrinkB=0)
    )


def text_block(axes: Axes, x: float, y: float, lines: list[tuple[str, float, str, str]], width: float) -> None:
    """Centred lines of (text, points, weight, colour), each made to fit ``width`` points."""
    top = y + LEADING * (len(lines) - 1) / 2
    for place, (text, points, weight, color) in enumerate(lines):
        text, size = fit(text, width, points, weight=weight)
        height = top - place * LEADING
        axes.text(x, height, text, size=size, weight=weight, color=color, ha="center", va="center_baseline")
