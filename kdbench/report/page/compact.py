"""A figure's SVG as small as a page wants it: text in place of letters' outlines, and nothing that no screen shows."""

import html
import re

from kdbench.report.lettering import text_width

FONTS = "DejaVu Sans,Verdana,sans-serif"
# matplotlib names a text in a comment before its outlines. Formulas, with $ or a backslash, keep theirs,
# and so does a text with two hyphens, which a comment cannot hold.
TEXT = re.compile(
    r'<!-- (?P<text>(?:(?!-->|- -)[^$\\])*?) -->\s*<g (?:style="(?P<style>[^"]*)" )?'
    r'transform="(?P<place>translate\([^)]*\)(?: rotate\([^)]*\))?) scale\((?P<scale>[\d.]+) -[\d.]+\)">'
    r"(?P<outlines>.*?)</g>",
    re.DOTALL,
)
OUTLINE = re.compile(r'<path id="(DejaVuSans-[^"]*)".*?/>', re.DOTALL)
NUMBER = re.compile(r"(?<![\w.#])-?\d+\.\d{2,}(?![\w.])")


def compact(svg: str) -> str:
    """An SVG of matplotlib's without letters' outlines, indentation, comments, names, and digits that no screen shows.

    Each text keeps the width that it was laid out with, whatever font it is shown in.
    """
    outlines = {match[1]: match[0] for match in OUTLINE.finditer(svg)}
    texts: list[str] = []

    def taken_out(match: re.Match[str]) -> str:
        texts.append(as_text(match))
        return f"\0{len(texts) - 1}\0"

    body = re.sub(r"<defs>\s*</defs>", "", OUTLINE.sub("", TEXT.sub(taken_out, svg)))
    used = sorted(set(re.findall(r'href="#(DejaVuSans-[^"]*)"', body)))
    body = re.sub(r"(<svg[^>]*)>", rf'\1 font-family="{FONTS}">', body, count=1)
    body = body.replace("</svg>", f"<defs>{''.join(outlines[name] for name in used)}</defs></svg>")
    return re.sub(r"\0(\d+)\0", lambda match: texts[int(match[1])], without_surplus(body))


def as_text(match: re.Match[str]) -> str:
    text, size, outlines = match["text"], 100 * float(match["scale"]), match["outlines"]
    bold = "-Bold" in outlines
    looks = " font-weight='bold'" * bold + " font-style='italic'" * ("-Oblique" in outlines)
    width = text_width(html.unescape(text), size, "bold" if bold else "normal")
    place, style = without_surplus(match["place"]), match["style"]
    looks += " xml:space='preserve'" * (text.split(" ") != text.split())  # not to lose an indentation
    looks += f" style='{style}'" if style else ""
    return f"<text transform='{place}' font-size='{size:g}' textLength='{width:.1f}'{looks}>{text}</text>"


def without_surplus(svg: str) -> str:
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    body = NUMBER.sub(shorter, body).replace('"', "'")
    body = re.sub(r"<g id='[^']*'", "<g", body).replace("DejaVuSans-", "D")  # names that only people read
    body = body.replace("xlink:href", "href")
    body = re.sub(r"(<use href='#\w+') transform='translate\((-?[\d.]+)(?: 0)?\)'/>", r"\1 x='\2'/>", body)  # letters
    return re.sub(r"(?<=>) (?=<)|(?<=\d) (?=[LQMCz])|(?<=[LQMC]) (?=[\d-])", "", re.sub(r"\s+", " ", body))


def shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.{1 if abs(float(number[0])) >= 10 else 3}f}".rstrip("0").rstrip(".")
