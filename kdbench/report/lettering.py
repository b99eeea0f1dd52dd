"""Text that fits the place it is given: measured, wrapped, shrunk or cut, before any figure is drawn."""

from functools import cache, lru_cache

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

ELLIPSIS = "…"


@lru_cache(maxsize=20_000)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """The width of one line of ``text`` in points, at ``size`` points; $...$ counts as formula."""
    formula = "$" in text.replace(r"\$", "")
    shown = text if formula else text.replace(r"\$", "$")
    width, _, _ = text_to_path.get_text_width_height_descent(shown, FontProperties(size=size, weight=weight), formula)
    return width


@cache
def drawable(letter: str) -> bool:
    """Whether the figures' font has ``letter``."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans")))
    return letter.isprintable() and font.get_char_index(ord(letter)) != 0


def plain(text: object) -> str:
    """A user's text as one line to be drawn literally: no formula, and ? for a letter the font lacks."""
    line = " ".join(str(text).split())
    return "".join(letter if drawable(letter) else "?" for letter in line).replace("$", r"\$")


def cut(text: str, width: float, size: float, weight: str = "normal") -> str:
    """``text`` shortened from its end until it is at most ``width`` points wide."""
    if text_width(text, size, weight) <= width:
        return text
    kept = text.rstrip("\\")
    while kept and text_width(kept + ELLIPSIS, size, weight) > width:
        kept = kept[:-1].rstrip(" \\")
    return kept + ELLIPSIS


def fit(text: str, width: float, size: float, smallest: float = 5.5, weight: str = "normal") -> tuple[str, float]:
    """``text`` and the largest size, in points, up to ``size`` at which it is at most ``width`` points wide.

    Below ``smallest`` points the text is cut instead.
    """
    needed = text_width(text, size, weight)
    if needed > width:
        size = max(smallest, size * width / needed)
        if "$" not in text.replace(r"\$", ""):
            text = cut(text, width * 1.001, size, weight)
    return text, size


def wrap(text: str, width: float, size: float) -> list[str]:
    """``text`` as lines at most ``width`` points wide, broken at spaces; a word wider than that is broken too."""
    lines: list[str] = []
    line = ""
    for word in filter(None, text.split(" ")):
        joined = f"{line} {word}" if line else word
        if text_width(joined, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while text_width(word, size) > width:
            part = word
            while len(part) > 1 and text_width(part, size) > width:
                part = part[:-1]
            lines.append(part)
            word = word[len(part) :]
        line = word
    return [*lines, line] if line else lines
