# What the paper leaves unsaid, one change at a time: the whole study again below <results>/sensitivity/<change>, as a module
# with another configuration. Data and all runs that a change does not touch are taken from the study itself.

if not IS_MODULE and any("sensitivity" in argument for argument in sys.argv):

    VARIANTS = variants(CONFIG)

    for VARIANT, changed in VARIANTS.items():
        PREFIX = f"sensitivity-{VARIANT}-"

        module:
            name: VARIANT
            snakefile:
                "../../Snakefile"
            config:
                changed.model_dump(mode="json")

        use rule * from VARIANT exclude prepare_data, split_validation as PREFIX*

    rule share_data:
        input:
            finished="<results>/results.csv",
            train="<results>/data/train.safetensors",
            test="<results>/data/test.safetensors",
            facts="<results>/data/dataset.json",
            split="<results>/data/split.safetensors",
        output:
            train="<results>/sensitivity/{variant}/data/train.safetensors",
            test="<results>/sensitivity/{variant}/data/test.safetensors",
            facts="<results>/sensitivity/{variant}/data/dataset.json",
            split="<results>/sensitivity/{variant}/data/split.safetensors",
        log:
            "<results>/logs/share_data-{variant}.log",
        resources:
            **NO_GPU,
        shell:
            'for file in {output:q}; do ln -sf ../../../data/$(basename "$file") "$file"; done > {log:q} 2>&1'

    rule compare_variants:
        input:
            "<results>/results.csv",
            "<results>/claims.csv",
            expand(
                "<results>/sensitivity/{variant}/{file}",
                variant=CONFIG.sensitivity,
                file=["results.csv", "claims.csv"],
            ),
        output:
            effects="<results>/sensitivity/effects.csv",
            claims="<results>/sensitivity/claims.csv",
            text="<results>/sensitivity/sensitivity.md",
            figure=expand("<results>/sensitivity/sensitivity.{kind}", kind=["svg", "png"]),
        log:
            "<results>/logs/compare_variants.log",
        resources:
            **NO_GPU,
        params:
            results=results_folder,
            config=config_json,
            code=report_code("kdbench.report.sensitivity"),
        shell:
            "python3 -m kdbench sensitivity --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"

    rule sensitivity:
        input:
            "<results>/sensitivity/sensitivity.md",
