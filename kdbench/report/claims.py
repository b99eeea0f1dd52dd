"""Every claim of the paper, held against this study's runs: reproduced, not reproduced, undecided or not tested.

A claim compares two figures, ``first`` minus ``second``, paired by seed, in percentage points. Student's t-tests on
those differences decide it, at the 5 % level, their p-values adjusted together for the number of tests that the study's
claims need. Fewer than two seeds decide nothing. Otherwise a claim of kind

- *above* is reproduced where the mean differs from 0 and is positive. It is not reproduced where it differs and is
  negative, or where it does not but is below the paper's number and differs from that: an effect of the paper's size
  would have been seen. (Where the paper gives no number, or its own tables speak against its sentence, only the side
  of 0 counts.)
- *not above* is reproduced where the mean differs from 0 and is negative, not reproduced where it is positive.
- *comparable* is reproduced where the mean lies within the margin on both sides of 0 (two one-sided tests), the largest
  difference the paper calls comparable, and not reproduced where it lies beyond.
- *no worse* is reproduced where the mean lies above minus that margin, and not reproduced where it lies below.

All else is undecided, and told with how many seeds an effect of the paper's size would probably show, at the spread
seen; after a single seed at that of the student's other differences. What the study lacks the student or the runs for
is not tested. McNemar's p-value, on the predictions of the first common seed, is information only: it speaks of two
trained networks, not of two methods.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.finished import DECIMALS
from kdbench.paper.reported import Claim, Kind, Paper, SelectionClaim, read_paper
from kdbench.report.collect import read_results
from kdbench.report.evidence import Evidence, Study
from kdbench.report.statistics import LEVEL, Sample, adjusted, pooled, seeds_needed
from kdbench.report.study_notes import students_line, study_line
from kdbench.report.text_table import interval, markdown_table, p_value, points, signed

Verdict = Literal["reproduced", "not reproduced", "undecided", "not tested"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "not reproduced", "undecided", "not tested")
COLUMNS = [
    "id",
    "claim",
    "section",
    "paper",
    "ours",
    "low",
    "high",
    "n",
    "p",
    "p_adjusted",
    "verdict",
    "same_size",
    "seeds_needed",
    "mcnemar_p",
    "note",
]
# Kinds that a margin decides: how a difference lies that bears them out, and one that does not.
BY_MARGIN: dict[Kind, tuple[str, str]] = {"comparable": ("within ±", "beyond ±"), "no worse": ("above −", "below −")}
HOW_JUDGED = """\
Each claim is a difference of two figures, paired by seed: the one said to be above minus the other (where the claim is
of no improvement or of comparable performance: the one spoken of minus the other). Ours is its mean over seeds, the
interval its 95 % t-interval; all in percentage points of accuracy. Verdicts rest on t-tests of these differences at the
5 % level, with p-values adjusted for the number of tests (Benjamini and Hochberg), so that an interval beside 0 may not
be enough. One seed decides nothing. A claim that one is above the other is *reproduced* where the mean is significantly
above 0, *not reproduced* where it is significantly below 0, or not different from 0 but significantly below the paper's
number (an effect of the paper's size would have been seen), else *undecided*. The paper's number, one run's, is taken
as it stands. Where the paper gives no number, or its own tables speak against its sentence, only the side of 0 counts.
A claim of no improvement is judged by the side of 0 alone. A claim of comparable performance is *reproduced* where the
mean lies significantly within ±{margin:g} points, the largest difference the paper calls comparable, *not reproduced*
where it lies significantly beyond, else *undecided*; one that the first matches or exceeds the second in the same way,
by whether it lies above or below −{margin:g}. The claims on selected weights compare validation accuracy: that of the
weights the paper selects minus the best of the others. *Not tested*: the study lacks the student or the runs. p
adjusted: of the test that decided, where none did of the one that would bear the claim out. Training accuracy is here,
as in figure 3, the mean over the last epoch's steps, measured while the network learns; Table 3 has that of the
finished network, which is higher. {shared} Same size: whether the interval holds the paper's number. Seeds needed: with
how many a t-test, before that adjustment, would show an effect of the paper's size (of comparable ones: that they do
not differ by more than the margin) with 80 % power, at the spread seen here. McNemar's p-value compares the two
learners' test predictions at their first common seed; it is information and decides nothing.
"""


def deciding_tests(kind: Kind, number: float | None, ours: Sample, margin: float) -> dict[str, float]:
    """The p-values that decide a claim, by what each tests; none where there is no spread between seeds."""
    if not ours.has_spread:
        return {}
    if kind == "comparable":
        within = max(ours.p(-margin, "greater"), ours.p(margin, "less"))
        beyond = ours.p(margin, "greater") if ours.mean > 0 else ours.p(-margin, "less")
        return {"within": within, "beyond": beyond}
    if kind == "no worse":
        return {"within": ours.p(-margin, "greater"), "beyond": ours.p(-margin, "less")}
    tests = {"direction": ours.p(0)}
    if kind == "above" and number is not None and number > 0:
        tests["size"] = ours.p(number)
    return tests


def verdict_on(
    kind: Kind, number: float | None, ours: Sample, margin: float, p: Mapping[str, float]
) -> tuple[Verdict, str]:
    """The verdict on a claim, by the adjusted p-values of ``deciding_tests``, and the reason in a few words."""
    if ours.n == 0:
        return "not tested", "the two share no seed"
    if ours.n == 1:
        return "undecided", "one seed decides nothing"
    if not p:
        return "undecided", "the same in all seeds, so that there is no spread to test by"
    significant = {test for test, value in p.items() if value < LEVEL}
    if kind in BY_MARGIN:
        within, beyond = BY_MARGIN[kind]
        if "within" in significant:
            return "reproduced", f"significantly {within}{margin:g}"
        if "beyond" in significant:
            return "not reproduced", f"significantly {beyond}{margin:g}"
        if kind == "no worse":
            return "undecided", f"not significantly on either side of −{margin:g}"
        return "undecided", f"neither {within}{margin:g} nor {beyond}{margin:g} significantly"
    if "direction" in significant:
        above = ours.mean > 0
        return (
            "reproduced" if above == (kind == "above") else "not reproduced",
            f"significantly {'above' if above else 'below'} 0",
        )
    if number is not None and "size" in significant and ours.mean < number:
        return "not reproduced", "not different from 0, and significantly below the paper's number"
    return "undecided", "not significantly different from 0"


def judge(config: Config, frame: pd.DataFrame, results: Path, paper: Paper) -> pd.DataFrame:
    """A row a claim, with COLUMNS, from results.csv and the runs' predictions.

    Raises KdbenchError where predictions that a claim needs are missing.
    """
    study, margin = Study(config, frame, results, paper), paper.comparable_margin
    found = [*map(study.comparison, paper.claims()), *map(study.selection, paper.selection_claims)]
    tests = [deciding_tests(item.kind, item.number, item.ours, margin) for item in found]
    # All tests of the study together, then back to the claims they belong to.
    corrected = iter(adjusted([p for of_claim in tests for p in of_claim.values()]))
    spread = spreads(found)
    rows = [
        row(item, p, {test: next(corrected) for test in p}, margin, spread[compared(item.claim)])
        for item, p in zip(found, tests, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seeds_needed": "Int64"})


def compared(claim: Claim | SelectionClaim) -> Hashable:
    """What two claims must have in common for the differences of both to spread alike: students and figures."""
    if isinstance(claim, SelectionClaim):
        return claim.criterion
    return tuple((side.student or claim.role, side.figure) for side in (claim.first, claim.second))


def spreads(found: Sequence[Evidence]) -> dict[Hashable, float]:
    """The standard deviation of paired differences over seeds, in percentage points, by what is compared."""
    samples: dict[Hashable, list[Sample]] = {}
    for item in found:
        samples.setdefault(compared(item.claim), []).append(item.ours)
    return {key: pooled(each).sd for key, each in samples.items()}


def row(
    evidence: Evidence, p: Mapping[str, float], corrected: Mapping[str, float], margin: float, usual: float
) -> dict[str, Any]:
    """A row of claims.csv, from a claim's p-values as they are and corrected for the number of tests.

    ``usual`` is the spread of differences like these, for a claim of a single seed, which has none of its own.
    """
    claim, kind, number, ours = evidence.claim, evidence.kind, evidence.number, evidence.ours
    verdict, reason = verdict_on(kind, number, ours, margin, corrected)
    effect = margin if kind in BY_MARGIN else number
    spread = usual if ours.n == 1 else ours.sd
    needed = seeds_needed(effect, spread, kind) if verdict == "undecided" and effect else None
    if needed and effect:
        many = "these seeds" if needed <= ours.n else f"{needed} seeds"
        would = "would probably have shown" if needed <= ours.n else "would probably show"
        reason += f"; {many} {would} {sought(kind, effect)}"
        reason += ", at the spread of the student's other differences" if ours.n == 1 else ""
    decisive = deciding(verdict, corrected)
    return {
        "id": claim.id,
        "claim": claim.text,
        "section": claim.section,
        "paper": claim.number,
        "ours": round(ours.mean, DECIMALS),
        "low": round(ours.low, DECIMALS),
        "high": round(ours.high, DECIMALS),
        "n": ours.n,
        "p": short(p.get(decisive)),
        "p_adjusted": short(corrected.get(decisive)),
        "verdict": verdict,
        "same_size": "" if number is None or not ours.has_spread else "yes" if ours.holds(number) else "no",
        "seeds_needed": needed,
        "mcnemar_p": short(evidence.mcnemar_p),
        "note": evidence.missing or "; ".join(filter(None, [reason, *remarks(evidence, margin)])),
    }


def deciding(verdict: Verdict, p: Mapping[str, float]) -> str:
    """The test that a verdict rests on, of ``deciding_tests``; where none decided, the one that would bear it out."""
    first, *others = p or [""]
    return others[0] if verdict == "not reproduced" and p[first] >= LEVEL else first


def sought(kind: Kind, effect: float) -> str:
    """What seeds enough would show, were it so."""
    return {
        "comparable": f"no difference beyond ±{effect:g}",
        "no worse": "it, were the two equal",
    }.get(kind, f"an effect of {signed(effect)}")


def remarks(evidence: Evidence, margin: float) -> Iterator[str]:
    """What a reader should know beside the verdict."""
    kind, number = evidence.kind, evidence.number
    yield evidence.remark
    if number is None:
        return
    if (kind == "above" and number < 0) or (kind == "comparable" and abs(number) > margin):
        yield "the paper's own numbers of this student speak against this sentence"
    elif kind == "comparable" and number < 0 < evidence.ours.low:
        yield "and above 0, where the paper's is below"


def short(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.6g}")


def claims_markdown(config: Config, judged: pd.DataFrame, paper: Paper) -> str:
    counts = ", ".join(f"{verdict} {(judged['verdict'] == verdict).sum()}" for verdict in VERDICTS)
    headers = [
        "Claim",
        "Section",
        "Paper",
        "Ours",
        "95 % interval",
        "Seeds",
        "p adjusted",
        "Verdict",
        "Same size",
        "McNemar p",
        "Why",
    ]
    rows = [
        [
            row["claim"],
            row["section"],
            points(row["paper"]),
            points(row["ours"]),
            interval(row["low"], row["high"]),
            str(row["n"]),
            p_value(row["p_adjusted"]),
            row["verdict"],
            row["same_size"],
            p_value(row["mcnemar_p"]),
            row["note"],
        ]
        for row in judged.to_dict("records")
    ]
    parts = [
        f"**{len(judged)} claims of the paper: {counts}.**",
        study_line(config),
        *filter(None, [students_line(config, paper)]),
        markdown_table(headers, rows, "llrrrrrllrl"),
        how_judged(config, paper),
    ]
    return "\n\n".join(parts) + "\n"


def how_judged(config: Config, paper: Paper) -> str:
    """How verdicts come about, in Markdown, and what this study's intervals do not know of."""
    teacher = "" if config.teacher.one_per_seed else "one teacher and "
    shared = f"The seeds share {teacher}one choice of weights: intervals cover the chance in other runs, not in these."
    return HOW_JUDGED.format(margin=paper.comparable_margin, shared=shared).replace("\n", " ").strip()


def write_claims(config: Config, results: Path) -> None:
    """Write claims.csv and claims.md from results.csv and the runs' predictions."""
    paper = read_paper()
    judged = judge(config, read_results(results), results, paper)
    write_text(results / "claims.csv", judged.to_csv(index=False, lineterminator="\n"))
    write_text(results / "claims.md", claims_markdown(config, judged, paper))
