"""The command line: one verb per kind of step. Every rule of the workflow runs one of these commands."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import kdbench
from kdbench import verbs
from kdbench.errors import KdbenchError
from kdbench.recipes.survey import choices_of, filters

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
PLAIN = argparse.RawDescriptionHelpFormatter

Action = Callable[[argparse.Namespace], int | None]
AddParser = Callable[..., argparse.ArgumentParser]


class Group:
    """Verbs under a heading. argparse knows no such groups: their lines are written below the options."""

    def __init__(self, heading: str, add_parser: AddParser) -> None:
        self.add_parser = add_parser
        self.lines = [f"{heading}:"]

    def verb(
        self, action: Action, about: str, *parents: argparse.ArgumentParser, shown: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        """Add the verb of an action; ``shown`` are examples, which end its help."""
        name = action.__name__
        epilog = "\n  ".join([f"example{'s' if len(shown) > 1 else ''}:", *shown]) if shown else None
        sub = self.add_parser(name, description=about, epilog=epilog, parents=parents, formatter_class=PLAIN)
        sub.set_defaults(action=action)
        self.lines.append(f"  {name:12} {about}")
        return sub


def build_parser() -> argparse.ArgumentParser:
    usage = "kdbench [-h] [--version] VERB ..."
    parser = argparse.ArgumentParser(prog="kdbench", usage=usage, description=DESCRIPTION, formatter_class=PLAIN)
    parser.add_argument("--version", action="version", version=f"kdbench {kdbench.__version__}")
    subparsers = parser.add_subparsers(prog="kdbench", metavar="VERB", required=True, help=argparse.SUPPRESS)
    groups = [group(subparsers.add_parser) for group in (steps_of_the_study, look_at_it, around_it)]
    parser.epilog = "\n\n".join([*("\n".join(group.lines) for group in groups), LEGEND])
    return parser


def study_options() -> argparse.ArgumentParser:
    """Those of a verb that reads the configuration."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE ...",
        help="presets to lay over config.yaml, each over the ones before; or a whole configuration as JSON text",
    )
    about = "results folder, R (default: the configuration's pathvars.results)"
    options.add_argument("--results", type=Path, metavar="FOLDER", help=about)
    return options


def run_options() -> argparse.ArgumentParser:
    """Those of a verb that goes through runs."""
    options = argparse.ArgumentParser(add_help=False)
    about = "a run's name in the plan, a metrics.json to repeat, or its settings as JSON; several: one after another"
    options.add_argument("run", nargs="+", metavar="RUN", help=about)
    options.add_argument("--seed", type=int, default=1, metavar="N", help="seed of a run given by name (default: 1)")
    options.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads (default: 1)")
    about = "processes that share one GPU (default: 1)"
    options.add_argument("--slots-per-gpu", type=int, default=1, metavar="N", help=about)
    return options


def steps_of_the_study(add_parser: AddParser) -> Group:
    group = Group("steps of the study", add_parser)
    of_study = study_options()
    of_runs = (run_options(), of_study)
    sub = group.verb(verbs.prepare, "Pack the data set into R/data: images, labels, facts.", of_study)
    sub.add_argument("--data", metavar="JSON", help="the data section alone, as JSON")
    sub = group.verb(verbs.split, "Hold out validation images, each class its share.", of_study)
    sub.add_argument("--fraction", type=float, default=0.2, metavar="SHARE", help="to hold out (default: 0.2)")
    sub.add_argument("--split-seed", type=int, default=0, metavar="N", help="of the draw (default: 0)")
    shown = [
        "kdbench train scratch-lenet --seed 2 --config presets/digits.yaml",
        "kdbench train results/digits/runs/scratch-lenet/seed1/metrics.json --results results/digits",
    ]
    train = group.verb(verbs.train, "Train runs and test their learners.", *of_runs, shown=shown)
    shown = ["kdbench outputs teacher --config presets/digits.yaml"]
    about = "Store what finished runs' learners say of the training images."
    outputs = group.verb(verbs.outputs, about, *of_runs, shown=shown)
    about = "results folder of a study from which the very same runs are taken instead"
    for sub in (train, outputs):
        sub.add_argument("--reuse", type=Path, metavar="FOLDER", help=about)
    sub = group.verb(verbs.features, "Store one layer of finished runs' learners.", *of_runs)
    sub.add_argument("--layer", required=True, metavar="NAME", help="embedding, or stage1, stage2, ...")
    sub.add_argument("--limit", type=float, default=4.0, metavar="GB", help="store no more than this (default: 4)")
    group.verb(verbs.fuse, "Test finished learners that answer together.", *of_runs)
    group.verb(verbs.synthesise, "Make training images from the teacher alone.", *of_runs)
    sub = group.verb(verbs.select, "Choose the loss weights by both criteria.", of_study)
    sub.add_argument("output", type=Path, metavar="OUTPUT", help="the JSON file to write")
    sub.add_argument("--grid", required=True, metavar="JSON", help="the points to choose from: tune.grid")
    sub.add_argument("--seeds", nargs="+", type=int, required=True, metavar="N", help="of the runs on the grid")
    sub.add_argument("--students", nargs="+", required=True, metavar="NAME", help="in the study's order")
    group.verb(verbs.collect, "Gather the figures of all runs into R/results.csv.", of_study)
    group.verb(verbs.tables, "Write tables 1 to 3, the paper's numbers beside ours.", of_study)
    group.verb(verbs.examples, "Keep the few test images that figures 4 and 5 show.", of_study)
    shown = ["kdbench figures --only 2 3 --config presets/digits.yaml"]
    sub = group.verb(verbs.figures, "Draw figures 1 to 6.", of_study, shown=shown)
    sub.add_argument("--only", type=int, nargs="+", choices=range(1, 7), metavar="N", help="which (default: all)")
    group.verb(verbs.claims, "Judge each of the paper's claims.", of_study)
    group.verb(verbs.sensitivity, "Compare with what the paper leaves unsaid the other way.", of_study)
    group.verb(verbs.further, "Compare with the paper's next steps: students, epochs.", of_study)
    group.verb(verbs.gains, "Compare all methods of the study: gain, size, cost, data.", of_study)
    sub = group.verb(verbs.report, "Write the page, R/report.html.", of_study)
    about = (
        "what follows the target in the commands that the page prints (default: --configfile, the files of --config)"
    )
    sub.add_argument("--options", metavar="TEXT", help=about)
    return group


def look_at_it(add_parser: AddParser) -> Group:
    group = Group("look at it", add_parser)
    of_study = study_options()
    shown = ["kdbench plan", "kdbench plan --simulate --config presets/digits.yaml --overhead 14"]
    sub = group.verb(verbs.plan, "Print the runs of the study; trains nothing.", of_study, shown=shown)
    sub.add_argument(
        "--simulate",
        action="store_true",
        help="the study's wall time on 1 to 256 GPUs, from the measured seconds of its runs; into R/simulation.*",
    )
    about = "what a job costs beyond its epochs: about 3 on one machine, 14 on a small cluster (default: 0)"
    sub.add_argument("--overhead", type=float, default=0.0, metavar="SECONDS", help=about)
    shown = ["kdbench compare results/digits results/cifar10-jpeg"]
    sub = group.verb(verbs.compare, "Write one page over several finished studies.", shown=shown)
    sub.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a study's results folder")
    about = "the page (default: results/compare.html)"
    sub.add_argument("--output", type=Path, default=Path("results/compare.html"), metavar="FILE", help=about)
    group.verb(verbs.config, "Describe every key of the configuration, as in the docs.")
    sub = group.verb(verbs.networks, "List the networks with their parameters and FLOPs.")
    sub.add_argument("--image-size", type=int, default=32, metavar="PIXELS", help="(default: 32)")
    sub.add_argument("--channels", type=int, default=3, metavar="N", help="(default: 3)")
    sub.add_argument("--classes", type=int, default=10, metavar="N", help="(default: 10)")
    sub.add_argument("--markdown", action="store_true", help="as the table in the docs")
    shown = ["kdbench methods --teacher several --transfer aggregated", 'kdbench methods --knowledge "soft labels"']
    sub = group.verb(verbs.methods, "List the methods: the recipes a study can run.", shown=shown)
    about = "Only recipes that make these choices in the survey's model, all of them."
    choices = sub.add_argument_group("filters", about)
    for stage in filters():
        about = ", ".join(choices_of(stage))
        choices.add_argument(f"--{stage}", action="append", default=[], metavar="CHOICE", help=about)
    written = sub.add_argument_group("write", "In place of the list.")
    about = "the survey's Tables I and II from the recipes, and other methods' table: survey-*.csv, .md, .tex"
    written.add_argument("--tables", type=Path, metavar="FOLDER", help=about)
    about = "the survey's figures 1 to 6 with the recipes: survey-figure*.svg, .png"
    written.add_argument("--figures", type=Path, metavar="FOLDER", help=about)
    about = "these tables into a document, where it says <!-- methods survey-table1 --> and so on"
    written.add_argument("--page", type=Path, metavar="DOCUMENT", help=about)
    return group


def around_it(add_parser: AddParser) -> Group:
    group = Group("around it", add_parser)
    of_study = study_options()
    shown = ["kdbench doctor", "kdbench doctor --config presets/cifar10-jpeg.yaml"]
    group.verb(verbs.doctor, "Say whether a study can run here, and the way out if not.", of_study, shown=shown)
    shown = ["kdbench init my-study && cd my-study", "snakemake --configfile presets/digits.yaml"]
    sub = group.verb(verbs.init, "Copy the workflow's files to a folder, to run studies there.", shown=shown)
    sub.add_argument("folder", type=Path, metavar="FOLDER", help="made where there is none; nothing is overwritten")
    sub = group.verb(verbs.quote, "Bring the results that documents quote up to date.")
    sub.add_argument("documents", nargs="+", type=Path, metavar="DOCUMENT", help="a Markdown file with quotations")
    about = "folder of published studies (default: results/reference)"
    sub.add_argument("--studies", type=Path, default=Path("results/reference"), metavar="FOLDER", help=about)
    return group


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
        if "results" in arguments and arguments.action is not verbs.doctor:
            arguments.results = arguments.results or verbs.read_config(arguments).results
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
