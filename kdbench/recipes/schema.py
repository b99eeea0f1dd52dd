"""A recipe: a method as its place in the survey's model and the lessons (kinds of runs) it consists of."""

import contextlib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from kdbench.errors import KdbenchError, unknown
from kdbench.overlay import read_yaml
from kdbench.recipes.beside import files_by_name
from kdbench.recipes.lesson import Lesson
from kdbench.recipes.survey import Survey
from kdbench.section import Section, check_section

PACKAGE = Path(__file__).parent


class Recipe(Section):
    """What ``methods`` of a configuration names."""

    name: str
    title: str
    source: str
    survey: Survey | None = None
    differs: list[str] = Field([], description="in what it differs from its source")
    not_covered: str | None = Field(None, description="the task of its source, where that is none that can be run yet")
    lessons: list[Lesson] = []

    @model_validator(mode="before")
    @classmethod
    def spelled_out(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not isinstance(values.get("lessons"), list):
            return values
        return {**values, "lessons": [one for lesson in values["lessons"] for one in one_each(lesson)]}

    @model_validator(mode="after")
    def runs_or_says_why_not(self) -> "Recipe":
        if bool(self.lessons) == bool(self.not_covered):
            raise ValueError("must have lessons or, where its task cannot be run yet, say so in not_covered")
        return self


def one_each(lesson: Any) -> Iterator[Any]:
    """A lesson once for each combination of the values of its ``over``, each put in where its name stands in braces."""
    if not isinstance(lesson, Mapping) or not isinstance(lesson.get("over"), Mapping):
        yield lesson
        return
    names = list(lesson["over"])
    for values in product(*(lesson["over"][name] for name in names)):
        yield filled_in(dict(zip(names, values, strict=True)), {key: lesson[key] for key in lesson if key != "over"})


def filled_in(values: Mapping[str, Any], template: Any) -> Any:
    """``template`` with every {name} of ``values`` replaced; a text of nothing else takes the value's own type."""
    if isinstance(template, Mapping):
        return {key: filled_in(values, item) for key, item in template.items()}
    if isinstance(template, list):
        return [filled_in(values, item) for item in template]
    if isinstance(template, str):
        for name, value in values.items():
            if template == f"{{{name}}}":
                return value
            template = template.replace(f"{{{name}}}", str(value))
    return template


def recipe_folders() -> list[Path]:
    """Where recipes are looked for: the package's, then those of the folder that the study is run in."""
    return [PACKAGE, *(folder for folder in [Path("recipes")] if folder.is_dir())]


@cache
def recipe_files() -> dict[str, Path]:
    """Each recipe's file by its name, in alphabetical order."""
    return files_by_name(recipe_folders(), "*.yaml")


def recipe_names() -> list[str]:
    return list(recipe_files())


@cache
def read_recipe(name: str) -> Recipe:
    """The recipe called ``name``; raises KdbenchError where there is none or it is malformed."""
    if name not in recipe_files():
        raise KdbenchError(f"methods: {unknown_recipe(name)}")
    file = recipe_files()[name]
    source = f"kdbench/recipes/{file.name}" if file.parent == PACKAGE else str(file)
    recipe = check_section(Recipe, read_yaml(file, source), source=source)
    if recipe.name != name:
        raise KdbenchError(f"{source}: name: is {recipe.name}, but a study calls it {name}, as its file: make them one")
    return recipe


def unknown_recipe(name: str) -> str:
    """Why ``name`` is none, where it nearly is one: a method of another recipe, or a file that is called otherwise."""
    for recipe in recipe_names():
        with contextlib.suppress(KdbenchError):  # a recipe that the study does not name may be malformed
            if name in (lesson.method for lesson in read_recipe(recipe).lessons):
                return f'"{name}" is run by the recipe {recipe}: list that'
    if Path(f"recipes/{name}.yml").is_file():
        return f"recipes/{name}.yml is not read: call it {name}.yaml"
    return unknown("method", name, recipe_names())


def read_method(name: str) -> Recipe:
    """The recipe that ``methods`` of a study names; raises KdbenchError too where its task is not covered yet."""
    recipe = read_recipe(name)
    if recipe.not_covered:
        raise KdbenchError(f"methods: {name} is not covered yet ({recipe.not_covered}): remove it")
    own = [lesson.method for lesson in recipe.lessons]
    for lesson in recipe.lessons:
        if lesson.control and lesson.control not in own and lesson.control not in known_methods():
            raise KdbenchError(f"{name}: {lesson.method}: {unknown('control', lesson.control, known_methods())}")
    return recipe


@cache
def known_methods() -> tuple[str, ...]:
    """Every recipe's methods, the same in every study."""
    return tuple(dict.fromkeys(lesson.method for name in recipe_names() for lesson in read_recipe(name).lessons))
