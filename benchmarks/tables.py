"""The measurements as Markdown tables: medians, in brackets the least and the largest of the repeats."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

NOT_MEASURED = "not measured"


def tables(folder: Path) -> dict[str, str]:
    """Every table that the CSV files in ``folder`` give, by the name of its place in docs/speed.md."""
    read = {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}
    live = pd.concat([frame for name, frame in read.items() if name.startswith("live-")])
    study_cost = read.get("study_cost")
    return {
        "machine": machine(read["machine"]),
        "live": against_live_teachers(live),
        "overhead": against_the_floor(read["overhead"], read["joint"]),
        "start": start(read["start"]),
        "threads": threads(read["throughput"]),
        "throughput": throughput(read["throughput"]),
        "seeds": seeds(read["seeds"]),
        "planning": planning(read["planning"]),
        "growth": growth(read["growth"]),
        "study": NOT_MEASURED if study_cost is None else study(study_cost),
        "share": share(read["share"]),
    }


def markdown(headings: Iterable[str], rows: Iterable[Iterable[str]], text_columns: int = 1) -> str:
    """A Markdown table; all columns but the first ``text_columns`` are numbers, aligned to the right."""
    headings = list(headings)
    rule = ["---" if number < text_columns else "---:" for number in range(len(headings))]
    lines = ["| " + " | ".join(row) + " |" for row in [headings, *rows]]
    return "\n".join([lines[0], "|" + "|".join(rule) + "|", *lines[1:]])


def spread(values: pd.Series, digits: int | None = None) -> str:
    """Median (least-largest); ``digits`` after the point, else three significant ones."""
    values = values.dropna()
    if values.empty:
        return NOT_MEASURED
    median = values.median()
    if digits is None:
        digits = 2 if median < 10 else 1 if median < 100 else 0
    if len(values) == 1:
        return f"{median:,.{digits}f}"
    return f"{median:,.{digits}f} ({values.min():,.{digits}f}-{values.max():,.{digits}f})"


def machine(frame: pd.DataFrame) -> str:
    return markdown(["", ""], ([row.fact, str(row.value)] for row in frame.itertuples()), text_columns=2)


def against_live_teachers(frame: pd.DataFrame) -> str:
    """Seconds an epoch; ratios are of parts of the epoch that were run one after the other."""
    teacher_passes = frame[frame["contender"] == "teacher pass"].groupby(["teacher", "student"])["seconds"].sum()
    rows = []
    for (teacher, student), group in frame.groupby(["teacher", "student"]):
        seconds = group.pivot(index="part", columns="contender", values="seconds")
        box, loop, ours = (seconds[name] for name in ("torchdistill", "plain loop, live teacher", "kdbench"))
        teacher_pass = teacher_passes[teacher].median()
        saved = min(box.sum(), loop.sum()) - ours.sum()  # an epoch, against the faster of the two
        times = [f"{contender.sum():,.1f}" for contender in (box, loop, ours)]
        even = f"{teacher_pass / saved:.2f}" if saved > 0 else "never"
        rows.append(
            [teacher, student, *times, spread(box / ours, 1), spread(loop / ours, 1), f"{teacher_pass:,.1f}", even]
        )
    headings = ["teacher", "student", "torchdistill (s)", "plain loop (s)", "kdbench (s)"]
    headings += ["torchdistill / kdbench", "plain loop / kdbench", "teacher pass, once (s)", "break-even (epochs)"]
    return markdown(headings, rows, text_columns=2)


def against_the_floor(alone: pd.DataFrame, together: pd.DataFrame) -> str:
    """Seconds an epoch, and how many times the floor's: each student alone, then all jointly."""
    rows = []
    for student, group in alone.groupby("student"):
        seconds = group.pivot(index="repeat", columns="contender", values="seconds")
        floor, ours, loop = (seconds[name] for name in ("floor", "kdbench", "plain loop, stored logits"))
        ratios = (spread(ours / floor, 2), spread(loop / floor, 2))
        rows.append([str(student), spread(floor), spread(ours), ratios[0], spread(loop), ratios[1]])
    seconds = together.groupby(["contender", "repeat"])["seconds"].sum().unstack("contender")
    floors, joint = seconds["floor"], seconds["kdbench, joint"]
    rows.append(["all jointly (TSP)", spread(floors), spread(joint), spread(joint / floors, 2), "", ""])
    headings = ["student", "floor (s)", "kdbench (s)", "kdbench / floor"]
    return markdown([*headings, "plain loop, stored logits (s)", "plain loop / floor"], rows)


def start(frame: pd.DataFrame) -> str:
    rows = []
    for (run, until), group in frame.groupby(["run", "until"], sort=False):
        rows.append([run, until, spread(group["seconds_to_first_step"]), spread(group["peak_mb"], 0)])
    return markdown(["run", "until", "first step done after (s)", "peak memory (MiB)"], rows, text_columns=2)


def threads(frame: pd.DataFrame) -> str:
    """Images a second of the whole machine: so many processes side by side, each with so many threads."""
    side = frame[frame["mode"] == "side by side"]
    rows = []
    for network, group in side.groupby("network", sort=False):
        rates = group.pivot(index="repeat", columns=["processes", "threads"], values="images_per_second")
        alone = rates[min(rates.columns)]
        for processes, number in sorted(rates.columns):
            rate = rates[processes, number]
            rows.append([str(network), f"{processes}", f"{number}", spread(rate, 0), spread(rate / alone, 2)])
    return markdown(["student", "jobs at once", "threads each", "images/s of all", "against the first"], rows)


def throughput(frame: pd.DataFrame) -> str:
    """Images a second, a column a precision and number of threads; without a GPU, that none was measured."""
    steps = frame[frame["mode"] != "side by side"]
    columns = [(precision, int(number)) for precision, number in steps.groupby(["precision", "threads"]).groups]
    columns.sort(key=lambda column: (column[0] != "fp32", column))
    rows = []
    for keys, group in steps.groupby(["network", "side", "what", "device", "mode"], sort=False):
        cells = []
        for precision, number in columns:
            cell = group[(group["precision"] == precision) & (group["threads"] == number)]
            failed = cell["note"].dropna()
            cells.append(str(failed.iloc[0]) if len(failed) else spread(cell["images_per_second"]))
        rows.append([*map(str, keys), *cells])
    if (steps["device"] == "cpu").all():
        rows.append(["all", "", "train, infer", "GPU", "", *(NOT_MEASURED for _ in columns)])
    headings = ["network", "pixels", "what", "device", "mode"]
    headings += [f"{precision}, {number} thread{'s' * (number > 1)}" for precision, number in columns]
    return markdown(headings, rows, text_columns=5)


def seeds(frame: pd.DataFrame) -> str:
    """Milliseconds a step of all seeds together."""
    rows = []
    for (device, student, count), group in frame.groupby(["device", "student", "seeds"], sort=False):
        per_step = 1000 * group.pivot(index="repeat", columns="way", values="seconds") / group["steps"].iloc[0]
        for way in per_step:
            ratio = per_step[way] / per_step["one after another"]
            rows.append([f"{count} x {student}", device, str(way), spread(per_step[way]), spread(ratio, 2)])
        if device == "cpu":
            rows += [[f"{count} x {student}", "GPU", way, NOT_MEASURED, ""] for way in ("batched", "streams")]
    headings = ["seeds", "device", "way", "ms a step of all", "against one after another"]
    return markdown(headings, rows, text_columns=3)


def planning(frame: pd.DataFrame) -> str:
    rows = []
    for name, group in frame.groupby("configuration", sort=False):
        first = group.iloc[0]
        dry = group["dry_run_seconds"].dropna()
        counts = [f"{first[key]:,.0f}" for key in ("students", "seeds", "runs", "jobs")]
        rows.append([str(name), *counts, spread(group["plan_seconds"], 2), spread(dry, 1)])
    return markdown(["", "students", "seeds", "runs", "jobs", "plan (s)", "`snakemake -n` (s)"], rows)


def growth(frame: pd.DataFrame) -> str:
    rows = []
    for what, group in frame.groupby("what", sort=False):
        base = group[group["value"] == group["value"].min()].set_index("repeat")
        for value, cell in group.groupby("value"):
            each = cell.set_index("repeat")["seconds"]
            ratio = (each / value) / (base["seconds"] / base["value"])
            rows.append([str(what), f"{value:,}", spread(each), spread(ratio, 2)])
    return markdown(["what grows", "to", "seconds", "seconds for each one, against the first row's"], rows)


def study(frame: pd.DataFrame) -> str:
    rows = []
    for row in frame.itertuples():
        ratio = f"{row.plain_hours / row.kdbench_hours:,.1f}" if row.plain_hours and row.kdbench_hours else ""
        counts = [f"{row.runs:,}", f"{row.images_seen:,}"]
        rows.append([row.method, *counts, f"{row.plain_hours:,.2f}", f"{row.kdbench_hours:,.2f}", ratio])
    return markdown(["method", "runs", "images seen", "plain loop (h)", "kdbench (h)", "ratio"], rows)


def share(frame: pd.DataFrame) -> str:
    return markdown(frame.columns, ([str(value) for value in row] for row in frame.itertuples(index=False)))
