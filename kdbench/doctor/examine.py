"""``kdbench doctor``: what a study needs and what is here, a line each, with the way out where something is wanting.

Downloads nothing, trains nothing, leaves nothing behind.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from kdbench.config import Config
from kdbench.doctor.data import data, data_sets
from kdbench.doctor.finding import Finding, shown
from kdbench.doctor.machine import bf16, gpu, machine
from kdbench.doctor.programs import imported_torch, packages, python, slurm, snakemake, torch_versions
from kdbench.doctor.results import permission, space
from kdbench.doctor.study import configuration, own_losses, planned, workflow
from kdbench.doctor.weights import weights
from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.wording import counted


def examine(config: Config | KdbenchError, results: Path | None) -> int:
    """Print a line a finding and a last one that sums up; gives 1 where something prevents a run, else 0."""
    found = []
    for finding in findings(config, results):
        print(shown(finding), flush=True)
        found.append(finding)
    count = Counter(finding.state for finding in found)
    print(verdict(count["problem"], count["note"]))
    return int(count["problem"] > 0)


def verdict(problems: int, notes: int) -> str:
    noted = f"; {counted(notes, 'note')}" if notes else ""
    if problems:
        return f"{counted(problems, 'problem')} to solve before a study can run{noted}."
    return f"A study can run here{noted}."


def findings(config: Config | KdbenchError, results: Path | None) -> Iterator[Finding]:
    """All of them, in the order in which they are best solved."""
    yield python()
    yield packages()
    torch = imported_torch()
    yield torch if isinstance(torch, Finding) else torch_versions()
    study = None if isinstance(config, KdbenchError) else config
    if isinstance(torch, ModuleType):
        yield gpu(torch, study.device if study else "auto")
        if study:
            yield from bf16(study, torch)
    yield snakemake()
    yield slurm()
    yield machine()
    yield workflow(Path())
    plan = planned(config)
    yield plan if isinstance(plan, Finding) else configuration(plan)
    if isinstance(torch, ModuleType) and Path("objectives").is_dir():
        yield own_losses(Path("objectives"))
    if isinstance(plan, Plan):
        yield data(plan.config)
    yield data_sets()
    if isinstance(plan, Plan) and isinstance(torch, ModuleType):
        yield weights(plan.settings.learner("teacher", plan.runs["teacher"]), torch)
    place = results or (study.results if study else Path("results"))
    yield permission(place)
    yield space(place)
