"""The methods on the terminal: all recipes, or those that make given choices at the stages of the survey's model."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from kdbench.errors import KdbenchError, unknown
from kdbench.paper.survey import read_survey
from kdbench.recipes.schema import Recipe, read_recipe, recipe_names
from kdbench.recipes.survey import choices_of
from kdbench.report.survey.tables import TASK_NOT_COVERED, methods_of
from kdbench.wording import counted

WIDEST = 100  # columns, on however wide a terminal
GROUPS = ("of the paper", "of the survey's tables", "further")


def check_choices(wanted: Mapping[str, Sequence[str]]) -> None:
    """Raise KdbenchError for a choice, by option, that there is not."""
    for option, picked in wanted.items():
        for choice in picked:
            if choice not in choices_of(option):
                ours = "; the survey's permuted is direct here" if choice == "permuted" else ""
                raise KdbenchError(f"methods: --{option}: {unknown('choice', choice, choices_of(option))}{ours}")


def all_recipes() -> tuple[list[Recipe], list[KdbenchError]]:
    """Those that can be read, and what is wrong with the others."""
    recipes, wrong = [], []
    for name in recipe_names():
        try:
            recipes.append(read_recipe(name))
        except KdbenchError as error:
            wrong.append(error)
    return recipes, wrong


def makes(recipe: Recipe, wanted: Mapping[str, Sequence[str]]) -> bool:
    survey = recipe.survey
    return all(
        survey is not None and any(choice in survey.chosen(field) for field in choices_of(option)[choice])
        for option, picked in wanted.items()
        for choice in picked
    )


def print_methods(wanted: Mapping[str, Sequence[str]]) -> None:
    """Print the recipes that make every choice of ``wanted``; raises KdbenchError then where others are malformed."""
    check_choices(wanted)
    recipes, wrong = all_recipes()
    chosen = [recipe for recipe in recipes if makes(recipe, wanted)]
    print(method_list(chosen, min(WIDEST, shutil.get_terminal_size((80, 24)).columns)), flush=True)
    if wrong:
        raise KdbenchError("; ".join(map(str, wrong)))


def method_list(recipes: Sequence[Recipe], width: int) -> str:
    """The recipes in groups, each with its title, its source and what runs of it, in lines of ``width`` letters."""
    if not recipes:
        return "No recipe makes these choices."
    margin = 3 + max(len(recipe.name) for recipe in recipes)
    lines = []
    for group in GROUPS:
        members = sorted((recipe for recipe in recipes if group_of(recipe) == group), key=place)
        if members:
            lines += [f"{group}:", *(line for recipe in members for line in entry(recipe, margin, width)), ""]
    waiting = sum(bool(recipe.not_covered) for recipe in recipes)
    status = f"; of {waiting} the task is not yet covered" if waiting else ""
    return "\n".join([*lines, f"{counted(len(recipes), 'recipe')}{status}."])


def entry(recipe: Recipe, margin: int, width: int) -> Iterator[str]:
    """Lines: its title and source; its methods, unless one is called as it is, or the task that it waits for."""
    name, indent = f"  {recipe.name}".ljust(margin), " " * margin
    about = f"{recipe.title} ({recipe.source})"
    yield from textwrap.wrap(about, width, initial_indent=name, subsequent_indent=indent)
    methods = methods_of(recipe)
    status = "runs here" if methods == [recipe.name] else f"runs here: {', '.join(methods)}"
    if recipe.not_covered:
        status = f"{TASK_NOT_COVERED}: {recipe.not_covered}"
    yield from textwrap.wrap(
        f"- {status}", width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )


def group_of(recipe: Recipe) -> str:
    if recipe.survey and recipe.survey.work:
        return "of the survey's tables"
    return "of the paper" if "the paper" in recipe.source else "further"


def place(recipe: Recipe) -> tuple[int, str]:
    """In the order of the survey's tables, else by name."""
    keys = [row.key for row in read_survey().rows]
    key = (recipe.survey.work, recipe.survey.experiment) if recipe.survey and recipe.survey.work else None
    return (keys.index(key) if key in keys else len(keys), recipe.name)
