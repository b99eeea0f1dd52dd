"""All techniques at a glance: what each gains over training from scratch, on every published data set and student."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from kdbench.recipes.schema import read_recipe, recipe_names
from kdbench.report.survey.techniques import Row, published, side, starred, techniques_own
from kdbench.report.text_table import DASH, markdown_table, signed
from kdbench.wording import counted

LONGER = "scratch-longer"


def glance(studies: Path) -> str:
    """How many comparisons are decided, and a line a method of one network and all images, the highest median first."""
    rows = list(compared(published(studies, "gains/gains.csv")))
    places = list(dict.fromkeys((row["study"], row["student"]) for row in rows))
    methods: dict[str, dict[tuple[str, str], Row]] = {}
    for row in rows:
        methods.setdefault(row["method"], {})[row["study"], row["student"]] = row
    ordered = sorted(methods.values(), key=middle, reverse=True)
    lines = [
        [
            next(iter(found.values()))["title"],
            *(starred(found[place], "scratch") if place in found else DASH for place in places),
            f"{sum(float(row['gain_scratch']) > 0 for row in found.values())} of {len(found)}",
            signed(middle(found)),
        ]
        for found in ordered
    ]
    headers = ["Method", *(f"{study}: {student}" for study, student in places), "Above in", "Median"]
    return f"{decided(rows)}\n\n{markdown_table(headers, lines, 'l' + 'r' * (len(headers) - 1))}"


def compared(rows: list[Row]) -> Iterator[Row]:
    """The methods of techniques that one network carries out with all images, vanilla, and twice the epochs."""
    for name in recipe_names():
        of_recipe = [row for row in rows if row["recipe"] == name]
        own = of_recipe if name in ("vanilla", "longer") else techniques_own(read_recipe(name), of_recipe)
        for row in own:
            alone = row["networks"] == "1" and float(row["fraction"]) == 1
            if alone and row["gain_scratch"] and row["method"] != "vanilla-longer":
                yield row


def middle(found: dict[tuple[str, str], Row]) -> float:
    return median(float(row["gain_scratch"]) for row in found.values())


def decided(rows: list[Row]) -> str:
    """Of techniques, without twice the epochs from scratch, which is none."""
    sides = [side(row, "scratch") for row in rows if row["method"] != LONGER]
    above, below = sides.count(1), sides.count(-1)
    return (
        f"Of {counted(len(sides), 'comparison')} with training from scratch, {above} are significantly above it, "
        f"{below} below, {len(sides) - above - below} not decided."
    )
