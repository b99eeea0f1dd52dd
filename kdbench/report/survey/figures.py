"""Figures 1 to 6 of the survey, drawn from the recipes: the model, and each stage's tree of choices.

The trees are those of the schema (kdbench/recipes/survey.py), and beside each choice stand the recipes that make it.
"""

from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdbench.paper.survey import read_survey
from kdbench.recipes.schema import Recipe, read_recipe, recipe_names
from kdbench.recipes.survey import STAGES, Stage, Survey, choices
from kdbench.report.diagram import INK, arrow, box
from kdbench.report.lettering import fit, plain, wrap
from kdbench.report.style import GREY, PAGE, POINTS, SMALL, TEXT, house_style, new_figure, save

NOT_COVERED = "†"
UNUSED = "no recipe yet"
COLORS = {2: "#333333", 3: "#00694B", 4: "#0072B2", 5: "#B44A00", 6: "#7F3C8D"}  # a stage's lines and letters
TINTS = {2: "#f0f0f0", 3: "#e2f1ea", 4: "#e3eff7", 5: "#fbe9df", 6: "#f2e7f5"}  # and its boxes

# Everything below is in inches, the origin at the lower left of the figure.
ROOT = (0.12, 0.42)  # left and right edge of the stage's box, its title upright
BRANCHES = (0.68, 1.62)
LEAVES = (1.9, 3.22)
NAMES = (3.36, PAGE - 0.12)
BOX, GAP, APART = 0.25, 0.07, 0.14  # height of a box; distance of two leaves, and more between two branches
LEADING = 0.145  # distance of two lines of names
EDGE = 0.1  # above and below a tree

INPUTS = (0.12, 1.12)  # left and right edge of the model's two inputs
FIRST, WIDTH, BETWEEN = 1.6, 1.17, 0.2  # left edge of its first stage, width of one, distance of two
STAGE = (0.5, 1.98)  # lower and upper edge of a stage
LANE = 0.24  # height of the line from the inputs to the students


@dataclass(frozen=True)
class Leaf:
    """A choice at a field, the lines of names of the recipes that make it, and how high it stands."""

    field: str
    choice: str
    used: bool
    lines: list[str]
    height: float
    y: float


def placed_recipes() -> list[Recipe]:
    """Those that state their choices; those that run here come first."""
    found = [recipe for recipe in map(read_recipe, recipe_names()) if recipe.survey is not None]
    return sorted(found, key=lambda recipe: bool(recipe.not_covered))


def recipes_at(field: str, choice: str, recipes: list[Recipe]) -> list[str]:
    """The names of the recipes that choose ``choice`` at ``field``, with a dagger where their task is not covered."""
    return [
        recipe.name + NOT_COVERED * bool(recipe.not_covered)
        for recipe in recipes
        if recipe.survey and choice in recipe.survey.chosen(field)
    ]


def why_unmade(field: str, choice: str) -> str:
    """What stands beside a choice that no recipe makes."""
    found = [each.why for each in read_survey().unmade if (each.field, each.choice) == (field, choice)]
    return found[0] if found else UNUSED


def draw_survey_figure(number: int) -> Figure:
    """Figure ``number`` (1 to 6) of the survey."""
    recipes = placed_recipes()
    return draw_model(recipes) if number == 1 else draw_tree(number, STAGES[number], recipes)


def footnote(number: int, recipes: list[Recipe], about: str) -> str:
    parts = [f"After figure {number} of the survey (Abbasi et al.). {about}"]
    if any(recipe.not_covered for recipe in recipes):
        parts.append(f"{NOT_COVERED} Task not yet covered.")
    return " ".join(parts)


def draw_tree(number: int, stage: Stage, recipes: list[Recipe]) -> Figure:
    """A stage with its branches, their choices, and the recipes that make them."""
    branches: list[tuple[str, list[Leaf]]] = []
    y = EDGE
    for field in stage.fields:
        y += APART * bool(branches)
        leaves = []
        for choice in choices(field):
            names = recipes_at(field, choice, recipes)
            lines = wrap(", ".join(names) or why_unmade(field, choice), (NAMES[1] - NAMES[0]) * POINTS, SMALL)
            height = max(BOX, LEADING * len(lines) + 0.06)
            leaves.append(Leaf(field, choice, bool(names), lines, height, y + height / 2))
            y += height + GAP
        branches.append((field, leaves))
    height = y - GAP + EDGE
    about = "A recipe can make several choices at a branch."
    figure, share = new_figure(PAGE, height, footnote(number, recipes, about))
    axes = whole_axes(figure, share, height)
    middles = [(leaves[0].y + leaves[-1].y) / 2 for _, leaves in branches]
    single = len(branches) == 1
    start = ROOT[1] if single else BRANCHES[1]
    if not single:
        connect(axes, number, (ROOT[1], height / 2), BRANCHES[0], [height - middle for middle in middles])
    for (field, leaves), middle in zip(branches, middles, strict=True):
        connect(axes, number, (start, height - middle), LEAVES[0], [height - leaf.y for leaf in leaves])
        for leaf in leaves:
            draw_leaf(axes, number, leaf, height - leaf.y)
        if not single:
            draw_box(axes, number, BRANCHES, height - middle, branch_title(field))
    draw_root(axes, number, stage.title, height)
    return figure


def branch_title(field: str) -> str:
    return Survey.model_fields[field].title or field


def whole_axes(figure: Figure, share: float, height: float) -> Axes:
    """Axes in inches above the footnote, which takes ``share`` of the figure."""
    axes = figure.add_axes((0, share, 1, 1 - share))
    axes.set(xlim=(0, PAGE), ylim=(0, height))
    axes.axis("off")
    return axes


def draw_leaf(axes: Axes, number: int, leaf: Leaf, y: float) -> None:
    draw_box(axes, number, LEAVES, y, leaf.choice, used=leaf.used)
    style = "normal" if leaf.used else "italic"
    color = INK if leaf.used else GREY
    for place, line in enumerate(leaf.lines):
        height = y + LEADING * ((len(leaf.lines) - 1) / 2 - place)
        # The SVG holds letters as shapes: this says what they read.
        gid = f"{leaf.field} {leaf.choice}: {line}"
        axes.text(NAMES[0], height, plain(line), size=SMALL, color=color, style=style, va="center_baseline", gid=gid)


def draw_box(axes: Axes, number: int, x: tuple[float, float], y: float, words: str, used: bool = True) -> None:
    """A choice or a branch; a choice that no recipe makes is an empty box."""
    color = COLORS[number] if used else GREY
    box(axes, x, (y - BOX / 2, y + BOX / 2), TINTS[number] if used else "white", color, 0.8)
    text, size = fit(plain(words), (x[1] - x[0] - 0.1) * POINTS, TEXT)
    axes.text(sum(x) / 2, y, text, size=size, color=color, ha="center", va="center_baseline")


def draw_root(axes: Axes, number: int, title: str, height: float) -> None:
    text, size = fit(plain(title), (height - 2 * EDGE - 0.1) * POINTS, TEXT + 1, weight="bold")
    box(axes, ROOT, (EDGE, height - EDGE), COLORS[number], COLORS[number], 0.8)
    x, y = sum(ROOT) / 2, height / 2
    axes.text(x, y, text, size=size, color="white", weight="bold", rotation=90, ha="center", va="center")


def connect(axes: Axes, number: int, start: tuple[float, float], end: float, heights: list[float]) -> None:
    """Lines from ``start`` that part half-way and reach ``end`` at these heights."""
    half, color = (start[0] + end) / 2, COLORS[number]
    low, high = min(*heights, start[1]), max(*heights, start[1])
    axes.plot([half, half], [low, high], color=color, lw=0.8, solid_capstyle="projecting")
    for x, y in [((start[0], half), start[1]), *(((half, end), height) for height in heights)]:
        axes.plot(x, [y, y], color=color, lw=0.8, solid_capstyle="butt")


def draw_model(recipes: list[Recipe]) -> Figure:
    """The survey's general model: its inputs and its four stages, with their branches."""
    height = STAGE[1] + EDGE
    about = f"Numbers: how many of a stage's choices the {len(recipes)} recipes with a place in the model make."
    figure, share = new_figure(PAGE, height, f"After figure 1 of the survey (Abbasi et al.). {about}")
    axes = whole_axes(figure, share, height)
    middle = sum(STAGE) / 2
    upper, lower = (middle + 0.12, STAGE[1]), (STAGE[0], middle - 0.12)
    draw_stage(axes, 2, INPUTS, upper, ["Objective"], [], coverage(STAGES[2], recipes))
    draw_stage(axes, 2, INPUTS, lower, ["Data"], [], "images and labels")
    trunk = (INPUTS[1] + FIRST) / 2
    for source in (upper, lower):
        axes.plot([INPUTS[1], trunk], [sum(source) / 2] * 2, color=INK, lw=0.8, solid_capstyle="butt")
    student = FIRST + 3 * (WIDTH + BETWEEN) + WIDTH / 2
    around = [(trunk, sum(upper) / 2), (trunk, LANE), (student, LANE), (student, STAGE[0] - 0.05)]
    axes.plot(*zip(*around, strict=True), color=INK, lw=0.8, solid_capstyle="butt")
    arrow(axes, (student, LANE), (student, STAGE[0]), INK)
    start = trunk
    for place, number in enumerate((3, 4, 5, 6)):
        edges = (FIRST + place * (WIDTH + BETWEEN), FIRST + place * (WIDTH + BETWEEN) + WIDTH)
        branches = [branch_title(field) for field in STAGES[number].fields]
        words = STAGES[number].title.split(" ")
        draw_stage(axes, number, edges, STAGE, words, branches, coverage(STAGES[number], recipes))
        arrow(axes, (start, middle), (edges[0], middle), INK)
        start = edges[1]
    return figure


def coverage(stage: Stage, recipes: list[Recipe]) -> str:
    made = [bool(recipes_at(field, choice, recipes)) for field in stage.fields for choice in choices(field)]
    return f"{sum(made)} of {len(made)} choices"


def draw_stage(
    axes: Axes,
    number: int,
    x: tuple[float, float],
    y: tuple[float, float],
    title: list[str],
    branches: list[str],
    last: str,
) -> None:
    """A box with its title in bold, its branches below and, at its foot in grey letters, a last line."""
    box(axes, x, y, TINTS[number], COLORS[number], 1.0)
    lines = [(words, TEXT, "bold", COLORS[number]) for words in title]
    lines += [(words, SMALL, "normal", INK) for words in branches]
    heights = [y[1] - 0.2 - 0.165 * place - 0.06 * (place >= len(title)) for place in range(len(lines))]
    for (words, points, weight, color), height in zip(
        [*lines, (last, SMALL, "normal", GREY)], [*heights, y[0] + 0.18], strict=True
    ):
        text, size = fit(plain(words), (x[1] - x[0] - 0.12) * POINTS, points, weight=weight)
        axes.text(sum(x) / 2, height, text, size=size, weight=weight, color=color, ha="center", va="center_baseline")


def write_figures(folder: Path) -> None:
    """Write survey-figure1 to survey-figure6 as .svg and .png."""
    for number in range(1, 7):
        with house_style():
            figure = draw_survey_figure(number)
        save(figure, folder / f"survey-figure{number}")
