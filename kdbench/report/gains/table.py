"""Every method of a study in one table: what it gains over training from scratch and over vanilla distillation.

A row a method and student, paired by seed; accuracies are percentages of the test images, gains percentage points
with their 95 % interval, p-values of t-tests against no gain, adjusted for the number of all of them (Benjamini and
Hochberg). ``baseline_scratch``, ``baseline_vanilla`` and ``control`` name the runs that it is held against: see
kdbench.report.gains.baselines. ``networks`` are those that answer together, ``fraction`` is the share of the training
images, 0 of images that were made. ``cost`` is the training time in seconds of a run and of all runs it needs, of each
the least over its seeds, those that tune its weights too, but for the teacher's and the making of images.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.finished import DECIMALS
from kdbench.paper.survey import has_claims_on
from kdbench.plan import Plan
from kdbench.planned import PlannedRun
from kdbench.report.collect import by_seed, read_results
from kdbench.report.gains.baselines import BASELINES, baseline_of, control_of, epochs, stands_alone, techniques
from kdbench.report.statistics import LEVEL, Sample, adjusted, paired_difference, sample
from kdbench.report.study_notes import study_line
from kdbench.report.style import save
from kdbench.report.text_table import DASH, markdown_table, records, signed, with_sd
from kdbench.terms import criterion
from kdbench.wording import counted

OVER = {"scratch": "Over scratch", "vanilla": "Over vanilla", "control": "Over its control"}
COMPARED = (*BASELINES, "control")
BESIDE = {**{baseline: f"baseline_{baseline}" for baseline in BASELINES}, "control": "control"}  # their columns
FIGURES = ["bytes", "flops", "seconds", "cost"]
COLUMNS = [
    "recipe",
    "method",
    "title",
    "run",
    "student",
    "networks",
    "fraction",
    "epochs",
    "n",
    "accuracy",
    "sd",
    *(f"{column}_{other}" for other in COMPARED for column in ("gain", "low", "high", "p", "p_adjusted")),
    *(f"baseline_{baseline}" for baseline in BASELINES),
    "control",
    "sparsity",
    *FIGURES,
]


def gain_table(config: Config, frame: pd.DataFrame) -> pd.DataFrame:
    """All techniques with COLUMNS, from results.csv; of what is not finished there is no row."""
    plan, rows = Plan(config), []
    for technique in techniques(plan):
        run, student = technique.run, technique.student
        accuracy = by_seed(frame, run.name, student, "test_accuracy")
        if not accuracy:
            continue
        own = sample(list(accuracy.values()))
        row: dict[str, Any] = {
            "recipe": technique.recipe.name,
            "method": run.method,
            "title": technique.title,
            "run": run.name,
            "student": student,
            "networks": len(run.fused_runs) or 1,
            "fraction": 0.0 if run.lesson.images.made_by else run.lesson.images.fraction,
            "epochs": epochs(plan, frame, run),
            "n": own.n,
            "accuracy": own.mean,
            "sd": own.sd,
        }
        compared = {baseline: baseline_of(plan, frame, baseline, technique) for baseline in BASELINES}
        row |= {f"baseline_{baseline}": other for baseline, other in compared.items()}
        compared["control"] = row["control"] = control_of(plan, frame, technique)
        for name, other in compared.items():
            known = by_seed(frame, other, student, "test_accuracy") if other else {}
            row |= gain_over(name, paired_difference(accuracy, known))
        for figure in ["sparsity", "bytes", "flops", "seconds"]:
            values = by_seed(frame, run.name, student, figure).values()
            row[figure] = sample(list(values)).mean
        row["cost"] = cost(plan, frame, run)
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    adjust(table)
    rounded = [name for name in COLUMNS if table[name].dtype == "float64" and not name.startswith("p_")]
    table[rounded] = table[rounded].round(DECIMALS)
    return table


def gain_over(baseline: str, gain: Sample) -> dict[str, float]:
    return {
        f"gain_{baseline}": gain.mean,
        f"low_{baseline}": gain.low,
        f"high_{baseline}": gain.high,
        f"p_{baseline}": gain.p(0.0),
    }


def adjust(table: pd.DataFrame) -> None:
    """Fill in the p-values adjusted for the number of all tests of the table; two runs compared twice are one test."""
    tests: dict[tuple[str, frozenset[str]], list[tuple[int, str]]] = {}
    for number, row in enumerate(records(table)):
        for name, other in BESIDE.items():
            tests.setdefault((row["student"], frozenset({row["run"], str(row[other])})), []).append((number, name))
    firsts = [places[0] for places in tests.values()]
    corrected = adjusted([float(table[f"p_{name}"][number]) for number, name in firsts])
    for places, p in zip(tests.values(), corrected, strict=True):
        for number, name in places:
            table.loc[number, f"p_adjusted_{name}"] = p


def cost(plan: Plan, frame: pd.DataFrame, run: PlannedRun) -> float:
    """Seconds of the run and of all runs it needs, each once, the teacher's apart; of each the least over its seeds.

    The least, since what else a machine does only adds to it. Those runs that tune its weights are among them, where it
    has no weights given.
    """
    tuning = [other.name for other in plan.runs.values() if other.lesson.tuning]
    needed, pending = set[str](), [run.name]
    while pending:
        name = pending.pop()
        if name not in needed and name != "teacher":
            needed.add(name)
            pending += plan.runs[name].needed_runs()
            pending += tuning if criterion(plan.runs[name].lesson, plan.config) else []
    of_needed = frame[frame["run"].isin(needed)].drop_duplicates(["run", "seed"])
    return float(of_needed.groupby("run")["seconds"].min().sum())


def findings(table: pd.DataFrame) -> list[str]:
    """What the table says of each student, in sentences."""
    said = []
    for student, group in table.groupby("student", sort=False):
        compared = group[~group["method"].isin(BASELINES) & (group["fraction"] == 1)]
        if compared.empty:
            said.append(f"{student}: no method beside scratch and vanilla distillation.")
            continue
        if compared["n"].max() == 1:
            said.append(f"{student}: one seed of the methods beside the baselines, so that their gains are not tested.")
            continue
        better, worse = (
            [significant(compared, baseline, side) for baseline in BASELINES] for side in ("above", "below")
        )
        said.append(
            f"{student}, {counted(len(compared), 'method')}: significantly above training from scratch "
            f"{len(better[0])}, below {len(worse[0])}; above vanilla distillation {len(better[1])}, below "
            f"{len(worse[1])}."
            f"{best_of(compared)}"
        )
    return said


def significant(table: pd.DataFrame, baseline: str, side: str) -> pd.DataFrame:
    sure = table[table[f"p_adjusted_{baseline}"] < LEVEL]
    gain = sure[f"gain_{baseline}"]
    return sure[gain > 0] if side == "above" else sure[gain < 0]


def best_of(table: pd.DataFrame) -> str:
    """The method of one network that gains most over each baseline; none that is itself one, of more epochs."""
    baselines = {run for baseline in BASELINES for run in table[f"baseline_{baseline}"]}
    said = []
    for baseline, name in (("scratch", "training from scratch"), ("vanilla", "vanilla distillation")):
        gain = f"gain_{baseline}"
        compared = records(table[table[gain].notna() & ~table["run"].isin(baselines)])
        single = [row for row in compared if stands_alone(row)]
        if single:
            best = max(single, key=lambda row: row[gain])
            said.append(f"over {name}: {best['title']}, {signed(best[gain])}")
    return f" Highest {'; '.join(said)}." if said else ""


def gain_markdown(config: Config, table: pd.DataFrame) -> str:
    """gains.md: the findings, and a table a student."""
    parts = [" ".join(findings(table)), study_line(config), HOW_TO_READ]
    headers = ["Method", "Epochs", "Accuracy", *OVER.values(), "Seeds", "Zeros (%)", "kB", "MFLOPs", "Cost (s)"]
    for student, group in table.groupby("student", sort=False):
        parts.append(f"## {student}")
        parts.append(markdown_table(headers, [row_texts(row) for row in records(group)], "lrrrrrrrrrr"))
    return "\n\n".join(parts) + "\n"


def row_texts(row: dict[str, Any]) -> list[str]:
    return [
        row["title"],
        str(row["epochs"]),
        with_sd(f"{row['accuracy']:.2f}", row["sd"]),
        *(gain_text(row, other) for other in COMPARED),
        str(row["n"]),
        f"{row['sparsity']:.0f}" if row["sparsity"] >= 0.5 else DASH,
        f"{row['bytes'] / 1000:.1f}",
        f"{row['flops'] / 1e6:.1f}",
        f"{row['cost']:.1f}",
    ]


def gain_text(row: dict[str, Any], other: str) -> str:
    gain, low, high = (row[f"{column}_{other}"] for column in ("gain", "low", "high"))
    if pd.isna(gain):
        return DASH
    star = "*" if row[f"p_adjusted_{other}"] < LEVEL else ""
    return f"{signed(gain)}{star}" + ("" if pd.isna(low) else f" ({signed(low)} to {signed(high)})")


HOW_TO_READ = (
    "Accuracy: mean ± standard deviation over seeds, percent of the test images, at the last epoch. Over scratch, "
    "over vanilla, over its control (what its source compares with; gains.csv names it): the mean difference paired "
    "by seed, in percentage points, with its 95 % interval; * significant at the 5 % level after adjustment for the "
    "number of all these tests (Benjamini and Hochberg), which a few seeds seldom pass: without * is not decided; "
    "intervals are not adjusted, and where all seeds differ alike there is neither interval nor test. "
    "Baselines are those for as many epochs, where the study has them, and from as many images; where there is none "
    "from as many, there is no gain. Several networks that answer together are held against one, and left out of what "
    "is called highest. Epochs: those of the student, with those of the run that it goes on from. Zeros: "
    "of the weights. kB: of the weights at the bits they have. Cost: training seconds of a run and of all runs it "
    "needs, of each the least over its seeds, those that tune its weights among them, without the training of the "
    "teacher and the making of images."
)


def write_gains(config: Config, results: Path) -> None:
    """Write {gains,objectives}.{csv,md} and the figures over_*, cost and data into ``results``/gains."""
    from kdbench.report.gains.cost import draw_cost
    from kdbench.report.gains.limited_data import draw_data
    from kdbench.report.gains.objectives import objective_table
    from kdbench.report.gains.objectives_text import objective_markdown
    from kdbench.report.gains.over_baseline import draw_gains
    from kdbench.report.survey.claims import write_survey_claims

    frame = read_results(results)
    folder, table = results / "gains", gain_table(config, frame)
    write_text(folder / "gains.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "gains.md", gain_markdown(config, table))
    objectives = objective_table(config, table, frame)
    write_text(folder / "objectives.csv", objectives.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "objectives.md", objective_markdown(config, objectives))
    if has_claims_on([lesson.method for lesson in Plan(config).lessons]):
        write_survey_claims(config, results)
    for baseline in BASELINES:
        save(draw_gains(config, table, baseline), folder / f"over_{baseline}")
    save(draw_cost(config, table), folder / "cost")
    save(draw_data(config, table), folder / "data")
