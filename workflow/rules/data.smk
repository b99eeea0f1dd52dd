# Stage 1-2: the data set, packed once; every later step reads only that.


rule prepare_data:
    output:
        train="<results>/data/train.safetensors",
        test="<results>/data/test.safetensors",
        facts="<results>/data/dataset.json",
    log:
        "<results>/logs/prepare_data.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        data=data_json,
        code=code_digest("kdbench.data.prepare", without=DECLARATIONS + other_sources(CONFIG.data.source)),
    shell:
        "python3 -m kdbench prepare --data {params.data:q} --results {params.results:q} > {log:q} 2>&1"


rule split_validation:
    input:
        "<results>/data/train.safetensors",
    output:
        "<results>/data/split.safetensors",
    log:
        "<results>/logs/split_validation.log",
    resources:
        **NO_GPU,
    params:
        results=results_folder,
        fraction=CONFIG.data.validation_fraction,
        seed=CONFIG.data.split_seed,
        code=code_digest("kdbench.data.split", without=DECLARATIONS),
    shell:
        "python3 -m kdbench split --fraction {params.fraction} --split-seed {params.seed}"
        " --results {params.results:q} > {log:q} 2>&1"
