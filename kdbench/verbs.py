"""The verbs of the command line, a function each, and how they read the configuration and the runs given to them.

A verb imports what it needs when it runs, so that ``kdbench --help`` and the plan stay quick.
"""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from kdbench.config import Config, check_config
from kdbench.errors import KdbenchError
from kdbench.overlay import load_config
from kdbench.plan import Plan
from kdbench.recipes.survey import filters
from kdbench.run import Run
from kdbench.section import check_section


def read_config(arguments: argparse.Namespace) -> Config:
    """The configuration: config.yaml with the files of --config laid over it, as Snakemake does, or one JSON text."""
    given = arguments.config
    if len(given) == 1 and is_json(given[0]):
        return check_config(read_json(given[0], "--config"), source="--config")
    return load_config(dict.fromkeys(["config.yaml", *given]))


def is_json(text: str) -> bool:
    return text.lstrip().startswith(("{", "["))


def read_json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise KdbenchError(f"{source}: not valid JSON ({error}): correct it") from None


def read_runs(arguments: argparse.Namespace) -> list[Run]:
    return [read_run(given, arguments) for given in arguments.run]


def read_run(given: str, arguments: argparse.Namespace) -> Run:
    """The run's settings: a JSON text, a metrics.json to repeat, or a run of the plan by name and seed."""
    if is_json(given):
        return check_section(Run, read_json(given, "run"), source="run")
    if given.endswith(".json"):
        metrics = read_json(Path(given).read_text(encoding="utf-8"), given)
        return check_section(Run, metrics.get("settings"), source=f"{given}: settings")
    return Plan(read_config(arguments)).run(given, arguments.seed)


def prepare(arguments: argparse.Namespace) -> None:
    from kdbench.config import Data
    from kdbench.data.prepare import prepare

    given = arguments.data
    data = check_section(Data, read_json(given, "--data"), "--data") if given else read_config(arguments).data
    prepare(data, arguments.results / "data")


def split(arguments: argparse.Namespace) -> None:
    from kdbench.data.split import write_split

    folder = arguments.results / "data"
    write_split(folder / "train.safetensors", arguments.fraction, arguments.split_seed, folder / "split.safetensors")


def train(arguments: argparse.Namespace) -> None:
    from kdbench.classroom.train import train

    train(read_runs(arguments), arguments.results, arguments.threads, arguments.slots_per_gpu, arguments.reuse)


def outputs(arguments: argparse.Namespace) -> None:
    from kdbench.classroom.outputs import write_outputs
    from kdbench.classroom.reuse import take_over_outputs

    for run in read_runs(arguments):
        if arguments.reuse and take_over_outputs(run, arguments.results, arguments.reuse):
            continue
        write_outputs(run, arguments.results, arguments.threads, arguments.slots_per_gpu)


def features(arguments: argparse.Namespace) -> None:
    from kdbench.classroom.features import write_features

    place = (arguments.results, arguments.threads, arguments.limit, arguments.slots_per_gpu)
    for run in read_runs(arguments):
        write_features(run, arguments.layer, *place)


def fuse(arguments: argparse.Namespace) -> None:
    from kdbench.classroom.fuse import fuse

    for run in read_runs(arguments):
        fuse(run, arguments.results, arguments.threads, arguments.slots_per_gpu)


def synthesise(arguments: argparse.Namespace) -> None:
    from kdbench.classroom.synthesise import synthesise

    for run in read_runs(arguments):
        synthesise(run, arguments.results, arguments.threads, arguments.slots_per_gpu)


def select(arguments: argparse.Namespace) -> None:
    from kdbench.files import write_json
    from kdbench.report.selection import select

    grid = read_json(arguments.grid, "--grid")
    selection = select(arguments.results, grid, arguments.seeds, arguments.students)
    write_json(arguments.output, selection)


def collect(arguments: argparse.Namespace) -> None:
    from kdbench.report.collect import write_results

    write_results(read_config(arguments), arguments.results)


def tables(arguments: argparse.Namespace) -> None:
    from kdbench.report.tables import write_tables

    write_tables(read_config(arguments), arguments.results)


def examples(arguments: argparse.Namespace) -> None:
    from kdbench.report.figures.examples import write_examples

    write_examples(read_config(arguments), arguments.results)


def figures(arguments: argparse.Namespace) -> None:
    from kdbench.report.figures.draw import draw_figure

    for number in arguments.only or range(1, 7):
        draw_figure(number, read_config(arguments), arguments.results)


def claims(arguments: argparse.Namespace) -> None:
    from kdbench.report.claims import write_claims

    write_claims(read_config(arguments), arguments.results)


def sensitivity(arguments: argparse.Namespace) -> None:
    from kdbench.report.sensitivity import write_sensitivity

    write_sensitivity(read_config(arguments), arguments.results)


def further(arguments: argparse.Namespace) -> None:
    from kdbench.report.further import write_further

    write_further(read_config(arguments), arguments.results)


def gains(arguments: argparse.Namespace) -> None:
    from kdbench.report.gains.table import write_gains

    write_gains(read_config(arguments), arguments.results)


def report(arguments: argparse.Namespace) -> None:
    from kdbench.report.page.page import write_page

    files = [given for given in arguments.config if not is_json(given)]
    options = f"--configfile {shlex.join(files)}" if files and arguments.options is None else arguments.options or ""
    write_page(read_config(arguments), arguments.results, options)


def compare(arguments: argparse.Namespace) -> None:
    from kdbench.report.page.compare import write_comparison

    write_comparison(arguments.folders, arguments.output)
    print(arguments.output)


def plan(arguments: argparse.Namespace) -> None:
    study = Plan(read_config(arguments))
    if arguments.simulate:
        from kdbench.report.simulation import simulate

        print(simulate(study, arguments.results, arguments.overhead))
    else:
        from kdbench.report.plan_table import print_plan

        print_plan(study)


def networks(arguments: argparse.Namespace) -> None:
    from kdbench.report.network_table import print_networks

    print_networks(arguments.image_size, arguments.channels, arguments.classes, arguments.markdown)


def config(arguments: argparse.Namespace) -> None:
    from kdbench.report.config_reference import config_reference

    print(config_reference(), end="")


def quote(arguments: argparse.Namespace) -> None:
    from kdbench.report.quote import update

    update(arguments.documents, arguments.studies)


def methods(arguments: argparse.Namespace) -> None:
    if arguments.tables:
        from kdbench.report.survey.tables import write_tables

        write_tables(arguments.tables)
    if arguments.figures:
        from kdbench.report.survey.figures import write_figures

        write_figures(arguments.figures)
    if arguments.page:
        from kdbench.report.survey.page import update_page

        update_page(arguments.page)
    if not (arguments.tables or arguments.figures or arguments.page):
        from kdbench.report.survey.method_list import print_methods

        print_methods({stage: getattr(arguments, stage) for stage in filters()})


def doctor(arguments: argparse.Namespace) -> int:
    from kdbench.doctor.examine import examine

    config: Config | KdbenchError
    try:
        config = read_config(arguments)
    except KdbenchError as error:  # one more finding
        config = error
    return examine(config, arguments.results)


def init(arguments: argparse.Namespace) -> None:
    from kdbench.workflow import copy_workflow

    print(copy_workflow(arguments.folder))
