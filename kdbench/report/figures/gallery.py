"""Figures 4 and 5: test images that a student learned from its teacher, or from a peer, each with who said what."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kdbench.config import Config
from kdbench.report.figures.example_rules import RULES
from kdbench.report.figures.examples import Examples, read_examples
from kdbench.report.lettering import cut, fit, plain
from kdbench.report.style import PAGE, POINTS, SMALL, TEXT, new_figure, study_note, words_figure

A_ROW = 5
SIDE, GAP = 1.12, 0.22  # inches: an image's side, and the room between two
LEADING = 0.14  # inches between two lines of a caption
HEADING = 0.5  # inches
RIGHT, WRONG = "#00694B", "#A33A00"  # dark enough to be read on white in small letters


def draw_examples(number: int, config: Config, results: Path) -> Figure:
    """Figure ``number`` (4 or 5) from runs/examples.npz alone."""
    examples = read_examples(results, number)
    seed = f"Seed {config.seeds[0]}."
    if nothing := why_none(number, config, examples):
        return words_figure(nothing, study_note(config, seed))
    shown, right = len(examples.index), [asked.right for asked in RULES[number]]
    lines = len(examples.networks) + 1
    rows = [range(start, min(start + A_ROW, shown)) for start in range(0, shown, A_ROW)]
    row_height = SIDE + LEADING * lines + 0.18
    height = HEADING + row_height * len(rows)
    figure, share = new_figure(PAGE, height, study_note(config, seed))
    whole = height / (1 - share)
    for place, line in enumerate([f"Test images that {rule_text(number, config)}.", count_text(examples)]):
        line, size = fit(plain(line), (PAGE - 0.24) * POINTS, TEXT)
        figure.text(0.5, 1 - (0.16 + 0.17 * place) / whole, line, size=size, ha="center", va="center")
    for number_of_row, row in enumerate(rows):
        left = (PAGE - len(row) * SIDE - (len(row) - 1) * GAP) / 2
        bottom = whole - HEADING - number_of_row * row_height - SIDE
        for column, place in enumerate(row):
            x = left + column * (SIDE + GAP)
            draw_image(figure, examples.images[place], x, bottom, whole)
            draw_caption(figure, examples, place, right, x + SIDE / 2, bottom, whole)
    return figure


def example_data(number: int, results: Path) -> pd.DataFrame:
    """What figure ``number`` (4 or 5) shows, a row an image: its place in the test set, its class, who said what."""
    examples = read_examples(results, number)
    rows = [
        [index, class_name(examples, truth), *(class_name(examples, said) for said in predicted)]
        for index, truth, predicted in zip(examples.index, examples.truth, examples.predicted, strict=True)
    ]
    return pd.DataFrame(rows, columns=["test image", "class", *examples.networks])


def draw_image(figure: Figure, image: np.ndarray, left: float, bottom: float, height: float) -> None:
    """One image uint8 [C, H, W], grey or colour, pixel by pixel; places in inches."""
    axes = figure.add_axes((left / PAGE, bottom / height, SIDE / PAGE, SIDE / height))
    axes.axis("off")
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    # "none" is nearest on screen, and keeps the image's own pixels in the SVG.
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="none")


def draw_caption(
    figure: Figure, examples: Examples, place: int, right: list[bool], x: float, bottom: float, height: float
) -> None:
    """The true class, and what each network said; places in inches."""
    width = (SIDE + GAP - 0.06) * POINTS
    truth = cut(plain(class_name(examples, examples.truth[place])), width, TEXT, "bold")
    y = bottom - 0.12
    figure.text(x / PAGE, y / height, truth, size=TEXT, weight="bold", ha="center", va="center_baseline")
    for name, predicted, is_right in zip(examples.networks, examples.predicted[place], right, strict=True):
        y -= LEADING
        said = f"{'✓' if is_right else '✗'} {name}: {class_name(examples, predicted)}"
        text, size = fit(plain(said), width, SMALL - 0.5)
        color = RIGHT if is_right else WRONG
        figure.text(x / PAGE, y / height, text, size=size, color=color, ha="center", va="center_baseline")


def class_name(examples: Examples, number: int) -> str:
    return examples.classes[number] if number < len(examples.classes) else str(number)


def rule_text(number: int, config: Config) -> str:
    """Which test images the figure is about, as the end of a sentence."""
    first = config.students[0].name
    if number == 4:
        return f"{first} gets wrong from scratch, the teacher right, and {first} right by vanilla distillation"
    second = config.students[1].name if len(config.students) > 1 else "student"
    return f"{first} from scratch and the teacher get wrong, its peer {second} right, and {first} right with peers"


def count_text(examples: Examples) -> str:
    shown, qualified, tested = len(examples.index), examples.qualified, examples.tested
    qualify = f"{qualified:,} of {tested:,} test images {'qualify' if qualified > 1 else 'qualifies'}"
    if shown == qualified:
        return f"{qualify}."
    return f"{qualify}; shown are the {shown} that the student is most confident of."


def nothing_to_show(number: int, config: Config, results: Path) -> str:
    """Why figure ``number`` (4 or 5) shows no image; empty where it shows some."""
    return why_none(number, config, read_examples(results, number))


def why_none(number: int, config: Config, examples: Examples) -> str:
    if examples.missing:
        return f"Figure {number} cannot be drawn: this study lacks {' and '.join(examples.missing)}."
    if len(examples.index):
        return ""
    return f"No test image qualifies: none of {examples.tested:,} is one that {rule_text(number, config)}."
