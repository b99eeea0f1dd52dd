# Every method of the study beside training from scratch and vanilla distillation: gain, size, cost, fewer images.


rule compare_methods:
    input:
        "<results>/results.csv",
        facts=ancient("<results>/data/dataset.json") if HAS_SURVEY_CLAIMS else [],
    output:
        csv=report(
            "<results>/gains/gains.csv",
            caption="../report/gains.rst",
            category="Gains",
            labels={"shows": "every method"},
        ),
        text="<results>/gains/gains.md",
        claims=[f"<results>/gains/survey-claims.{kind}" for kind in ("csv", "md") if HAS_SURVEY_CLAIMS],
        svg=[
            report(
                f"<results>/gains/{name}.svg",
                caption="../report/gains.rst",
                category="Gains",
                labels={"shows": shows},
            )
            for name, shows in GAINS.items()
        ],
        png=expand("<results>/gains/{name}.png", name=GAINS),
    log:
        "<results>/logs/compare_methods.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        config=config_json,
        code=report_code("kdbench.report.gains.table"),
    shell:
        "python3 -m kdbench gains --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"
