"""The command line: one verb per kind of step. Every rule of the workflow runs one of these commands.

Verbs import what they need when they run, so that ``kdbench --help`` and the plan stay quick.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import kdbench
from kdbench.config import Config, check_config, check_section, load_config
from kdbench.errors import KdbenchError
from kdbench.plan import Plan, Run


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
    from kdbench.report.examples import write_examples

    write_examples(read_config(arguments), arguments.results)


def figures(arguments: argparse.Namespace) -> None:
    from kdbench.report.figures import draw_figure

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


def report(arguments: argparse.Namespace) -> None:
    from kdbench.report.page import write_page

    write_page(read_config(arguments), arguments.results)


def plan(arguments: argparse.Namespace) -> None:
    from kdbench.report.plan_table import print_plan
    from kdbench.report.simulation import simulate

    study = Plan(read_config(arguments))
    if arguments.simulate:
        print(simulate(study, arguments.results, arguments.overhead))
    else:
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
    from kdbench.recipes.schema import read_recipe, recipe_names

    for recipe in map(read_recipe, recipe_names()):
        print(f"{recipe.name:12} {recipe.title} ({recipe.source})")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kdbench",
        description="A reproducibility benchmark for knowledge distillation. The whole study runs with `snakemake`; "
        "these are its single steps.",
    )
    parser.add_argument("--version", action="version", version=f"kdbench {kdbench.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    files = argparse.ArgumentParser(add_help=False)
    files.add_argument(
        "--config",
        action="append",
        metavar="FILE",
        help="a preset to lay over config.yaml; may be given again; or a whole configuration as JSON text",
    )
    results = argparse.ArgumentParser(add_help=False)
    results.add_argument("--results", type=Path, metavar="FOLDER", help="results folder (default: the config's)")
    share = argparse.ArgumentParser(add_help=False)
    share.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    share.add_argument("--slots-per-gpu", type=int, default=1, help="processes that share one GPU (default: 1)")
    about = "results folder of a study from which the very same runs are taken instead"
    share.add_argument("--reuse", type=Path, metavar="FOLDER", help=about)
    run = argparse.ArgumentParser(add_help=False)
    about = "a run's name in the plan, a metrics.json to repeat, or its settings as JSON; several: one after another"
    run.add_argument("run", nargs="+", help=about)
    run.add_argument("--seed", type=int, default=1, help="seed of a run given by name (default: 1)")

    def verb(action, help_text: str, *parents: argparse.ArgumentParser, name: str | None = None):
        name = name or action.__name__
        sub = verbs.add_parser(name, help=help_text, description=help_text, parents=[*parents, files, results])
        sub.set_defaults(action=action)
        return sub

    sub = verb(prepare, "Pack the data set into R/data: images, labels, facts.")
    sub.add_argument("--data", metavar="JSON", help="the data section alone, as JSON")
    sub = verb(split, "Split the training images into training and validation, stratified.")
    sub.add_argument("--fraction", type=float, default=0.2, help="fraction held out (default: 0.2)")
    sub.add_argument("--split-seed", type=int, default=0)
    verb(train, "Train runs and evaluate their learners on the test images.", run, share)
    verb(outputs, "Store the outputs of finished runs' learners on the training images.", run, share)
    sub = verb(select, "Choose the loss weights by both criteria, from validation accuracies.")
    sub.add_argument("output", type=Path, help="the JSON file to write")
    sub.add_argument("--grid", required=True, metavar="JSON")
    sub.add_argument("--seeds", nargs="+", type=int, required=True)
    sub.add_argument("--students", nargs="+", required=True)
    verb(collect, "Gather all metrics into R/results.csv.")
    verb(tables, "Write tables 1 and 2 beside the paper's numbers, and table 3: regularisation.")
    verb(examples, "Keep the few test images that figures 4 and 5 show.")
    sub = verb(figures, "Draw the paper's five figures, and its gains beside the spread between seeds (6).")
    sub.add_argument("--only", type=int, nargs="+", choices=range(1, 7), help="which (default: all)")
    verb(claims, "Judge each of the paper's claims.")
    verb(sensitivity, "Compare the study with what the paper leaves unsaid the other way, one change at a time.")
    verb(further, "Compare the study with the paper's own next steps: more students, more epochs.")
    verb(report, "Write the page.")
    sub = verb(plan, "Print the runs of the study; trains nothing.")
    sub.add_argument(
        "--simulate",
        action="store_true",
        help="the study's wall time on 1 to 256 GPUs, from the measured seconds of its runs; into R/simulation.*",
    )
    about = "what a job costs beyond its epochs: about 3 on one machine, 14 on a small cluster (default: 0)"
    sub.add_argument("--overhead", type=float, default=0.0, metavar="SECONDS", help=about)
    sub = verb(networks, "List the networks with their parameters and FLOPs.")
    sub.add_argument("--image-size", type=int, default=32)
    sub.add_argument("--channels", type=int, default=3)
    sub.add_argument("--classes", type=int, default=10)
    sub.add_argument("--markdown", action="store_true", help="as the table in the docs")
    verb(config, "Describe every key of the configuration, as in the docs.")
    verb(methods, "List the methods: the recipes a study can run.")
    sub = verb(quote, "Bring the numbers that documents quote from published studies up to date.")
    sub.add_argument("documents", nargs="+", type=Path, metavar="DOCUMENT", help="a Markdown file with quotations")
    sub.add_argument("--studies", type=Path, default=Path("results/reference"), help="(default: results/reference)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a user's mistake is one line on stderr and exit status 2."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.config = arguments.config or []
        arguments.results = arguments.results or default_results(arguments)
        arguments.action(arguments)
    except KdbenchError as error:
        print(f"kdbench: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"kdbench: {error.filename}: {error.strerror}: check the path", file=sys.stderr)
        return 2
    return 0


def default_results(arguments: argparse.Namespace) -> Path:
    needs_none = arguments.action in (networks, methods, config, quote)
    return Path() if needs_none else read_config(arguments).results


if __name__ == "__main__":
    sys.exit(main())
