"""The paper's five figures and one of this project's own, each drawn, and written as CSV, from a study's results."""

from pathlib import Path

from kdbench.config import Config
from kdbench.errors import KdbenchError, unknown
from kdbench.files import write_text
from kdbench.report.figures.architecture import draw_architecture
from kdbench.report.figures.curves import curve_data, draw_accuracy, draw_loss
from kdbench.report.figures.gallery import draw_examples, example_data
from kdbench.report.figures.spread import draw_spread, spread_data
from kdbench.report.objective import objective_data
from kdbench.report.style import house_style, save

DRAWINGS = {
    1: draw_architecture,
    2: draw_loss,
    3: draw_accuracy,
    4: lambda config, results: draw_examples(4, config, results),
    5: lambda config, results: draw_examples(5, config, results),
    6: draw_spread,
}
DATA = {
    1: objective_data,
    2: lambda config, results: curve_data("train_loss", config, results),
    3: lambda config, results: curve_data("train_accuracy", config, results),
    4: lambda config, results: example_data(4, results),
    5: lambda config, results: example_data(5, results),
    6: spread_data,
}


def draw_figure(number: int, config: Config, results: Path) -> None:
    """Write figures/figure{number}.svg, .png and .csv; raises KdbenchError where what it is drawn from is missing."""
    if number not in DRAWINGS:
        raise KdbenchError(unknown("figure", number, map(str, DRAWINGS)))
    stem = results / "figures" / f"figure{number}"
    with house_style():
        save(DRAWINGS[number](config, results), stem)
    write_text(stem.with_suffix(".csv"), DATA[number](config, results).to_csv(index=False, lineterminator="\n"))
