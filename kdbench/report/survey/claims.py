"""The survey's claims of section VII, held against this study's methods, one row a claim and student."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import RESERVED, Config
from kdbench.files import write_text
from kdbench.finished import DECIMALS
from kdbench.paper.survey import Comparison, SurveyClaim, read_survey, work_name
from kdbench.plan import Plan
from kdbench.report.collect import by_seed, read_results
from kdbench.report.statistics import LEVEL, Sample, adjusted, paired_difference, sample
from kdbench.report.study_notes import study_line
from kdbench.report.text_table import DASH, interval, markdown_table, p_value, points, records

HOW_SURVEY_JUDGED = (
    "A claim compares two methods, paired by seed, in percentage points of test accuracy. It is reproduced where "
    "t-tests, their p-values adjusted together (Benjamini and Hochberg), show it at the 5 % level: of a claim that "
    "one is above, that the mean difference is above 0; of a claim that one is no worse than the other by more than a "
    "margin, that it is above minus the margin (one-sided, as of the paper's claims, and so is the test of the "
    "contrary; the smaller p is shown). It is not reproduced where they show the contrary, otherwise undecided: after "
    "the adjustment an interval on one side may not be enough, and differences that are equal in all seeds have no "
    "spread to test by. The survey's numbers are its works', on their data: but for margins and factors, the "
    "direction alone is judged. Where the second is networks that were made once, all seeds of the first stand beside "
    "that one run. Sizes follow from the networks and need no test: by construction one is smaller, by more than the "
    "survey's factor or, where it gives none, at all, or it is not."
)
TIMES = "times smaller"
BY_SIZE, NOT_BY_SIZE = "by construction", "not by construction"
COLUMNS = ["id", "work", "claim", "compared", "learner", "survey", "ours", "unit", "low", "high", "n"]
COLUMNS += ["p_adjusted", "verdict"]


@dataclass
class Held:
    """A claim held against one learner's runs."""

    claim: SurveyClaim
    learner: str
    ours: Sample

    @property
    def comparison(self) -> Comparison:
        return self.claim.compares

    def tests(self) -> dict[str, float]:
        """The p-values that decide, by the verdict that each bears out; none of sizes."""
        if self.comparison.kind == "smaller":
            return {}
        if self.comparison.kind == "above":
            return {"reproduced" if self.ours.mean > 0 else "not reproduced": self.ours.p(0.0)}
        margin = -self.comparison.margin
        return {"reproduced": self.ours.p(margin, "greater"), "not reproduced": self.ours.p(margin, "less")}

    def verdict(self, corrected: Mapping[str, float]) -> str:
        """The verdict by the tests' adjusted p-values; NaN, where there is no spread to test by, decides nothing."""
        if self.comparison.kind == "smaller":
            return BY_SIZE if self.ours.mean > self.comparison.factor else NOT_BY_SIZE
        return next((verdict for verdict, p in corrected.items() if p < LEVEL), "undecided")


def survey_claims(config: Config, frame: pd.DataFrame) -> pd.DataFrame:
    """All claims with COLUMNS; what the study has no runs for is not tested."""
    rows: list[dict[str, Any]] = []
    held: list[Held] = []
    for claim in read_survey().claims:
        found = compared(config, frame, claim)
        rows += [{**words(claim), "held": item} for item in found] or [{**words(claim), "verdict": "not tested"}]
        held += found
    tests = [(id(item), verdict, p) for item in held for verdict, p in item.tests().items()]
    corrected: dict[int, dict[str, float]] = {id(item): {} for item in held}
    for (item_id, verdict, _), p in zip(tests, adjusted([p for *_, p in tests]), strict=True):
        corrected[item_id][verdict] = p
    for row in rows:
        if item := row.pop("held", None):
            by_test = corrected[id(item)]
            row |= {
                "learner": item.learner,
                "ours": round(item.ours.mean, DECIMALS),
                "unit": TIMES if item.comparison.kind == "smaller" else "points",
                "low": round(item.ours.low, DECIMALS),
                "high": round(item.ours.high, DECIMALS),
                "n": item.ours.n,
                "p_adjusted": min(by_test.values(), default=float("nan")),
                "verdict": item.verdict(by_test),
            }
    return pd.DataFrame(rows, columns=COLUMNS)


def words(claim: SurveyClaim) -> dict[str, Any]:
    said = claim.compares
    compared = f"{said.first} − {said.second}"
    if said.kind == "no worse":
        compared += f", no worse by more than {said.margin:g}"
    if said.kind == "smaller":
        compared = f"{said.figure} of {said.second} over those of {said.first}, above {said.factor:g}"
    if said.note:
        compared += f"; {said.note}"
    number = None if claim.number is None else f"{claim.number:g} {claim.counts}"
    return {"id": claim.id, "work": work_name(claim.work), "claim": claim.text, "compared": compared, "survey": number}


def compared(config: Config, frame: pd.DataFrame, claim: SurveyClaim) -> list[Held]:
    """The claim held against each student, or against the networks that are no student's."""
    figure = claim.compares.figure
    first = figures(config, frame, claim.compares.first, figure)
    second = figures(config, frame, claim.compares.second, figure)
    pairs = [(name, first[name], second[name]) for name in first if name in second]
    if not pairs and len(second) == 1:  # such as a generalist, which its specialists and every student are beside
        [other] = second.values()
        alone = next(iter(other.values()))
        pairs = [
            (name, own, other if set(own) <= set(other) else dict.fromkeys(own, alone)) for name, own in first.items()
        ]
    beside = times_smaller if claim.compares.kind == "smaller" else paired_difference
    return [Held(claim, name, beside(own, other)) for name, own, other in pairs]


def times_smaller(first: Mapping[int, float], second: Mapping[int, float]) -> Sample:
    return sample([second[seed] / first[seed] for seed in sorted(first.keys() & second.keys())])


def figures(config: Config, frame: pd.DataFrame, method: str, figure: str) -> dict[str, dict[int, float]]:
    """A column of results.csv by seed, of each learner that the method has one run of."""
    plan, found = Plan(config), {}
    for learner in (*plan.students, *RESERVED):
        run = plan.only_run(method, learner)
        values = by_seed(frame, run.name, learner, figure) if run else {}
        if values:
            found[learner] = values
    return found


def measured(value: float | None, unit: str) -> str:
    """A difference in points, or a factor; a dash for none."""
    return points(value) if value is None or unit != TIMES else f"{value:.1f} {unit}"


def markdown(config: Config, claims: pd.DataFrame) -> str:
    headers = [
        "Work",
        "The survey's claim",
        "Here",
        "Learner",
        "Ours",
        "95 % interval",
        "Seeds",
        "p adjusted",
        "Verdict",
    ]
    rows = [
        [
            row["work"],
            f"“{row['claim']}”",
            row["compared"],
            DASH if pd.isna(row["learner"]) else row["learner"],
            measured(row["ours"], row["unit"]),
            interval(row["low"], row["high"]),
            DASH if pd.isna(row["n"]) else f"{row['n']:.0f}",
            p_value(row["p_adjusted"]),
            row["verdict"],
        ]
        for row in records(claims)
    ]
    counts = claims["verdict"].value_counts()
    counted = ", ".join(f"{verdict} {number}" for verdict, number in counts.items())
    return (
        "\n\n".join([f"{counted}.", study_line(config), markdown_table(headers, rows, "llllrrrrl"), HOW_SURVEY_JUDGED])
        + "\n"
    )


def write_survey_claims(config: Config, results: Path) -> None:
    """Write survey-claims.{csv,md} into ``results``/gains, from results.csv."""
    claims = survey_claims(config, read_results(results))
    write_text(results / "gains" / "survey-claims.csv", claims.to_csv(index=False, lineterminator="\n"))
    write_text(results / "gains" / "survey-claims.md", markdown(config, claims))
