# From metrics, histories and predictions to what people look at; no weights and no images needed but the few kept.

# What each shows, in Snakemake's own report.
TABLES = {1: "validation accuracy, by weights", 2: "test accuracy", 3: "regularisation"}
FIGURES = {
    1: "a student's loss",
    2: "training loss",
    3: "training accuracy",
    4: "learned from the teacher",
    5: "learned from a peer",
    6: "gains beside chance",
}


rule collect_results:
    input:
        run_files("metrics.json", "predictions-{learner}.npz"),
    output:
        "<results>/results.csv",
    log:
        "<results>/logs/collect_results.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.collect"),
    shell:
        "python3 -m kdbench collect --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"


rule write_tables:
    input:
        "<results>/results.csv",
    output:
        csv=[
            report(
                f"<results>/tables/table{number}.csv",
                caption=f"../report/table{number}.rst",
                category="Tables",
                labels={"table": str(number), "shows": shows},
            )
            for number, shows in TABLES.items()
        ],
        markdown=expand("<results>/tables/table{number}.md", number=TABLES),
        tex=expand("<results>/tables/table{number}.tex", number=TABLES),
    log:
        "<results>/logs/write_tables.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.tables"),
    shell:
        "python3 -m kdbench tables --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"


rule pick_examples:
    # Committed predictions have arbitrary times in a fresh clone, which has no images: listen to the weights instead.
    input:
        test="<results>/data/test.safetensors",
        weights=run_files("weights-{learner}.safetensors", methods=EXAMPLE_METHODS, seeds=CONFIG.seeds[:1]),
        predictions=ancient(run_files("predictions-{learner}.npz", methods=EXAMPLE_METHODS, seeds=CONFIG.seeds[:1])),
    output:
        "<results>/runs/examples.npz",
    log:
        "<results>/logs/pick_examples.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.figures.examples"),
    shell:
        "python3 -m kdbench examples --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"


rule draw_figures:
    input:
        "<results>/results.csv",
        "<results>/runs/examples.npz",
        run_files("history.csv"),
    output:
        svg=[
            report(
                f"<results>/figures/figure{number}.svg",
                caption=f"../report/figure{number}.rst",
                category="Figures",
                labels={"figure": str(number), "shows": shows},
            )
            for number, shows in FIGURES.items()
        ],
        png=expand("<results>/figures/figure{number}.png", number=FIGURES),
        csv=expand("<results>/figures/figure{number}.csv", number=FIGURES),
    log:
        "<results>/logs/draw_figures.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.figures.draw"),
    shell:
        "python3 -m kdbench figures --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"


rule judge_claims:
    input:
        "<results>/results.csv",
        run_files("predictions-{learner}.npz"),
    output:
        csv=report(
            "<results>/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "every claim, judged"},
        ),
        markdown="<results>/claims.md",
    log:
        "<results>/logs/judge_claims.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.claims"),
    shell:
        "python3 -m kdbench claims --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"


rule write_page:
    input:
        "<results>/results.csv",
        rules.write_tables.output,
        rules.judge_claims.output,
        rules.draw_figures.output,
        rules.compare_methods.output,
        comparisons,
    output:
        page=report(
            "<results>/report.html", caption="../report/page.rst", category="Page", labels={"shows": "the whole study"}
        ),
        configuration="<results>/study.yaml",
    log:
        "<results>/logs/write_page.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.page.page"),
        options=command_options,
    shell:
        "python3 -m kdbench report --config {params.config:q} --results {params.results:q} --options={params.options:q}"
        " > {log:q} 2>&1"
