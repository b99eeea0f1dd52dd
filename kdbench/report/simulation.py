"""The wall time of a study on more GPUs than there were: simulated from the measured seconds of each of its runs."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from kdbench.errors import KdbenchError
from kdbench.files import write_with
from kdbench.plan import Plan, Run
from kdbench.report.style import COLUMN, house_style, new_figure, save, study_note
from kdbench.schedule import Job, critical_path, makespan

GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def job_name(run: str, seed: int) -> str:
    return f"{run}/seed{seed}"


def measured_jobs(plan: Plan, results: Path, overhead: float) -> dict[str, Job]:
    """The study's runs as jobs of their measured seconds, each ``overhead`` seconds longer.

    Raises KdbenchError where runs are not done yet.
    """
    runs = list(plan.all_runs())
    seconds = {job_name(run.name, run.seed): measured_seconds(run, results) for run in runs}
    missing = [name for name, found in seconds.items() if found is None]
    if missing:
        raise KdbenchError(f"{results}: {len(missing)} runs are not done yet, as {missing[0]}: run snakemake first")
    tuning = tuple(job_name(run.name, run.seed) for run in runs if run.method == "tune")
    jobs = {}
    for run in runs:
        name = job_name(run.name, run.seed)
        mentors = tuple(dict.fromkeys(job_name(mentor.run, mentor.seed) for mentor in run.mentors))
        jobs[name] = Job((seconds[name] or 0.0) + overhead, mentors + (tuning if run.selected_by else ()))
    return jobs


def measured_seconds(run: Run, results: Path) -> float | None:
    path = run.folder(results) / "metrics.json"
    return float(json.loads(path.read_text(encoding="utf-8"))["seconds"]) if path.exists() else None


def simulation(jobs: Mapping[str, Job]) -> pd.DataFrame:
    """A row a number of GPUs: wall seconds, how many times faster than one, and the share of the GPUs' time in use."""
    total = sum(job.seconds for job in jobs.values())
    rows = []
    for gpus in GPUS:
        seconds = makespan(jobs, gpus)
        rows.append({"gpus": gpus, "seconds": seconds, "speedup": total / seconds, "in_use": total / seconds / gpus})
    return pd.DataFrame(rows)


def enough(jobs: Mapping[str, Job]) -> int:
    """The fewest GPUs that are as fast as any number of them."""
    fastest = makespan(jobs, len(jobs))
    low, high = 1, len(jobs)
    while low < high:  # list scheduling may be slower with one more, so this is a number that is enough, near the least
        middle = (low + high) // 2
        low, high = (low, middle) if makespan(jobs, middle) <= fastest * (1 + 1e-9) else (middle + 1, high)
    return low


def draw(table: pd.DataFrame, limit: float, note: str) -> Figure:
    with house_style():
        figure, bottom = new_figure(COLUMN, 2.4, note)
        axes = figure.add_axes((0.17, bottom + 0.17, 0.79, 0.72 - bottom))
        axes.plot(table["gpus"], table["seconds"] / 60, marker="o", color="black", label="simulated")
        axes.axhline(limit / 60, linestyle="--", color="grey", label="longest chain of runs")
        axes.set(xscale="log", yscale="log", xlabel="GPUs", ylabel="wall time (min)", title="Simulated")
        axes.set_xticks(list(GPUS), [str(number) for number in GPUS])
        axes.minorticks_off()
        axes.legend()
    return figure


def simulate(plan: Plan, results: Path, overhead: float) -> str:
    """Write simulation.csv, .svg and .png into ``results`` and tell what they hold."""
    jobs = measured_jobs(plan, results, overhead)
    table, path = simulation(jobs), critical_path(jobs)
    limit = sum(jobs[name].seconds for name in path)
    write_with(results / "simulation.csv", lambda place: table.round(3).to_csv(place, index=False))
    note = f"Simulated by list scheduling from the measured seconds of {len(jobs)} runs, {overhead:g} s added to each."
    save(draw(table, limit, study_note(plan.config, note)), results / "simulation")
    rows = [
        f"{row.gpus:>4} GPUs {row.seconds:>10,.0f} s, {row.speedup:>5.1f}x as fast as one, {row.in_use:>4.0%} in use"
        for row in table.itertuples()
    ]
    return "\n".join(
        [
            f"Simulated, not measured: {note}",
            *rows,
            f"The longest chain of runs takes {limit:,.0f} s: {' -> '.join(path)}.",
            f"With {enough(jobs)} GPUs nothing more is gained by further ones.",
        ]
    )
