# What the rules share: the checked configuration, the plan, and paths that follow from it.
import json
import os
import re
import shlex
import sys
from pathlib import Path

from kdbench.config import Config, check_config
from kdbench.digest import code_digest
from kdbench.errors import KdbenchError
from kdbench.overlay import merge, read_yaml, retyped
from kdbench.paper.survey import has_claims_on
from kdbench.plan import Plan
from kdbench.report.figures.example_rules import EXAMPLE_METHODS
from kdbench.run import DECLARATIONS
from kdbench.running import check_data, check_place, hold, settle_times
from kdbench.terms import criterion
from kdbench.variations import GROUPS, variations

# The rules' commands run with the Python that runs Snakemake; as a parameter its path would be one more reason to rerun.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), *os.get_exec_path()]))

OVERLAYS = [os.path.relpath(file) for file in workflow.overwrite_configfiles]
FILES = " + ".join(["config.yaml", *OVERLAYS])

# Where another Snakefile imports this one as a module, what it gives as config is complete, or else is laid over this
# workflow's own config.yaml, as a preset is: docs/module.md.
IS_MODULE = workflow.modifier.namespace is not None
IS_OVERLAY = IS_MODULE and not set(config) >= set(Config.model_fields)
BASE = read_yaml(workflow.source_path("../../config.yaml")) if IS_OVERLAY else {}
SOURCE = f"config of the module {workflow.modifier.namespace}" if IS_MODULE else FILES
# Keys from the command line are this workflow's own, unless a module's config is another than that of all.
GIVEN = retyped(workflow.config_settings.config) if config is workflow.modifier_stack[0].globals["config"] else {}

# What follows a target on the command line that gives this configuration: the page prints whole commands.
OPTIONS = ["--configfile", *OVERLAYS] if OVERLAYS else []
OPTIONS += ["--config", *(f"{key}={json.dumps(value)}" for key, value in GIVEN.items())] if GIVEN else []


def in_module(checked):
    """A module's configuration with the results folder as Snakemake fills it in, its `prefix:` and `pathvars:` included."""
    workflow.register_pathvars(**checked.pathvars)
    results = workflow.pathvars.apply(workflow.modifier.path_modifier.replace_prefix("<results>"))
    return checked.model_copy(update={"pathvars": {**checked.pathvars, "results": results}})


try:
    CONFIG = check_config(merge(merge(BASE, config), GIVEN), source=f"{SOURCE} + --config" if GIVEN else SOURCE)
    CONFIG = in_module(CONFIG) if IS_MODULE else CONFIG
    PLAN = Plan(CONFIG)
    if workflow.is_main_process:
        check_place(CONFIG.results)
        check_data(CONFIG.results, CONFIG.data.source)
        settle_times(CONFIG.results)
except KdbenchError as error:
    print(f"kdbench: {error}", file=sys.stderr)
    sys.exit(2)

RESULTS = str(CONFIG.results)

# A profile's default GPU type is for the rules that use a GPU only.
NO_GPU = {"gpu": None, "gpu_model": None, "gres": None}
ASKED_BY_GRES = "gres" in (workflow.resource_settings.default_resources or ())
ONE_GPU = {} if ASKED_BY_GRES else {"gpu": 1}
GPU = {**(NO_GPU if CONFIG.device == "cpu" else ONE_GPU), "slots_per_gpu": CONFIG.slots_per_gpu}

# What the comparison of all methods draws.
GAINS = {
    "over_scratch": "gain over scratch",
    "over_vanilla": "gain over vanilla distillation",
    "cost": "accuracy against size and cost",
    "data": "accuracy with fewer images",
}

SURVEY_TABLES = ("table1", "table2", "further")
HAS_SURVEY_CLAIMS = has_claims_on([lesson.method for lesson in PLAN.lessons])

# What the comparisons of a study's variations write beside a text and a figure.
COMPARED = {"sensitivity": ["effects", "claims", "distances"], "further": ["gains", "trends"]}


wildcard_constraints:
    **PLAN.wildcard_constraints(),
    layer=r"stage\d+|embedding",


def hold_results():
    """End here where another snakemake writes to the same results folder; `snakemake plan` writes nothing."""
    if "plan" in sys.argv:
        return
    try:
        hold(RESULTS)
    except KdbenchError as error:
        print(f"kdbench: {error}", file=sys.stderr)
        sys.exit(2)


# Parameters are functions where their text may hold braces, which Snakemake would take for wildcards.


def results_folder(wildcards):
    return RESULTS


def reuse_option(wildcards):
    return ["--reuse", CONFIG.reuse] if CONFIG.reuse else []


def config_json(wildcards):
    return CONFIG.model_dump_json()


def command_options(wildcards):
    return shlex.join(OPTIONS)


def comparisons(wildcards):
    """Texts of the study's variations, asked for now or compared before, which the page quotes."""
    return [f"<results>/{group}/{group}.md" for group in GROUPS if group in ASKED or has_compared(group)]


def has_compared(group):
    return os.path.exists(f"{RESULTS}/{group}/{group}.md")


def data_json(wildcards):
    return CONFIG.data.model_dump_json(exclude={"validation_fraction", "split_seed"})


def other_sources(source):
    """Modules of the data sources that this study does not read."""
    modules = {"digits": "kdbench.data.digits", "image-folder": "kdbench.data.image_folder"}
    chosen = modules.get(source, "kdbench.data.torchvision_source")
    return tuple({*modules.values(), "kdbench.data.torchvision_source"} - {chosen})


def run_files(*names, methods=None, seeds=None):
    """Those of these files that planned runs of these methods leave: names may hold {learner}, one file each."""
    files = []
    for planned in PLAN.runs.values():
        if methods is None or planned.method in methods:
            for seed in seeds or planned.seeds:
                for name in (name for name in names if name in planned.lesson.leaves):
                    learners = planned.learners if "{learner}" in name else [""]
                    files += [f"<results>/runs/{planned.name}/seed{seed}/{name.format(learner=l)}" for l in learners]
    return files


def selection_file():
    """selection.json, where there is a grid to select from."""
    return ["<results>/selection.json"] if any(lesson.tuning for lesson in PLAN.lessons) else []


def report_code(*modules):
    """Digest of what a step of the report depends on: its code, and the recipes, for their titles."""
    return lambda wildcards: [code_digest(*modules), *(recipe.model_dump_json() for recipe in PLAN.recipes)]


def lessons_by_seeds():
    """Each lesson with the seeds that one job carries out: a wildcard, or groups of seeds_per_job seeds."""
    size = CONFIG.seeds_per_job
    for lesson in PLAN.lessons:
        seeds = [str(seed) for run in PLAN.runs.values() if run.lesson is lesson for seed in run.seeds]
        seeds = list(dict.fromkeys(seeds))
        groups = [seeds[first : first + size] for first in range(0, len(seeds), size)]
        yield from ((lesson, group) for group in ([["{seed}"]] if size == 1 else groups))


def rule_name(name, seeds):
    return name if seeds == ["{seed}"] else f"{name}-seed{'+'.join(seeds)}"


def learners_files(name, pattern, folders):
    """A file a learner in each folder of a lesson's path pattern, or one for all where its name has no {learner}."""
    files = [f"{folder}/{name.format(learner=learner)}" for folder in folders for learner in pattern.learners]
    return list(dict.fromkeys(files))


def runs_of(pattern, seeds, wildcards):
    """The settings of the runs that these wildcards of a lesson's path pattern stand for, one a seed."""
    name = pattern.run.format(**wildcards)
    return [PLAN.run(name, int(seed.format(**wildcards))) for seed in seeds]


def settings_of(pattern, seeds):
    return lambda wildcards: [run.model_dump_json() for run in runs_of(pattern, seeds, wildcards)]


def code_of(pattern, seeds):
    return lambda wildcards: runs_of(pattern, seeds, wildcards)[0].code_digest()


def others_of(pattern, seeds):
    """Files of other runs that a lesson's runs read: their mentors' outputs, weights to start from, images made."""
    return lambda wildcards: list(
        dict.fromkeys(str(file) for run in runs_of(pattern, seeds, wildcards) for file in run.inputs(Path("<results>")))
    )


def images_of(lesson):
    """The packed training images, for lessons that learn from them."""
    return [] if lesson.images.made_by or not lesson.trains else ["<results>/data/train.safetensors"]


def selection_of(lesson):
    """The selected weights, for a lesson that takes its own from there."""
    return ["<results>/runs/selected.json"] if criterion(lesson, CONFIG) else []


def split_of(lesson):
    """The validation split, for lessons that hold images out."""
    return ["<results>/data/split.safetensors"] if PLAN.settings.holds_out(lesson) else []


def asked(group):
    """Whether the command line names a group: as a target, by a file below its folder, or, in a job, by one of its rules."""
    rules = re.compile(rf"(compare_)?{group}(-.*)?(:.*)?|share_data:.*\b{group}\b.*")
    return any(rules.fullmatch(word) or f"{RESULTS}/{group}/" in word for word in sys.argv[1:])
