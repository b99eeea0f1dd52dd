# What the rules share: the checked configuration, the plan, and paths that follow from it.
import json
import os
import sys

from kdbench.config import check_config, merge, retyped
from kdbench.digest import code_digest
from kdbench.errors import KdbenchError
from kdbench.plan import DECLARATIONS, Plan

# The rules' commands run with the Python that runs Snakemake; as a parameter its path would be one more reason to rerun.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), *os.get_exec_path()]))

FILES = " + ".join(["config.yaml", *(os.path.relpath(file) for file in workflow.overwrite_configfiles)])

try:
    CONFIG = check_config(merge(config, retyped(workflow.config_settings.config)), source=FILES)
    PLAN = Plan(CONFIG)
except KdbenchError as error:
    print(f"kdbench: {error}", file=sys.stderr)
    sys.exit(2)

RESULTS = str(CONFIG.results)
GPU = 0 if CONFIG.device == "cpu" else 1


# Whose test images figures 4 and 5 show.
EXAMPLE_METHODS = ["teacher", "scratch", "vanilla", "peer"]


wildcard_constraints:
    **PLAN.wildcard_constraints(),
    learner="teacher|" + PLAN.wildcard_constraints()["student"],


# Parameters are functions where their text may hold braces, which Snakemake would take for wildcards.


def results_folder(wildcards):
    return RESULTS


def config_json(wildcards):
    return CONFIG.model_dump_json()


def data_json(wildcards):
    return CONFIG.data.model_dump_json(exclude={"validation_fraction", "split_seed"})


def other_sources(source):
    """Modules of the data sources that this study does not read."""
    modules = {"digits": "kdbench.data.digits", "image-folder": "kdbench.data.image_folder"}
    chosen = modules.get(source, "kdbench.data.torchvision_source")
    return tuple({*modules.values(), "kdbench.data.torchvision_source"} - {chosen})


def run_files(*names, methods=None, seeds=None):
    """Files of the planned runs of these methods: names may hold {learner}, one file each."""
    files = []
    for planned in PLAN.runs.values():
        if methods is None or planned.method in methods:
            for seed in seeds or planned.seeds:
                for name in names:
                    learners = planned.learners if "{learner}" in name else [""]
                    files += [f"<results>/runs/{planned.name}/seed{seed}/{name.format(learner=l)}" for l in learners]
    return files


def selection_file():
    """selection.json, where there is a grid to select from."""
    return ["<results>/selection.json"] if any(lesson.tuning for lesson in PLAN.lessons) else []


def report_code(module):
    """Digest of what a step of the report depends on: its code, and the recipes, for their titles."""
    return lambda wildcards: [code_digest(module), *(recipe.model_dump_json() for recipe in PLAN.recipes)]


def training_of(lesson):
    """How the learners of a lesson are optimised."""
    return CONFIG.teacher.training if lesson.learners == "teacher" else CONFIG.training


def run_of(pattern, wildcards):
    """The settings of the run that these wildcards of a lesson's path pattern stand for."""
    return PLAN.run(pattern.run.format(**wildcards), int(wildcards.seed))


def settings_of(pattern):
    return lambda wildcards: run_of(pattern, wildcards).model_dump_json()


def code_of(pattern):
    return lambda wildcards: run_of(pattern, wildcards).code_digest()


def mentors_of(pattern):
    """Stored outputs of the mentors of a run."""
    return lambda wildcards: [
        f"<results>/runs/{mentor.run}/seed{mentor.seed}/outputs-{mentor.learner}.safetensors"
        for mentor in run_of(pattern, wildcards).mentors
    ]


def selection_of(lesson):
    """The selected weights, for a lesson that takes its own from there."""
    return ["<results>/runs/selected.json"] if PLAN.criterion(lesson) else []


def split_of(lesson):
    """The validation split, for lessons that hold images out."""
    return ["<results>/data/split.safetensors"] if PLAN.holds_out(lesson) else []
