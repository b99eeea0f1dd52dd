"""The study: its workflow and its configuration."""

import importlib
from filecmp import cmp
from pathlib import Path

import kdbench
from kdbench.config import Config
from kdbench.doctor.finding import Finding, State
from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.wording import counted
from kdbench.workflow import PARTS, workflow_folder


def workflow(folder: Path) -> Finding:
    """Whether ``folder`` holds the workflow, and that of this kdbench."""
    missing = [part for part in PARTS if not (folder / part).exists()]
    if missing:
        found = f"{folder.absolute()} holds no {', '.join(missing)}"
        state: State = "problem" if set(missing) & {"Snakefile", "config.yaml", "workflow"} else "note"
        return Finding(state, "workflow", found, "cd to where they are, or kdbench init my-study && cd my-study")
    own = workflow_folder()
    rules = [own / "Snakefile", *sorted((own / "workflow").rglob("*.smk"))]
    other = [str(file.relative_to(own)) for file in rules if differ(file, folder / file.relative_to(own))]
    if other:
        found = f"not that of kdbench {kdbench.__version__}, changed or of another version: {', '.join(other)}"
        return Finding("note", "workflow", found, "to compare: kdbench init another-folder")
    return Finding("ok", "workflow", f"that of kdbench {kdbench.__version__}, in {folder.absolute()}")


def differ(one: Path, other: Path) -> bool:
    return not other.is_file() or not cmp(one, other, shallow=False)


def planned(config: Config | KdbenchError) -> Plan | Finding:
    if isinstance(config, KdbenchError):
        return Finding("problem", "configuration", str(config))  # which ends with what to do, or with what there is
    try:
        return Plan(config)
    except KdbenchError as error:
        return Finding("problem", "configuration", str(error))


def configuration(plan: Plan) -> Finding:
    runs = sum(len(run.seeds) for run in plan.runs.values())
    title = " ".join(plan.config.study.title.split())
    return Finding("ok", "configuration", f"{title}: {counted(runs, 'run')} into {plan.config.results}")


def own_losses(folder: Path) -> Finding:
    """Whether Python can import the losses in ``folder``, of which a plan reads the options only."""
    names = sorted(file.stem for file in folder.glob("*.py") if file.stem != "__init__")
    for name in names:
        try:
            importlib.import_module(f"kdbench.objectives.{name}")
        except Exception as error:  # whatever a file of one's own raises
            return Finding("problem", "losses", f"{folder / name}.py: {type(error).__name__}: {error}", "correct it")
    return Finding("ok", "losses", f"{', '.join(names) or 'none'}, in {folder.absolute()}")
