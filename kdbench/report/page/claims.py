"""The paper's claims and the survey's as the page shows them, from claims.csv and survey-claims.csv."""

from typing import Any

from kdbench.report.claims import VERDICTS
from kdbench.report.page.cells import Cell, interval, number, p_value, points
from kdbench.report.text_table import DASH

SYMBOLS = {"reproduced": "✓", "not reproduced": "✗", "undecided": "?", "not tested": DASH}


def verdict_counts(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    found = [claim["verdict"] for claim in claims]
    return [{"name": name, "symbol": SYMBOLS[name], "count": found.count(name)} for name in VERDICTS]


def claim_rows(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    rows = []
    for claim in claims:
        low, high = number(claim["low"]), number(claim["high"])
        rows.append(
            {
                "id": claim["id"],
                "text": claim["claim"],
                "section": claim["section"],
                "paper": points(number(claim["paper"])),
                "ours": points(number(claim["ours"])),
                "interval": Cell(interval(low, high), low),
                "seeds": Cell(claim["n"], number(claim["n"])),
                **verdict(claim["verdict"]),
                "same_size": claim["same_size"] or DASH,
                "p_adjusted": p_value(number(claim["p_adjusted"])),
                "mcnemar_p": p_value(number(claim["mcnemar_p"])),
                "note": claim["note"],
            }
        )
    return rows


def survey_rows(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    rows = []
    for claim in claims:
        low, high = number(claim["low"]), number(claim["high"])
        rows.append(
            {
                "text": claim["claim"],
                "work": claim["work"],
                "compared": claim["compared"],
                "learner": claim["learner"] or DASH,
                "survey": claim["survey"] or DASH,
                "ours": points(number(claim["ours"])),
                "interval": Cell(interval(low, high), low),
                "seeds": Cell(f"{number(claim['n']):.0f}" if claim["n"] else DASH, number(claim["n"])),
                **verdict(claim["verdict"]),
                "p_adjusted": p_value(number(claim["p_adjusted"])),
            }
        )
    return rows


def verdict(name: str) -> dict[str, Any]:
    """A verdict, its symbol, and its place when sorted."""
    order = list(VERDICTS).index(name) if name in VERDICTS else len(VERDICTS)
    return {"verdict": name, "symbol": SYMBOLS.get(name, ""), "order": order}
