"""What one choice that the paper leaves unsaid changes: the study beside itself with one key the other way.

Effects are on the test accuracy of Table 2's rows, in percentage points, paired by seed, with 95 % t-intervals;
verdicts are those of each variant's own claims.csv.
"""

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.finished import DECIMALS
from kdbench.paper.reported import Paper, read_paper
from kdbench.report.collect import by_seed, read_results
from kdbench.report.experiments import experiments
from kdbench.report.lettering import plain
from kdbench.report.selected import weights_section
from kdbench.report.statistics import LEVEL, adjusted, paired_difference
from kdbench.report.study_notes import study_line
from kdbench.report.style import GREY, PAGE, SMALL, house_style, new_figure, save, study_note, words_figure
from kdbench.report.tables import table2
from kdbench.report.text_table import DASH, interval, markdown_table, p_value, records, signed
from kdbench.variations import BASE, readings, variations

EFFECT_COLUMNS = ["change", "experiment", "run", "student", "n", "base", "effect", "low", "high", "p", "p_adjusted"]
ROW, HEAD, FOOT = 0.32, 0.3, 0.42  # inches
SURE, UNSURE = "#D55E00", "#9a9a9a"
CLAIM_COLUMNS = ["change", "id", "claim", "verdict_base", "verdict"]


def effects(config: Config, results: Path, paper: Paper) -> pd.DataFrame:
    """A row per change and cell of Table 2, with EFFECT_COLUMNS; p-values adjusted over all rows.

    A cell whose run the change leaves as it is, or leaves out, has no row.
    """
    frame, rows = read_results(results), []
    for name, changed in variations(config, "sensitivity").items():
        other = read_results(changed.results)
        for experiment in experiments(config, paper):
            for student, run in experiment.runs.items():
                base, varied = (
                    by_seed(frame, run, student, "test_accuracy"),
                    by_seed(other, run, student, "test_accuracy"),
                )
                effect = paired_difference(varied, base)
                if base == varied or not effect.n:
                    continue
                rows.append(
                    {
                        "change": name,
                        "experiment": experiment.label,
                        "run": run,
                        "student": student,
                        "n": effect.n,
                        "base": round(float(np.mean(list(base.values()))), DECIMALS),
                        "effect": round(effect.mean, DECIMALS),
                        "low": round(effect.low, DECIMALS),
                        "high": round(effect.high, DECIMALS),
                        "p": effect.p(0.0),
                    }
                )
    found = pd.DataFrame(rows, columns=EFFECT_COLUMNS)
    found["p_adjusted"] = adjusted(found["p"].tolist())
    return found


def changed_verdicts(config: Config, results: Path) -> pd.DataFrame:
    """A row per change and claim whose verdict it changes, with CLAIM_COLUMNS."""
    base, rows = read_verdicts(results), []
    for name, changed in variations(config, "sensitivity").items():
        varied = read_verdicts(changed.results)
        for id, claim in base.items():
            both = {claim["verdict"], varied[id]["verdict"]} if id in varied else set()
            if len(both) == 2 and "not tested" not in both:
                verdicts = {"verdict_base": claim["verdict"], "verdict": varied[id]["verdict"]}
                rows.append({"change": name, "id": id, "claim": claim["claim"], **verdicts})
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def read_verdicts(results: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in records(pd.read_csv(results / "claims.csv", keep_default_na=False))}


def distances(config: Config, results: Path, paper: Paper) -> pd.DataFrame:
    """How far each reading's Table 2 lies from the paper's, nearest first: the root mean square of the differences.

    ``all``: of accuracies; ``gains``: of each row's gain over the same student from scratch, which a data set that is
    harder or easier for all of them does not move.
    """
    rows = []
    for name, (place, folder) in readings(config, "sensitivity", results).items():
        table = table2(place, read_results(folder), paper).dropna(subset=["paper"])
        scratch = table[table["method"] == "scratch"].set_index("student")
        rest = table[table["method"] != "scratch"]
        ours = rest["mean"].to_numpy() - scratch["mean"].reindex(rest["student"]).to_numpy()
        theirs = rest["paper"].to_numpy() - scratch["paper"].reindex(rest["student"]).to_numpy()
        rows.append({"change": name, "all": rms(table["difference"].to_numpy()), "gains": rms(ours - theirs)})
    return pd.DataFrame(rows).sort_values("gains", kind="stable", ignore_index=True)


def rms(values: np.ndarray) -> float:
    known = values[~pd.isna(values)].astype(float)
    return round(float(np.sqrt(np.mean(np.square(known)))), 2) if len(known) else float("nan")


def draw(found: pd.DataFrame, config: Config) -> Figure:
    """Every effect with its interval, a line a change, sorted by the largest effect; a mark a cell of Table 2."""
    if found.empty:
        return words_figure("No change moved any cell of Table 2.", study_note(config))
    largest = found.groupby("change")["effect"].agg(lambda values: values.abs().max()).sort_values()
    height = HEAD + ROW * len(largest) + FOOT
    # Students have markers of their own; of one student alone, the rows of Table 2.
    told = "student" if found["student"].nunique() > 1 else "experiment"
    markers = dict(zip(found[told].unique(), cycle("os^Dvp"), strict=False))
    with house_style():
        note = "A mark for each row of Table 2 that the change could move."
        figure, share = new_figure(PAGE, height, study_note(config, note))
        whole = height / (1 - share)
        axes = figure.add_axes((0.24, share + FOOT / whole, 0.74, ROW * len(largest) / whole))
        axes.axvline(0, color="black", linewidth=0.7)
        for place, change in enumerate(largest.index):
            cells = found[found["change"] == change].sort_values("effect")
            heights = place + np.linspace(-0.3, 0.3, len(cells)) if len(cells) > 1 else [place]
            for height, cell in zip(heights, records(cells), strict=True):
                color = SURE if cell["p_adjusted"] < LEVEL else UNSURE
                if not np.isnan(cell["low"]):
                    axes.plot([cell["low"], cell["high"]], [height, height], color=color, linewidth=0.8)
                axes.plot(cell["effect"], height, marker=markers[cell[told]], markersize=2.8, color=color)
        axes.set_yticks(range(len(largest)), largest.index, fontsize=SMALL)
        axes.set_ylim(-0.6, len(largest) - 0.4)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x")
        axes.set_xlabel("effect on test accuracy (percentage points), with its 95 % interval")
        marks = [
            Line2D([], [], linestyle="none", marker=mark, color=GREY, label=plain(name))
            for name, mark in markers.items()
        ]
        colors = [Patch(color=SURE, label="significant"), Patch(color=UNSURE, label="not significant")]
        figure.legend(handles=[*marks, *colors], loc="upper center", ncols=min(len(marks) + 2, 6))
    return figure


def text(found: pd.DataFrame, verdicts: pd.DataFrame, near: pd.DataFrame, config: Config, results: Path) -> str:
    """sensitivity.md: the findings in a paragraph, then the tables behind them."""
    cells = sorted(records(found), key=lambda cell: -abs(cell["effect"]))
    rows = [
        [
            cell["change"],
            cell["experiment"],
            cell["student"],
            f"{cell['base']:.2f}",
            signed(cell["effect"]),
            interval(cell["low"], cell["high"]),
            str(cell["n"]),
            p_value(cell["p_adjusted"]),
        ]
        for cell in cells
    ]
    headers = ["Change", "Row of Table 2", "Student", "Before (%)", "Effect", "95 % interval", "Seeds", "p adjusted"]
    changes = [[row[name] for name in ("change", "claim", "verdict_base", "verdict")] for row in records(verdicts)]
    parts = [
        findings(cells, verdicts, near, list(variations(config, "sensitivity"))),
        study_line(config),
        "## Distance from the paper's Table 2\n\nRoot mean square of the differences, in percentage points.",
        markdown_table(
            ["Reading", "Gains over scratch", "Accuracies"],
            [
                [row["change"], *(DASH if pd.isna(row[of]) else f"{row[of]:.2f}" for of in ("gains", "all"))]
                for row in records(near)
            ],
            "lrr",
        ),
        *weights_section(config, "sensitivity", results),
        "## Verdicts that a change changes",
        markdown_table(["Change", "Claim", "As configured", "Changed"], changes, "llll") if changes else "None.",
        "## Effects on Table 2, largest first",
        markdown_table(headers, rows, "lllrrrrr"),
    ]
    return "\n\n".join(parts) + "\n"


def findings(cells: list[dict[str, Any]], verdicts: pd.DataFrame, near: pd.DataFrame, tried: list[str]) -> str:
    """What the tables say, in sentences; ``cells`` are the effects, largest first."""
    sure = [cell for cell in cells if cell["p_adjusted"] < LEVEL]
    moved = sorted({cell["change"] for cell in sure})
    touched = {cell["change"] for cell in cells}
    still = [name for name in tried if name in touched and name not in moved]
    same = [name for name in tried if name not in touched]
    said = [f"{len(tried)} changes were tried, one at a time; {len(cells)} cells of Table 2 could move."]
    if sure:
        top = sure[0]
        said.append(
            f"{len(sure)} of them move significantly, under the changes {', '.join(moved)}; the largest move is "
            f"{signed(top['effect'])} points ({top['change']}; {top['experiment']}; {top['student']})."
        )
    if still:
        said.append(f"No significant effect was seen of {', '.join(still)}.")
    if same:
        said.append(f"Nothing in this study differs by {', '.join(same)}.")
    opposite = (verdicts[["verdict_base", "verdict"]] != "undecided").all(axis=1).sum()
    said.append(
        f"{len(verdicts)} verdicts change, {opposite} of them from reproduced to not reproduced or back, the others "
        "to or from undecided."
        if len(verdicts)
        else "No verdict changes."
    )
    own = near[near["change"] == BASE].iloc[0]
    nearest = [
        f"to its {what} {best['change']} ({best[of]:.2f} points off, root mean square; as configured {own[of]:.2f})"
        for of, what in {"all": "accuracies", "gains": "gains over scratch"}.items()
        for best in records(near.dropna(subset=of).nsmallest(1, of))
    ]
    if nearest:
        said.append(
            "Of all readings (the study as configured, or with one change) these come nearest to the paper: "
            f"{', '.join(nearest)}."
        )
    return " ".join(said)


def write_sensitivity(config: Config, results: Path) -> None:
    """Write effects.csv, claims.csv, sensitivity.md and the figure into ``results``/sensitivity."""
    paper, folder = read_paper(), results / "sensitivity"
    found, verdicts = effects(config, results, paper), changed_verdicts(config, results)
    write_text(folder / "effects.csv", found.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "claims.csv", verdicts.to_csv(index=False, lineterminator="\n"))
    near = distances(config, results, paper)
    write_text(folder / "distances.csv", near.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "sensitivity.md", text(found, verdicts, near, config, results))
    save(draw(found, config), folder / "sensitivity")
