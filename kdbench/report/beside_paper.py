"""Our accuracies beside the paper's: with their difference where both are of the same images, else without it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdbench.config import Config
from kdbench.data.description import read_description
from kdbench.paper.reported import Paper
from kdbench.report.text_table import DASH, absent, signed, with_sd

OURS = "Ours: mean ± standard deviation (number of seeds); paper: its one run"
INTERVAL = "The CSV file beside this table has the mean's 95 % interval too."


@dataclass(frozen=True)
class BesidePaper:
    """How a number of ours stands beside the paper's: as two texts, or three where their difference says something."""

    same_images: bool

    @property
    def columns(self) -> list[str]:
        return ["ours", "paper", "diff."][: 2 + self.same_images]

    @property
    def how_to_read(self) -> str:
        rest = (
            "difference: ours − paper, in percentage points." if self.same_images else "on CIFAR-10, not these images."
        )
        return f"{OURS}{'; ' if self.same_images else ', '}{rest} {INTERVAL}"

    def texts(self, figures: dict[str, Any]) -> list[str]:
        """A text a column, of the columns of table1.csv or table2.csv; an en dash for what there is not."""
        mean, sd, n, reported, difference = (figures[name] for name in ("mean", "sd", "n", "paper", "difference"))
        ours = f"{with_sd(f'{mean:.2f}', sd)} ({n})" if n else DASH
        theirs = DASH if absent(reported) else f"{reported:.2f}"
        return [ours, theirs, DASH if absent(difference) else signed(difference)][: len(self.columns)]


def beside_paper(config: Config, results: Path, paper: Paper) -> BesidePaper:
    """By the data's source, or by the classes of what was packed: the paper's images may have come as a folder."""
    if config.data.source == paper.protocol.dataset:
        return BesidePaper(same_images=True)
    classes = read_description(results).get("classes")
    return BesidePaper(same_images=classes == paper.protocol.class_names)
