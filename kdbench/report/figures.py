"""The paper's five figures and one of this project's own, drawn from a study's results."""

from pathlib import Path

from kdbench.config import Config
from kdbench.errors import KdbenchError, unknown
from kdbench.report.curves import draw_accuracy, draw_loss
from kdbench.report.figure1 import draw_architecture
from kdbench.report.gallery import draw_examples
from kdbench.report.spread import draw_spread
from kdbench.report.style import house_style, save

DRAWINGS = {
    1: draw_architecture,
    2: draw_loss,
    3: draw_accuracy,
    4: lambda config, results: draw_examples(4, config, results),
    5: lambda config, results: draw_examples(5, config, results),
    6: draw_spread,
}


def draw_figure(number: int, config: Config, results: Path) -> None:
    """Write figures/figure{number}.svg and .png; raises KdbenchError where what it is drawn from is missing."""
    if number not in DRAWINGS:
        raise KdbenchError(unknown("figure", number, map(str, DRAWINGS)))
    with house_style():
        save(DRAWINGS[number](config, results), results / "figures" / f"figure{number}")
