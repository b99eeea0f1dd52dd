# The study as one DAG: from raw images to tables, figures, claims and the page.
#
#   snakemake                                      the paper itself: config.yaml
#   snakemake --configfile presets/digits.yaml     a preset over it, into its own results folder
#   snakemake plan | baselines | tables | figures | claims | report | gains | survey | sensitivity |
#             further
from snakemake.utils import min_version

min_version("9.19")


configfile: "config.yaml"


report: "workflow/report/study.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/gains.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/variations.smk"


localrules:
    all,
    baselines,
    tables,
    figures,
    claims,
    report,
    gains,
    survey,
    plan,


onstart:
    hold_results()
    # Its limit of 100 new jobs a second makes it go through all waiting jobs again every second: a third of a processor,
    # where a study has hundreds.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


rule all:
    default_target: True
    input:
        "<results>/report.html",
        selection_file(),
        run_files("metrics.json", "history.csv", "predictions-{learner}.npz"),


rule baselines:
    input:
        run_files("metrics.json", methods=["teacher", "scratch", "vanilla"]),


rule tables:
    input:
        rules.write_tables.output,


rule figures:
    input:
        rules.draw_figures.output,


rule claims:
    input:
        rules.judge_claims.output,


rule report:
    input:
        "<results>/report.html",


rule gains:
    input:
        rules.compare_methods.output,


rule survey:
    input:
        rules.compare_methods.output,
        rules.draw_survey.output,


rule plan:
    params:
        config=config_json,
    shell:
        "python3 -m kdbench plan --config {params.config:q}"
