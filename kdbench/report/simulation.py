"""The wall time of a study on more GPUs than there were: simulated from the measured seconds of each of its runs."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from kdbench.errors import KdbenchError
from kdbench.files import write_with
from kdbench.finished import METRICS, read_metrics
from kdbench.plan import Plan
from kdbench.report.style import COLUMN, house_style, new_figure, save, study_note
from kdbench.run import Run
from kdbench.schedule import Job, critical_path, makespan

DATA, SELECTION, REPORT, OUTPUTS = "data", "selection", "report", "/outputs"
GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def job_name(run: str, seed: int) -> str:
    return f"{run}/seed{seed}"


def measured_jobs(plan: Plan, results: Path, overhead: float) -> dict[str, Job]:
    """The study as jobs: its runs of their measured seconds, and the steps between them, each ``overhead`` longer.

    The steps between are as in the workflow: data, stored outputs of a run's learners, selection of weights, report.
    Raises KdbenchError where runs are not done yet.
    """
    runs = list(plan.all_runs())
    if not results.is_dir():
        raise KdbenchError(f"{results}: no such folder: run snakemake first, or name another study with --config")
    seconds = {job_name(run.name, run.seed): measured_seconds(run, results) for run in runs}
    missing = [name for name, found in seconds.items() if found is None]
    if missing:
        raise KdbenchError(
            f"{results}: {len(missing)} runs are not done yet, for instance {missing[0]}: run snakemake first, "
            "or name the study's preset with --config"
        )
    jobs = {DATA: Job(overhead)}
    tuning = [job_name(run.name, run.seed) for run in runs if run.method == "tune"]
    for run in runs:
        name = job_name(run.name, run.seed)
        heard = [outputs_of(job_name(source.run, source.seed)) for source in run.heard()]
        jobs |= {outputs: Job(overhead, (outputs.removesuffix(OUTPUTS),)) for outputs in heard}
        parents = [*heard, *(job_name(source.run, source.seed) for source in run.built_on())]
        parents += [SELECTION] if run.selected_by else []
        jobs[name] = Job((seconds[name] or 0.0) + overhead, (DATA, *dict.fromkeys(parents)))
    if tuning:
        jobs[SELECTION] = Job(overhead, tuple(tuning))
    jobs[REPORT] = Job(overhead, tuple(seconds))
    return jobs


def outputs_of(run: str) -> str:
    return run + OUTPUTS


def measured_seconds(run: Run, results: Path) -> float | None:
    return float(measured(run, results)["seconds"]) if (run.folder(results) / METRICS).exists() else None


def measured(run: Run, results: Path) -> dict[str, Any]:
    return read_metrics(run.folder(results))


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
        axes = figure.add_axes((0.17, bottom + 0.13, 0.79, 0.77 - bottom))
        axes.axhline(limit / 60, linestyle="--", color="grey", label="longest chain of jobs", zorder=1)
        axes.plot(table["gpus"], table["seconds"] / 60, marker="o", color="black", label="simulated", zorder=2)
        axes.set(xscale="log", xlabel="GPUs", ylabel="wall time (min)", title="Simulated wall time", ylim=(0, None))
        axes.set_xticks(list(GPUS), [str(number) for number in GPUS])
        axes.minorticks_off()
        axes.legend()
    return figure


def simulate(plan: Plan, results: Path, overhead: float) -> str:
    """Write simulation.csv, .svg and .png into ``results`` and tell what they hold."""
    if not 0 <= overhead < math.inf:
        raise KdbenchError(f"--overhead: must be seconds, 0 or more, got {overhead:g}")
    jobs = measured_jobs(plan, results, overhead)
    table, path = simulation(jobs), critical_path(jobs)
    limit = sum(jobs[name].seconds for name in path)
    write_with(results / "simulation.csv", lambda place: table.round(3).to_csv(place, index=False))
    devices = ", ".join(sorted({measured(run, results)["device"] for run in plan.all_runs()}))
    note = (
        f"By list scheduling, from the seconds that each run took ({devices}) and {overhead:g} s more for each of "
        f"{len(jobs)} jobs."
    )
    save(draw(table, limit, study_note(plan.config, note)), results / "simulation")
    rows = [
        f"{row.gpus:>4} GPU{' ' if row.gpus == 1 else 's'} {row.seconds:>10,.0f} s, {row.speedup:>5.1f} times as fast, "
        f"{row.in_use:>4.0%} busy"
        for row in table.itertuples()
    ]
    return "\n".join(
        [
            f"Simulated, not measured. {note}",
            *rows,
            f"The longest chain of jobs takes {limit:,.0f} s: {' -> '.join(path)}.",
            f"With {enough(jobs)} GPUs nothing more is gained by further ones.",
        ]
    )
