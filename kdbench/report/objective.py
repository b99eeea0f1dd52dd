"""A run's objective in words and symbols: what figure 1 draws, read off the terms the run is trained with."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdbench.config import Config
from kdbench.plan import Plan
from kdbench.report.selected import find_selection
from kdbench.run import Run, Term

if TYPE_CHECKING:
    import pandas as pd

LOSS_NAMES = {"cross_entropy": "cross-entropy", "soft_labels": "KL divergence"}
GREEK = (r"\alpha", r"\beta", r"\gamma", r"\delta", r"\epsilon", r"\zeta")


@dataclass(frozen=True)
class Ingredient:
    """One term of a student's loss.

    ``symbol`` is its weight's letter as a formula without dollars; ``weight`` is None where nothing has been
    selected yet; ``temperature`` is None where the loss softens nothing.
    """

    term: Term
    symbol: str
    weight: float | None
    selected: bool

    @property
    def loss(self) -> str:
        return LOSS_NAMES.get(self.term.loss, self.term.loss.replace("_", " "))

    @property
    def temperature(self) -> float | None:
        return self.term.options.get("temperature")

    @property
    def scaled(self) -> bool:
        return bool(self.term.options.get("scale_by_temperature_squared"))

    @property
    def weight_text(self) -> str:
        """Its weight's number, as far as it is known."""
        if self.weight is None:
            return "to be selected"
        return f"{self.weight:g}{' (selected)' if self.selected else ''}"


def drawn_run(config: Config) -> Run | None:
    """The run whose objective figure 1 shows: Teacher-Student-Peer, or else vanilla, or else any student's."""
    plan = Plan(config)
    students = [run for run in plan.runs.values() if run.lesson.learners != "teacher"]
    for method in ("peer", "vanilla", None):
        for run in students:
            if method in (run.method, None):
                return plan.run(run.name, run.seeds[0])
    return None


def peers_of(run: Run) -> list[str]:
    """The students the first learner of ``run`` listens to: those learning beside it, and finished ones."""
    live = [learner.name for learner in run.learners[1:]] if run.live_peers else []
    return live + [mentor.learner for mentor in run.mentors if mentor.role == "peer"]


def ingredients(config: Config, run: Run, results: Path) -> list[Ingredient]:
    """The terms of each learner's loss in ``run``, with the weights selected where they are to be."""
    weights: list[float | None] = [term.weight for term in run.objective]
    if run.selected_by is not None:
        chosen = find_selection(config, results).get("chosen", {}).get(run.selected_by)
        weights = list(chosen) if chosen else weights
    symbols = weight_symbols(config, run)
    return [
        Ingredient(term, symbol, weight, selected=run.selected_by is not None)
        for term, symbol, weight in zip(run.objective, symbols, weights, strict=True)
    ]


def objective_data(config: Config, results: Path) -> "pd.DataFrame":
    """What figure 1 draws: a row a term of the loss of ``drawn_run``; no weight where none has been selected yet."""
    import pandas as pd

    run = drawn_run(config)
    terms = ingredients(config, run, results) if run else []
    rows = [
        (item.term.source, item.loss, item.temperature, item.scaled, item.term.combine, item.weight) for item in terms
    ]
    columns = ["source", "loss", "temperature", "times_temperature_squared", "combine", "weight"]
    return pd.DataFrame(rows, columns=columns)


def weight_symbols(config: Config, run: Run) -> list[str]:
    """The letters of the paper: one weight's rest is 1 minus it, three are alpha, beta and gamma."""
    if len(run.objective) == 1:
        return [""]
    if run.method == "vanilla":
        symbols = [r"\alpha", r"(1-\alpha)"]
        return symbols if config.vanilla.alpha_weighs == "labels" else symbols[::-1]
    return [GREEK[place % len(GREEK)] for place in range(len(run.objective))]
