# Every method of the study beside training from scratch and vanilla distillation, and where recipes stand in the survey.


rule compare_methods:
    input:
        "<results>/results.csv",
    output:
        csv=report(
            "<results>/gains/gains.csv",
            caption="../report/gains.rst",
            category="Gains",
            labels={"shows": "every method"},
        ),
        text="<results>/gains/gains.md",
        objectives=multiext("<results>/gains/objectives", ".csv", ".md"),
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


rule draw_survey:
    output:
        tables=report(
            expand("<results>/survey/survey-{name}.csv", name=SURVEY_TABLES),
            caption="../report/survey.rst",
            category="Survey",
            labels={"shows": "works and their choices"},
        ),
        texts=expand("<results>/survey/survey-{name}.{kind}", name=SURVEY_TABLES, kind=["md", "tex"]),
        svg=report(
            expand("<results>/survey/survey-figure{number}.svg", number=range(1, 7)),
            caption="../report/survey.rst",
            category="Survey",
            labels={"shows": "choices and who makes them"},
        ),
        png=expand("<results>/survey/survey-figure{number}.png", number=range(1, 7)),
    log:
        "<results>/logs/draw_survey.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        code=report_code("kdbench.report.survey.tables", "kdbench.report.survey.figures"),
    shell:
        "python3 -m kdbench methods --tables {params.results:q}/survey --figures {params.results:q}/survey"
        " > {log:q} 2>&1"
