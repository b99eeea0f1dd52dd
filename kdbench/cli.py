"""The command line: one verb per kind of step. Every rule of the workflow runs one of these commands.

Verbs import what they need when they run, so that ``kdbench --help`` and the plan stay quick.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kdbench
from kdbench.config import Config, check_config, check_section, load_config
from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.recipes.survey import choices_of, filters
from kdbench.run import Run


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


def gains(arguments: argparse.Namespace) -> None:
    from kdbench.report.gains import write_gains

    write_gains(read_config(arguments), arguments.results)


def report(arguments: argparse.Namespace) -> None:
    from kdbench.report.page import write_page

    files = [given for given in arguments.config if not is_json(given)]
    options = f"--configfile {shlex.join(files)}" if files and arguments.options is None else arguments.options or ""
    write_page(read_config(arguments), arguments.results, options)


def compare(arguments: argparse.Namespace) -> None:
    from kdbench.report.compare import write_comparison

    write_comparison(arguments.folders, arguments.output)


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
        from kdbench.report.survey_tables import write_tables

        write_tables(arguments.tables)
    if arguments.figures:
        from kdbench.report.survey_figures import write_figures

        write_figures(arguments.figures)
    if arguments.page:
        from kdbench.report.survey_page import update_page

        update_page(arguments.page)
    if not (arguments.tables or arguments.figures or arguments.page):
        from kdbench.report.method_list import print_methods

        print_methods({stage: getattr(arguments, stage) for stage in filters()})


def doctor(arguments: argparse.Namespace) -> int:
    from kdbench.doctor import examine

    config: Config | KdbenchError
    try:
        config = read_config(arguments)
    except KdbenchError as error:  # one more finding
        config = error
    return examine(config, arguments.results)


def init(arguments: argparse.Namespace) -> None:
    from kdbench.workflow import copy_workflow

    print(copy_workflow(arguments.folder))


DESCRIPTION = """\
A reproducibility benchmark for knowledge distillation. The whole study runs
with `snakemake`; these are its single steps, and what helps around it.
"""
LEGEND = """\
R is the study's results folder: pathvars.results of the configuration.
`kdbench VERB --help` says more of each.

examples:
  kdbench doctor --config presets/digits.yaml      can this study run here?
  kdbench plan --config presets/digits.yaml        what would it train?
  snakemake --configfile presets/digits.yaml       the study itself
"""
GROUPS = ("steps of the study", "look at it", "around it")


def build_parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    usage = "kdbench [-h] [--version] VERB ..."
    parser = argparse.ArgumentParser(prog="kdbench", usage=usage, description=DESCRIPTION, formatter_class=plain)
    parser.add_argument("--version", action="version", version=f"kdbench {kdbench.__version__}")
    # argparse cannot group verbs: the groups are written below the options.
    verbs = parser.add_subparsers(prog="kdbench", metavar="VERB", required=True, help=argparse.SUPPRESS)
    listed: dict[str, list[str]] = {group: [] for group in GROUPS}

    config_files = argparse.ArgumentParser(add_help=False)
    config_files.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE ...",
        help="presets to lay over config.yaml, each over the ones before; or a whole configuration as JSON text",
    )
    results = argparse.ArgumentParser(add_help=False)
    about = "results folder, R (default: the configuration's pathvars.results)"
    results.add_argument("--results", type=Path, metavar="FOLDER", help=about)
    share = argparse.ArgumentParser(add_help=False)
    share.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default: 1)")
    about = "processes that share one GPU (default: 1)"
    share.add_argument("--slots-per-gpu", type=int, default=1, metavar="N", help=about)
    about = "results folder of a study from which the very same runs are taken instead"
    share.add_argument("--reuse", type=Path, metavar="FOLDER", help=about)
    run = argparse.ArgumentParser(add_help=False)
    about = "a run's name in the plan, a metrics.json to repeat, or its settings as JSON; several: one after another"
    run.add_argument("run", nargs="+", metavar="RUN", help=about)
    run.add_argument("--seed", type=int, default=1, metavar="N", help="seed of a run given by name (default: 1)")
    of_study = (config_files, results)

    def verb(action, group: str, about: str, *parents: argparse.ArgumentParser, shown: Sequence[str] = ()):
        name = action.__name__
        epilog = "\n  ".join([f"example{'s' if len(shown) > 1 else ''}:", *shown]) if shown else None
        sub = verbs.add_parser(name, description=about, epilog=epilog, parents=parents, formatter_class=plain)
        sub.set_defaults(action=action)
        listed[group].append(f"  {name:12} {about}")
        return sub

    steps, look, around = GROUPS
    sub = verb(prepare, steps, "Pack the data set into R/data: images, labels, facts.", *of_study)
    sub.add_argument("--data", metavar="JSON", help="the data section alone, as JSON")
    sub = verb(split, steps, "Hold out validation images, each class its share.", *of_study)
    sub.add_argument("--fraction", type=float, default=0.2, metavar="SHARE", help="to hold out (default: 0.2)")
    sub.add_argument("--split-seed", type=int, default=0, metavar="N", help="of the draw (default: 0)")
    shown = [
        "kdbench train scratch-lenet --seed 2 --config presets/digits.yaml",
        "kdbench train results/digits/runs/scratch-lenet/seed1/metrics.json --results results/digits",
    ]
    verb(train, steps, "Train runs and test their learners.", run, share, *of_study, shown=shown)
    shown = ["kdbench outputs teacher --config presets/digits.yaml"]
    about = "Store what finished runs' learners say of the training images."
    verb(outputs, steps, about, run, share, *of_study, shown=shown)
    sub = verb(features, steps, "Store one layer of finished runs' learners.", run, share, *of_study)
    sub.add_argument("--layer", required=True, metavar="NAME", help="embedding, or stage1, stage2, ...")
    sub.add_argument("--limit", type=float, default=4.0, metavar="GB", help="store no more than this (default: 4)")
    verb(fuse, steps, "Test finished learners that answer together.", run, share, *of_study)
    verb(synthesise, steps, "Make training images from the teacher alone.", run, share, *of_study)
    sub = verb(select, steps, "Choose the loss weights by both criteria.", *of_study)
    sub.add_argument("output", type=Path, metavar="OUTPUT", help="the JSON file to write")
    sub.add_argument("--grid", required=True, metavar="JSON", help="the points to choose from: tune.grid")
    sub.add_argument("--seeds", nargs="+", type=int, required=True, metavar="N", help="of the runs on the grid")
    sub.add_argument("--students", nargs="+", required=True, metavar="NAME", help="in the study's order")
    verb(collect, steps, "Gather the figures of all runs into R/results.csv.", *of_study)
    verb(tables, steps, "Write tables 1 to 3, the paper's numbers beside ours.", *of_study)
    verb(examples, steps, "Keep the few test images that figures 4 and 5 show.", *of_study)
    shown = ["kdbench figures --only 2 3 --config presets/digits.yaml"]
    sub = verb(figures, steps, "Draw figures 1 to 6.", *of_study, shown=shown)
    sub.add_argument("--only", type=int, nargs="+", choices=range(1, 7), metavar="N", help="which (default: all)")
    verb(claims, steps, "Judge each of the paper's claims.", *of_study)
    verb(sensitivity, steps, "Compare with what the paper leaves unsaid the other way.", *of_study)
    verb(further, steps, "Compare with the paper's next steps: students, epochs.", *of_study)
    verb(gains, steps, "Compare all methods of the study: gain, size, cost, data.", *of_study)
    sub = verb(report, steps, "Write the page, R/report.html.", *of_study)
    about = (
        "what follows the target in the commands that the page prints (default: --configfile, the files of --config)"
    )
    sub.add_argument("--options", metavar="TEXT", help=about)

    shown = ["kdbench plan", "kdbench plan --simulate --config presets/digits.yaml --overhead 14"]
    sub = verb(plan, look, "Print the runs of the study; trains nothing.", *of_study, shown=shown)
    sub.add_argument(
        "--simulate",
        action="store_true",
        help="the study's wall time on 1 to 256 GPUs, from the measured seconds of its runs; into R/simulation.*",
    )
    about = "what a job costs beyond its epochs: about 3 on one machine, 14 on a small cluster (default: 0)"
    sub.add_argument("--overhead", type=float, default=0.0, metavar="SECONDS", help=about)
    shown = ["kdbench compare results/digits results/cifar10-jpeg"]
    sub = verb(compare, look, "Write one page over several finished studies.", shown=shown)
    sub.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a study's results folder")
    about = "the page (default: results/compare.html)"
    sub.add_argument("--output", type=Path, default=Path("results/compare.html"), metavar="FILE", help=about)
    verb(config, look, "Describe every key of the configuration, as in the docs.")
    sub = verb(networks, look, "List the networks with their parameters and FLOPs.")
    sub.add_argument("--image-size", type=int, default=32, metavar="PIXELS", help="(default: 32)")
    sub.add_argument("--channels", type=int, default=3, metavar="N", help="(default: 3)")
    sub.add_argument("--classes", type=int, default=10, metavar="N", help="(default: 10)")
    sub.add_argument("--markdown", action="store_true", help="as the table in the docs")
    shown = ["kdbench methods --teacher several --transfer aggregated", 'kdbench methods --knowledge "soft labels"']
    sub = verb(methods, look, "List the methods: the recipes a study can run.", shown=shown)
    about = "Only recipes that make these choices in the survey's model, all of them."
    group = sub.add_argument_group("filters", about)
    for stage in filters():
        about = ", ".join(choices_of(stage))
        group.add_argument(f"--{stage}", action="append", default=[], metavar="CHOICE", help=about)
    group = sub.add_argument_group("write", "In place of the list.")
    about = "the survey's Tables I and II from the recipes, and other methods' table: survey-*.csv, .md, .tex"
    group.add_argument("--tables", type=Path, metavar="FOLDER", help=about)
    about = "the survey's figures 1 to 6 with the recipes: survey-figure*.svg, .png"
    group.add_argument("--figures", type=Path, metavar="FOLDER", help=about)
    about = "these tables into a document, where it says <!-- methods survey-table1 --> and so on"
    group.add_argument("--page", type=Path, metavar="DOCUMENT", help=about)

    shown = ["kdbench doctor", "kdbench doctor --config presets/cifar10-jpeg.yaml"]
    verb(doctor, around, "Say whether a study can run here, and the way out if not.", *of_study, shown=shown)
    shown = ["kdbench init my-study && cd my-study", "snakemake --configfile presets/digits.yaml"]
    sub = verb(init, around, "Copy the workflow's files to a folder, to run studies there.", shown=shown)
    sub.add_argument("folder", type=Path, metavar="FOLDER", help="made where there is none; nothing is overwritten")
    sub = verb(quote, around, "Bring the results that documents quote up to date.")
    sub.add_argument("documents", nargs="+", type=Path, metavar="DOCUMENT", help="a Markdown file with quotations")
    about = "folder of published studies (default: results/reference)"
    sub.add_argument("--studies", type=Path, default=Path("results/reference"), metavar="FOLDER", help=about)

    groups = ["\n".join([f"{group}:", *lines]) for group, lines in listed.items()]
    parser.epilog = "\n\n".join([*groups, LEGEND])
    return parser


def one_file_each(argv: Sequence[str]) -> list[str]:
    """``--config A.yaml B.yaml`` as ``--config A.yaml --config B.yaml``.

    An option of several values would swallow what follows it: the runs to train.
    """
    spread: list[str] = []
    for argument in argv:
        of_config = spread[-2:-1] == ["--config"] or any(last.startswith("--config=") for last in spread[-1:])
        if of_config and argument.endswith((".yaml", ".yml")):
            spread.append("--config")
        spread.append(argument)
    return spread


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a user's mistake is one line on stderr and exit status 2."""
    arguments = build_parser().parse_args(one_file_each(sys.argv[1:] if argv is None else argv))
    try:
        if "results" in arguments and arguments.action is not doctor:
            arguments.results = arguments.results or read_config(arguments).results
        status = arguments.action(arguments) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads the pipe has seen enough, as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KdbenchError as error:
        print(f"kdbench: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"kdbench: {error.filename}: {error.strerror}: check the path", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
