"""Figure 1: the architecture, and the ingredients of one student's loss as this study is configured."""

from itertools import count
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from kdbench.config import Config, Network
from kdbench.networks.catalogue import NETWORKS
from kdbench.paper.reported import read_paper
from kdbench.report.diagram import INK, arrow, box
from kdbench.report.figures.formula import SOURCE_COLORS, explanations, formula_lines, loss_name, loss_symbol
from kdbench.report.lettering import fit, plain, text_width, wrap
from kdbench.report.objective import Ingredient, drawn_run, ingredients, peers_of
from kdbench.report.style import PAGE, POINTS, SMALL, TEXT, new_figure, study_note, words_figure
from kdbench.run import Run

TINTS = {"labels": "#f0f0f0", "teacher": "#e3eff7", "peers": "#fbe9df"}

# Everything below is in inches, the origin at the lower left of the figure.
LEFT = 0.12  # margin
IMAGE = (LEFT, 0.72)  # left edge and side
TRUNK = 1.06  # where the line that carries the image to every network rises
SOURCES = (1.32, 3.2)  # left and right edge of the boxes of what a student listens to
STUDENT = (5.42, 6.88)  # left and right edge of the student
ROW, BOX = 0.62, 0.46  # distance of two sources, height of a box
GROUP = 0.24  # room above the peers for their heading
TOP = 0.34  # room above the first row for the image's way to the student
LEADING = 0.165  # distance of two lines of small text
FORMULA = 0.27  # distance of two lines of formula


def draw_architecture(config: Config, results: Path) -> Figure:
    """The loss of one student of the run ``drawn_run`` gives: who it listens to, with what weight, and the formula."""
    run = drawn_run(config)
    if run is None:
        return words_figure("This study trains no student, so there is no loss to draw.", study_note(config))
    terms = ingredients(config, run, results)
    numbers = student_numbers(config)
    peers = peers_of(run)
    rows = source_rows(terms, peers)
    formula = formula_lines(run, terms, numbers)
    sentences = explanations(config, run, terms, numbers, results)
    explained = [line for sentence in sentences for line in wrap(sentence, (PAGE - 2 * LEFT) * POINTS, SMALL)]
    diagram = TOP + max(ROW * len(rows) + (GROUP if peers else 0), IMAGE[1] + 0.7)
    height = diagram + 0.17 + FORMULA * len(formula) + LEADING * len(explained)
    figure, share = new_figure(PAGE, height, study_note(config))
    axes = figure.add_axes((0, share, 1, 1 - share))
    axes.set(xlim=(0, PAGE), ylim=(0, height))
    axes.axis("off")
    draw_rows(axes, config, run, rows, numbers, height - TOP - ROW / 2)
    for place, segments in enumerate(formula):
        draw_segments(axes, segments, height - diagram - 0.23 - FORMULA * place)
    for place, line in enumerate(reversed(explained)):
        axes.text(LEFT, 0.05 + LEADING * place, line, size=SMALL, color=INK, va="baseline")
    return figure


def student_numbers(config: Config) -> dict[str, int]:
    """The paper's number of each student that plays one of its, as the tables say it; the others' come after those."""
    paper = read_paper()
    roles = paper.roles(config.students)
    further = count(len(paper.students) + 1)
    return {name: int(role.removeprefix("S")) if role else next(further) for name, role in roles.items()}


def source_rows(terms: list[Ingredient], peers: list[str]) -> list[tuple[Ingredient, str]]:
    """What the student listens to, from above: teacher, each peer, labels; a term of no member takes no row."""
    order = {"teacher": 0, "peers": 1, "labels": 2}
    rows = []
    for term in sorted(terms, key=lambda term: order[term.term.source]):
        members = peers if term.term.source == "peers" else [term.term.source]
        rows += [(term, member) for member in members]
    return rows


def draw_rows(
    axes: Axes, config: Config, run: Run, rows: list[tuple[Ingredient, str]], numbers: dict[str, int], first: float
) -> None:
    """The image, a row a source with its arrow to the student, and the student; ``first`` is the first row's height."""
    heights, y = [], first
    for place, (term, _) in enumerate(rows):
        if place and term.term.source == "peers" != rows[place - 1][0].term.source:
            y -= GROUP
        heights.append(y)
        y -= ROW
    top, bottom = heights[0] + BOX / 2, min(heights[-1] - BOX / 2, heights[0] + BOX / 2 - 0.62)
    centre, middle, channel = (top + bottom) / 2, sum(STUDENT) / 2, top + 0.14
    draw_image(axes, centre)
    axes.plot([IMAGE[0] + IMAGE[1] + 0.03, TRUNK], [centre, centre], color=INK, lw=0.8, solid_capstyle="butt")
    trunk = [(TRUNK, min(heights[-1], centre)), (TRUNK, channel), (middle, channel), (middle, top + 0.05)]
    axes.plot(*zip(*trunk, strict=True), color=INK, lw=0.8, solid_capstyle="butt")
    arrow(axes, (middle, channel), (middle, top), INK)
    draw_peer_group(axes, run, [(term, height) for (term, _), height in zip(rows, heights, strict=True)])
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
        # This box is tall and narrow: the network's form gets a line of its own.
        *((plain(part), SMALL, "normal", INK) for part in network_text(student.network).rstrip(")").split(" (", 1)),
        (f"minimises ${loss_name(numbers[student.name])}$", SMALL, "normal", INK),
    ]
    text_block(axes, middle, centre, lines, width)


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
    return FancyBboxPatch(
        (left, bottom), side, side, boxstyle="square,pad=0", facecolor=color, edgecolor="white", lw=0.4
    )


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
    heading = "Peers in the same run" if run.live_peers else "Learned peers, outputs stored"
    if len(heights) > 1:
        heading = f"{heading}; {term.term.combine} of losses"
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
    both_ways = source == "peers" and run.live_peers and not run.detach_peers
    arrow(axes, (SOURCES[1], y), (STUDENT[0], y), color, width=1.3, both_ways=both_ways)
    left, right = SOURCES[1] + (0.14 if source == "peers" else 0.07), STUDENT[0] - 0.1
    middle, width = (left + right) / 2, (right - left) * POINTS
    weight = f",  ${term.symbol}$ = {term.weight_text}" if term.symbol else ""
    above, size = fit(f"${term.symbol}\\,{loss_symbol(term, number)}${weight}", width, TEXT)
    axes.text(middle, y + 0.05, above, size=size, color=color, ha="center", va="bottom")
    below, size = fit(loss_text(term, run), width, SMALL)
    axes.text(middle, y - 0.05, below, size=size, color=INK, ha="center", va="top")


def loss_text(term: Ingredient, run: Run) -> str:
    text = term.loss
    if term.temperature is not None:
        text += f", T = {term.temperature:g}" + (", × T²" if term.scaled else "")
    if term.term.source == "peers" and run.live_peers and run.detach_peers:
        text += ", detached"
    return text


def network_text(network: Network) -> str:
    """Its network, with the form and width that the name does not give."""
    forms = NETWORKS[network.name].forms
    parts = [network.form or forms[0]] if len(forms) > 1 else []
    if network.width != 1:
        parts.append(f"width {network.width:g}")
    return f"network {network.name}" + (f" ({', '.join(parts)})" if parts else "")


def draw_segments(axes: Axes, segments: list[tuple[str, str]], y: float) -> None:
    """Pieces of one line, each in its colour; smaller where they would not fit the page.

    The first piece, which may be empty, takes the same room in every line.
    """
    size = TEXT + 2
    space, room = size / 2, (PAGE - 2 * LEFT) * POINTS
    widths = [text_width("$L_{S1}$", size), *(text_width(text, size) for text, _ in segments[1:])]
    shrink = min(1, room / (sum(widths) + space * len(segments)))
    x = LEFT
    for (text, color), width in zip(segments, widths, strict=True):
        if text:
            axes.text(x, y, text, size=size * shrink, color=color, va="baseline")
        x += (width + space) * shrink / POINTS


def text_block(axes: Axes, x: float, y: float, lines: list[tuple[str, float, str, str]], width: float) -> None:
    """Centred lines of (text, points, weight, colour), each made to fit ``width`` points."""
    top = y + LEADING * (len(lines) - 1) / 2
    for place, (text, points, weight, color) in enumerate(lines):
        text, size = fit(text, width, points, weight=weight)
        height = top - place * LEADING
        axes.text(x, height, text, size=size, weight=weight, color=color, ha="center", va="center_baseline")
