"""The paper's claims and the survey's as the page shows them, from claims.csv and survey-claims.csv."""

from typing import Any

from kdbench.report.claims import VERDICTS
from kdbench.report.page.cells import Cell, number, p_value, points
from kdbench.report.survey.claims import BY_SIZE, NOT_BY_SIZE, measured
from kdbench.report.text_table import DASH, interval

SIZES = {BY_SIZE: "=", NOT_BY_SIZE: "≠"}
SYMBOLS = {"reproduced": "✓", "not reproduced": "✗", "undecided": "?", "not tested": DASH, **SIZES}


def verdict_counts(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    found = [claim["verdict"] for claim in claims]
    names = [*VERDICTS, *(size for size in SIZES if size in found)]
    return [{"name": name, "symbol": SYMBOLS[name], "count": found.count(name)} for name in names]


def claim_rows(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    rows = []
    for claim in claims:
        rows.append(
            {
                "id": claim["id"],
                "text": claim["claim"],
                "section": claim["section"],
                "paper": points(number(claim["paper"])),
                **found(claim),
                "same_size": claim["same_size"] or DASH,
                "mcnemar_p": p_value(number(claim["mcnemar_p"])),
                "note": claim["note"],
            }
        )
    return rows


def survey_rows(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "text": claim["claim"],
            "work": claim["work"],
            "compared": claim["compared"],
            "learner": claim["learner"] or DASH,
            "survey": claim["survey"] or DASH,
            **found(claim),
            "ours": Cell(measured(number(claim["ours"]), claim["unit"]), number(claim["ours"])),
        }
        for claim in claims
    ]


def found(claim: dict[str, str]) -> dict[str, Any]:
    """What a study has found of a claim, the paper's or the survey's."""
    low, high, seeds = (number(claim[column]) for column in ("low", "high", "n"))
    return {
        "ours": points(number(claim["ours"])),
        "interval": Cell(interval(low, high), low),
        "seeds": Cell(DASH if seeds is None else f"{seeds:.0f}", seeds),
        "p_adjusted": p_value(number(claim["p_adjusted"])),
        **verdict(claim["verdict"]),
    }


def verdict(name: str) -> dict[str, Any]:
    """A verdict, its symbol, and its place when sorted."""
    order = list(VERDICTS).index(name) if name in VERDICTS else len(VERDICTS)
    return {"verdict": name, "symbol": SYMBOLS.get(name, ""), "order": order}
