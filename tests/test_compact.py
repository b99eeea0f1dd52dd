"""A figure as the page holds it: small, with every text that was drawn, as wide as it was drawn."""

import io
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from kdbench.report.lettering import text_width
from kdbench.report.page.compact import compact
from tests.test_reference import REFERENCE

TEXTS = ["84.05 and 0.12345", "a & b < c, “quoted” 'twice'", "bold", "upright", "two  spaces"]


@pytest.fixture(scope="module")
def drawn():
    """An SVG of matplotlib's with these texts, a formula and a line."""
    figure = Figure(figsize=(4, 3))
    for height, text in enumerate(TEXTS):
        turned = 90 if text == "upright" else 0
        figure.text(
            0.1, 0.1 + 0.15 * height, text, size=8, weight="bold" if text == "bold" else "normal", rotation=turned
        )
    figure.text(0.5, 0.9, r"$\alpha\,S$ and bold", size=8)
    figure.add_axes((0.5, 0.5, 0.4, 0.3)).plot([0, 1], [0.123456, 2])
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def texts_of(svg):
    found = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return {element.text: element.attrib for element in found}


def test_every_text_is_there_letter_by_letter_and_as_wide_as_drawn(drawn):
    found = texts_of(compact(drawn))
    assert set(TEXTS) <= set(found)
    for text in TEXTS:
        weight = found[text].get("font-weight", "normal")
        assert weight == ("bold" if text == "bold" else "normal")
        assert float(found[text]["textLength"]) == pytest.approx(text_width(text, 8, weight), abs=0.06)
        assert ("rotate(-90)" in found[text]["transform"]) == (text == "upright")
        kept = found[text].get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
        assert kept == (text == "two  spaces")


def test_two_hyphens_which_no_comment_can_hold_stay_outlines(drawn):
    assert not any("a- -b" in text for text in texts_of(compact(drawn.replace("<!-- bold -->", "<!-- a- -b -->"))))


def test_a_formula_keeps_its_letters_outlines_also_those_that_a_text_had_brought(drawn):
    svg = compact(drawn)
    assert not any("alpha" in text for text in texts_of(svg))
    used = set(re.findall(r"<use href='#(D[^']*)'", svg))
    assert used
    assert used == set(re.findall(r"<path id='(D[^']*)'", svg))


@pytest.mark.parametrize("folder", sorted(REFERENCE.glob("*-survey")), ids=lambda folder: folder.name)
def test_published_figures_are_less_than_half_as_large_with_as_many_lines(folder):
    for path in [*folder.glob("figures/*.svg"), *folder.glob("gains/*.svg")]:
        before = path.read_text(encoding="utf-8")
        after = compact(before)
        assert len(after) < len(before) / 2
        assert after.count("clip-path='url") == before.count('clip-path="url')
