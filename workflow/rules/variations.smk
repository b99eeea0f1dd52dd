# The study with one change at a time, whole, below <results>/sensitivity/<change> and <results>/further/<change>: a module
# each, with another configuration. Data, and all runs that a change does not touch, are taken from the study itself.

ASKED = [group for group in GROUPS if not IS_MODULE and asked(group)]
VARIATIONS = {group: variations(CONFIG, group) for group in ASKED}

for GROUP, CHANGES in VARIATIONS.items():
    for CHANGE, changed in CHANGES.items():
        MODULE, PREFIX = f"{GROUP}-{CHANGE}", f"{GROUP}-{CHANGE}-"

        module:
            name: MODULE
            snakefile:
                "../../Snakefile"
            config:
                changed.model_dump(mode="json")

        use rule * from MODULE exclude prepare_data, split_validation as PREFIX*


if ASKED:

    rule share_data:
        # The study's own runs must be there first, to be taken: of them, what no clone holds and only training changes.
        input:
            run_files("weights-{learner}.safetensors"),
            train="<results>/data/train.safetensors",
            test="<results>/data/test.safetensors",
            facts="<results>/data/dataset.json",
            split="<results>/data/split.safetensors",
        output:
            train="<results>/{group}/{change}/data/train.safetensors",
            test="<results>/{group}/{change}/data/test.safetensors",
            facts="<results>/{group}/{change}/data/dataset.json",
            split="<results>/{group}/{change}/data/split.safetensors",
        log:
            "<results>/logs/share_data-{group}-{change}.log",
        resources:
            **NO_GPU,
        shell:
            'for file in {output:q}; do ln -sf ../../../data/$(basename "$file") "$file"; done > {log:q} 2>&1'


for GROUP in ASKED:

    rule:
        name:
            f"compare_{GROUP}"
        input:
            "<results>/results.csv",
            "<results>/claims.csv",
            expand(
                f"<results>/{GROUP}/{{change}}/{{file}}", change=VARIATIONS[GROUP], file=["results.csv", "claims.csv"]
            ),
        output:
            csv=[
                report(
                    f"<results>/{GROUP}/{name}.csv",
                    caption=f"../report/{GROUP}.rst",
                    category=GROUP.capitalize(),
                    labels={"shows": name},
                )
                for name in COMPARED[GROUP]
            ],
            text=f"<results>/{GROUP}/{GROUP}.md",
            figure=report(
                f"<results>/{GROUP}/{GROUP}.svg",
                caption=f"../report/{GROUP}.rst",
                category=GROUP.capitalize(),
                labels={"shows": "figure"},
            ),
            png=f"<results>/{GROUP}/{GROUP}.png",
        log:
            f"<results>/logs/compare_{GROUP}.log",
        resources:
            **NO_GPU,
        params:
            results=results_folder,
            config=config_json,
            code=report_code(f"kdbench.report.{GROUP}"),
            verb=GROUP,
        shell:
            "python3 -m kdbench {params.verb} --config {params.config:q} --results {params.results:q} > {log:q} 2>&1"

    rule:
        name:
            GROUP
        input:
            f"<results>/{GROUP}/{GROUP}.md",
