"""The survey's figures, drawn from the recipes."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from kdbench.cli import main
from kdbench.paper.survey import read_survey
from kdbench.recipes.survey import STAGES, choices
from kdbench.report.style import house_style
from kdbench.report.survey import figures
from kdbench.report.survey.figures import NOT_COVERED, UNUSED, draw_survey_figure, placed_recipes, why_unmade
from tests.conftest import ROOT
from tests.test_figures import assert_no_text_overlaps, shown_texts, words
from tests.test_survey import recipe_of

NUMBERS = range(1, 7)


@pytest.fixture
def only(monkeypatch):
    """Let there be these recipes alone."""

    def have(*recipes):
        by_name = {recipe.name: recipe for recipe in recipes}
        monkeypatch.setattr(figures, "recipe_names", lambda: list(by_name))
        monkeypatch.setattr(figures, "read_recipe", by_name.__getitem__)

    return have


def drawn(number):
    with house_style():
        return draw_survey_figure(number)


def said_beside(figure):
    """What stands beside each leaf, by its field and choice."""
    said = {}
    for text in shown_texts(figure):
        if text.get_gid() and ": " in text.get_gid():
            leaf, line = text.get_gid().split(": ", 1)
            said[leaf] = f"{said[leaf]} {line}" if leaf in said else line
    return said


@pytest.mark.parametrize("number", NUMBERS)
def test_no_texts_overlap_or_leave_the_figure(number):
    assert_no_text_overlaps(drawn(number))


@pytest.mark.parametrize("number", NUMBERS)
def test_no_texts_overlap_with_many_recipes_or_none(number, only):
    for count in (0, 80):
        only(*(recipe_of(f"a-method-of-quite-some-name-{place}") for place in range(count)))
        assert_no_text_overlaps(drawn(number))


@pytest.mark.parametrize("number", STAGES)
def test_every_choice_stands_beside_the_recipes_that_make_it(number):
    figure = drawn(number)
    said = said_beside(figure)
    for field in STAGES[number].fields:
        for choice in choices(field):
            assert choice in words(figure)
            placed = [recipe for recipe in placed_recipes() if choice in recipe.survey.chosen(field)]
            names = [recipe.name + ("†" if recipe.not_covered else "") for recipe in placed]
            assert said[f"{field} {choice}"] == (", ".join(names) or why_unmade(field, choice))


def test_the_figures_leave_no_choice_without_a_recipe_or_the_reason():
    unmade = {(each.field, each.choice) for each in read_survey().unmade}
    for stage in STAGES.values():
        for field in stage.fields:
            for choice in choices(field):
                made = any(choice in recipe.survey.chosen(field) for recipe in placed_recipes())
                assert made != ((field, choice) in unmade), (field, choice)


def test_a_choice_that_no_recipe_makes_says_so_and_a_task_not_covered_is_marked(only):
    only(recipe_of("only-one"))
    said = said_beside(drawn(5))
    assert said["knowledge_type soft labels"] == f"only-one{NOT_COVERED}"
    assert said["knowledge_type hard labels"] == UNUSED
    assert NOT_COVERED in words(drawn(6))


def test_the_model_counts_the_choices_that_recipes_make(only):
    only(recipe_of("only-one"))
    text = words(drawn(1))
    for stage in STAGES.values():
        made = [choice for field in stage.fields for choice in placed_recipes()[0].survey.chosen(field)]
        assert f"{len(made)} of {sum(len(choices(field)) for field in stage.fields)} choices" in text


def test_the_figures_are_written_as_pictures_and_the_same_each_time(tmp_path):
    for folder in ("first", "second"):
        assert main(["methods", "--figures", str(tmp_path / folder)]) == 0
    for number in NUMBERS:
        svg, png = (tmp_path / f"first/survey-figure{number}.{kind}" for kind in ("svg", "png"))
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")
        assert png.read_bytes().startswith(b"\x89PNG")
        assert svg.read_bytes() == (tmp_path / "second" / svg.name).read_bytes()


@pytest.mark.parametrize("number", STAGES)
def test_the_pages_figures_are_those_of_the_recipes(number):
    svg = (ROOT / f"docs/images/survey/survey-figure{number}.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r'<g id="([a-z_]+ [^"]*: [^"]*)">', svg))
    wanted = {text.get_gid() for text in shown_texts(drawn(number)) if text.get_gid() and ": " in text.get_gid()}
    assert shown == wanted, "kdbench methods --page docs/survey.md --figures docs/images/survey"
